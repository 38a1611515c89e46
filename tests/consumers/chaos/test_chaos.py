"""The kit at work: with the fence every promise holds, and without it the checker sees."""

from pathlib import Path

import orjson
import pytest

from consumers.chaos.checker import check
from consumers.chaos.faults import Fault
from consumers.chaos.figures import figures
from consumers.chaos.plan import Plan
from consumers.chaos.play import play
from producers.cli.app import new_app
from producers.cli.boundary import run

HANDLERS = "tests.consumers.chaos.handlers:open_registry"


async def test_a_short_run_of_kills_freezes_and_crashes_breaks_no_promise(
    server_binary: Path, tmp_path: Path
) -> None:
    faults = frozenset({Fault.KILL, Fault.FREEZE, Fault.DROP, Fault.CRASH, Fault.FORGET})
    plan = Plan(
        seed=17,
        seconds=5,
        jobs=150,
        directory=tmp_path,
        workers=3,
        supervised=0,
        faults=faults,
        every_s=1.3,
    )

    history = await play(plan, server_binary)

    violations = check(history)
    assert violations == []
    found = figures(history, violations)
    assert (found.jobs, found.lost, found.duplicates, found.stale_recorded) == (150, 0, 0, 0)
    assert found.completed + found.dead == 150
    assert sum(found.faults.values()) >= 2


async def test_without_the_fence_the_checker_finds_outcomes_that_were_recorded_twice(
    server_binary: Path, tmp_path: Path
) -> None:
    """With handlers of somebody else, as a user of the kit would run it.

    Commands of a worker that is cut off arrive when it is not any more: outcomes of jobs
    that others have meanwhile.
    """
    jobs = tmp_path / "jobs.jsonl"
    jobs.write_bytes(orjson.dumps({"kind": "mine.thumbnail", "payload": {"ms": 300}}))
    plan = Plan(
        # Twelve times cut off, ten of them for longer than the lease: one may find no
        # outcome on its way.
        seed=143,
        seconds=9,
        jobs=600,
        directory=tmp_path / "run",
        lease_ms=1_000,
        workers=4,
        supervised=0,
        faults=frozenset({Fault.BLACKHOLE}),
        every_s=0.8,
        fenced=False,
        handlers=HANDLERS,
        payloads=jobs,
    )

    violations = check(await play(plan, server_binary))

    assert {"recorded once", "fenced"} & {each.rule for each in violations}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--faults", "kil"], "there is no fault 'kil': did you mean kill?"),
        (["--handler", HANDLERS], "--handler needs --payloads"),
    ],
)
def test_a_mistake_is_one_line(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(new_app(), ["chaos", *arguments]) == 1

    assert complaint in capsys.readouterr().err


def test_a_file_that_holds_no_jobs_is_refused_with_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs = tmp_path / "jobs.jsonl"
    jobs.write_text('{"kind": "mine.thumbnail", "payload": {"ms": 1}}\n{"kind": 3\n')

    arguments = ["--payloads", str(jobs), "--handler", HANDLERS, "--out", str(tmp_path / "out")]
    assert run(new_app(), ["chaos", *arguments]) == 1

    assert f"line 2 of {jobs} is no job" in capsys.readouterr().err
