"""`make mutants`: is there a test for every line of every script?

    make mutants                         # all of them
    make mutants ARGS="settle claim"     # of some scripts
    make mutants ARGS="--sample 100"     # so many, drawn at random

Works on a copy of the tree, so that it may be edited meanwhile. The exit status is 1 where
a mutant survives that `explained.toml` does not explain, or where an explanation fits none.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.mutants.explained import explanations, reason_of
from tests.mutants.mutate import Mutant, mutants_of, script_names
from tests.mutants.selection import places_of_tests
from tests.support.servers import choose_server

ROOT = Path(__file__).parents[2]
COPIED = ("streams", "producers", "consumers", "tests", "docs", "pyproject.toml", "README.md")


@dataclass(frozen=True)
class Result:
    """What became of a mutant: the test that noticed it, or the reason why none can."""

    mutant: Mutant
    by: str
    reason: str = ""

    @property
    def fate(self) -> str:
        """Killed, explained or survived."""
        return "killed" if self.by else "explained" if self.reason else "survived"


def main() -> int:
    """Make the mutants, try them, print a table; the exit status."""
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("scripts", nargs="*", help="names without .lua (default: all)")
    parser.add_argument("--sample", type=int, default=0, help="so many at random")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="at a time")
    parser.add_argument("--seed", type=int, default=None, help="of the sample")
    parser.add_argument("--all", action="store_true", help="try the explained ones too")
    parser.add_argument("--quick", action="store_true", help="only each script's own tests")
    parser.add_argument("--list", action="store_true", help="print the mutants and try none")
    wanted = parser.parse_args()
    if unknown := set(wanted.scripts) - set(script_names()):
        parser.error(f"no such script: {', '.join(sorted(unknown))}")
    mutants = [each for name in wanted.scripts or script_names() for each in mutants_of(name)]
    if wanted.list:
        _say("\n".join(each.name for each in mutants))
        return 0
    known = explanations()
    stale = [
        each
        for each in known
        if (not wanted.scripts or each.script in wanted.scripts)
        and not any(each.fits(mutant) for mutant in mutants)
    ]
    if wanted.sample:
        drawn = random.Random(wanted.seed).sample(range(len(mutants)), wanted.sample)
        mutants = [mutants[number] for number in sorted(drawn)]
    began = time.monotonic()
    tried = [each for each in mutants if wanted.all or not reason_of(each, known)]
    rows = _try(tried, wanted.jobs, quick=wanted.quick)
    results = [Result(each, rows.get(each, ""), reason_of(each, known)) for each in mutants]
    _print_table(results, time.monotonic() - began)
    for odd in stale:
        _say(f"explained.toml explains what is not there: {odd.script}: {odd.was} => {odd.now}")
    survived = [each for each in results if each.fate == "survived"]
    for each in survived:
        _say(f"SURVIVED {each.mutant.name}")
    return 1 if survived or stale else 0


def _try(mutants: Sequence[Mutant], jobs: int, *, quick: bool) -> dict[Mutant, str]:
    """Each mutant with the test that noticed it."""
    with tempfile.TemporaryDirectory(prefix="millstream-mutants-") as name:
        folder = Path(name)
        tree = folder / "tree"
        for each in COPIED:
            _copy(ROOT / each, tree / each)
        results = folder / "results"
        plan = folder / "plan.json"
        plan.write_text(
            json.dumps(
                {
                    "mutants": [asdict(mutant) for mutant in mutants],
                    "results": str(results),
                    "server": str(choose_server({**os.environ, **_SERVER}).binary),
                    "jobs": jobs,
                    "quick": quick,
                }
            )
        )
        command = [sys.executable, "-m", "pytest", "-p", "tests.mutants.plugin", "-q", "-n0"]
        command += ["-p", "no:cacheprovider", "-o", "timeout=30", *places_of_tests(tree)]
        environment = {**os.environ, **_SERVER, "MILLSTREAM_MUTANTS_PLAN": str(plan)}
        process = subprocess.Popen(
            command, cwd=tree, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        try:
            return _follow(process, results, mutants)
        finally:
            process.terminate()
            process.wait()


#: How often a long run says how far it is.
SAYS_EVERY_S = 30

#: The same server for every mutant: what counts is the script.
_SERVER = {"MILLSTREAM_TEST_SERVER": "path"}


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)


def _follow(
    process: subprocess.Popen[bytes], results: Path, mutants: Sequence[Mutant]
) -> dict[Mutant, str]:
    """Say how far it is now and then, until all is done."""
    shown: set[Mutant] = set()
    said: bytes | None = None
    while said is None:
        try:
            said, _ = process.communicate(timeout=SAYS_EVERY_S)
        except subprocess.TimeoutExpired:
            done = [row for row in _rows(results) if "number" in row]
            alive = [mutants[row["number"]] for row in done if not row["by"]]
            for mutant in alive:
                if mutant not in shown:
                    _say(f"alive: {mutant.name}")
            shown.update(alive)
            _say(f"{len(done)} of {len(mutants)} tried, {len(alive)} alive")
    rows = _rows(results)
    numbered = [row for row in rows if "number" in row]
    if len(numbered) < len(mutants):
        _say(said.decode(errors="replace")[-4000:])
        raise SystemExit(f"only {len(numbered)} of {len(mutants)} mutants were tried")
    for row in rows:
        if "broken" in row:
            _say(f"fails without any mutant, and was left out: {row['broken']}")
    return {mutants[row["number"]]: row["by"] for row in numbered}


def _rows(results: Path) -> list[dict[str, Any]]:
    lines = results.read_text().splitlines() if results.exists() else []
    return [json.loads(line) for line in lines]


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _print_table(results: Sequence[Result], seconds: float) -> None:
    counted = Counter((each.mutant.script, each.fate) for each in results)
    fates = ("killed", "explained", "survived")
    _say(f"{'script':<16}{'mutants':>9}" + "".join(f"{fate:>11}" for fate in fates))
    for script in sorted({each.mutant.script for each in results}):
        numbers = [counted[script, fate] for fate in fates]
        _say(f"{script:<16}{sum(numbers):>9}" + "".join(f"{number:>11}" for number in numbers))
    totals = [sum(each.fate == fate for each in results) for fate in fates]
    _say(f"{'all':<16}{len(results):>9}" + "".join(f"{number:>11}" for number in totals))
    _say(f"{seconds:.0f} s")


if __name__ == "__main__":
    sys.exit(main())
