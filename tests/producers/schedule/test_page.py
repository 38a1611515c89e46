"""The examples of docs/schedules.md, in their order, and the bounds that it names."""

import shlex
from pathlib import Path

import pytest
from redis.asyncio import Redis

from producers.schedule.schedule import GRACE_MAX, JITTER_MAX, MISSED_MAX, TIMEOUT_MAX, Schedule
from producers.schedule.scheduler import REREAD
from streams.keys import Keys
from streams.schedules import DEFINITION_BYTES_MAX, SCHEDULES_MAX
from tests.producers.cli.conftest import Command, command, on_the_server
from tests.support.pages import blocks
from tests.support.processes import Processes

__all__ = ["command", "on_the_server"]

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "schedules.md").read_text()
EXAMPLES = [
    line.removeprefix("$ millstream ")
    for block in blocks(PAGE, "console")
    for line in block.splitlines()
]


@pytest.mark.leaves_jobs
@pytest.mark.usefixtures("on_the_server")
async def test_the_commands_work_in_their_order(command: Command, client: Redis) -> None:
    verbs = [example.split()[1] for example in EXAMPLES]
    assert verbs == ["add", "list", "show", "run-now", "pause", "resume", "add", "remove"]

    for example in EXAMPLES:
        result = await command(*shlex.split(example))
        assert (result.status, result.err) == (0, ""), example
        assert "nightly" in result.out

    assert await client.exists(Keys("greetings").schedules) == 0


async def test_the_program_runs_as_it_stands_there(
    client: Redis, redis_url: str, processes: Processes, tmp_path: Path
) -> None:
    [program] = blocks(PAGE, "python")
    (tmp_path / "program.py").write_text(program)

    running = processes.start(
        "python",
        tmp_path / "program.py",
        environment={"PYTHONPATH": str(ROOT), "REDIS_URL": redis_url},
    )

    assert running.wait(30) == 0, running.output()
    assert running.output() == "hourly comes 24 times a day\n"
    assert await client.hget(Keys("greetings").schedule("hourly"), "times") == b"@hourly UTC"


def test_every_field_is_in_the_table() -> None:
    table = PAGE.partition("## What a schedule says")[2].partition("\n\nA queue")[0]

    assert [name for name in Schedule.model_fields if f"`{name}`" not in table] == []


def test_the_bounds_are_those_of_the_code() -> None:
    assert f"1 to {MISSED_MAX:,}" in PAGE
    assert (GRACE_MAX.days, JITTER_MAX.total_seconds(), REREAD.seconds) == (1, 3600, 5)
    assert f"up to {TIMEOUT_MAX.days} days" in PAGE
    assert f"{SCHEDULES_MAX} schedules, each of up to {DEFINITION_BYTES_MAX // 1024} KiB" in PAGE
