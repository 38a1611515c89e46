"""`make model`: as many transitions as one has time for.

    make model ARGS="--transitions 100000 --seed 7"
    make model ARGS="--server embedded"

Prints how many were done, how fast, and what broke, shortened, with the seed that does it
again. The exit status is 1 where something did.
"""

import argparse
import os
import sys
import time
import traceback
from secrets import randbelow

from tests.model.runs import STEPS, run_machine
from tests.support.servers import SOURCES, choose_server

#: Runs of one batch: a line is printed after each.
BATCH_RUNS = 100


def main() -> int:
    """Run the machine and print what it found; the exit status."""
    parser = argparse.ArgumentParser(prog="make model", description=__doc__)
    parser.add_argument("--transitions", type=int, default=20_000, help="at least so many")
    parser.add_argument("--seed", type=int, default=None, help="draw the same events again")
    parser.add_argument(
        "--server", choices=[*SOURCES, "auto"], default="path", help="which Redis (default: path)"
    )
    wanted = parser.parse_args()
    seed = randbelow(1_000_000) if wanted.seed is None else wanted.seed
    chosen = choose_server({**os.environ, "MILLSTREAM_TEST_SERVER": wanted.server})
    _say(f"redis {chosen.version}, seed {seed}, runs of {STEPS} transitions")
    with chosen.start() as url:
        return _run(url, wanted.transitions, seed)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _run(url: str, transitions: int, seed: int) -> int:
    began, done, batch, rate = time.monotonic(), 0, 0, 0.0
    while done < transitions:
        # Each batch has a seed of its own that follows from the first one.
        found = run_machine(url, runs=BATCH_RUNS, from_seed=seed * 100_000 + batch)
        done, batch = done + found.transitions, batch + 1
        rate = done / (time.monotonic() - began)
        _say(f"{done} transitions, {rate:.0f}/s")
        if found.failure is not None:
            traceback.print_exception(found.failure, limit=-3)
            _say("\n".join(getattr(found.failure, "__notes__", [])))
            _say(f"1 violation after {done} transitions: --seed {seed}")
            return 1
    _say(f"0 violations in {done} transitions, {rate:.0f}/s, seed {seed}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
