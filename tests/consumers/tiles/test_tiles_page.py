"""The examples of `docs/tiles.md` run as they stand there."""

import shlex
from pathlib import Path

import numpy as np
import pytest
from redis.asyncio import Redis

from consumers.handlers.tiles.atmosphere import forecast
from consumers.handlers.tiles.ingest import ingest_fields
from consumers.handlers.tiles.system import open_data
from producers.tilepriority import (
    INTERACTIVE_PRIORITY,
    PREFETCH_PRIORITY,
    SCHEDULED_PRIORITY,
    WARM_PRIORITY,
)
from streams.priority import Priority
from tests.support.pages import blocks
from tests.support.processes import Processes
from tests.support.tiledata import RUN

PAGE = (Path(__file__).parents[3] / "docs" / "tiles.md").read_text()
REDIS = "redis://localhost:6379"


@pytest.mark.leaves_jobs
def test_the_example_asks_for_what_it_says(
    redis_url: str, processes: Processes, tmp_path: Path
) -> None:
    [example] = [each for each in blocks(PAGE, "python") if "prefetch_neighbors" in each]
    assert REDIS in example
    (tmp_path / "example.py").write_text(example.replace(REDIS, redis_url))

    asking = processes.start("python", tmp_path / "example.py")

    assert asking.wait(60) == 0
    assert asking.output() == (
        "78 places, 312 tiles\n16 of 24 around are new\n156 tiles wait for the year 2040\n"
    )


@pytest.mark.leaves_jobs
async def test_every_command_of_the_page_does_something(
    client: Redis,
    redis_url: str,
    processes: Processes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("eccodes")
    from tests.support.gribfiles import (  # noqa: PLC0415 - an extra
        grib_message,
        regular_grid,
        write_grib,
    )

    monkeypatch.chdir(tmp_path)
    environment = {"MILLSTREAM_DATA_DIR": str(tmp_path / "data"), "REDIS_URL": redis_url}
    async with open_data(environment) as data:
        coming = forecast(RUN.replace(year=2040), hours=(0, 3), step_deg=5.0, model="gfs")
        await ingest_fields(coming, data.catalog, data.store)
    keys = {**regular_grid(12, 7), "centre": "ecmf"}
    values = np.arange(84, dtype=float).reshape(7, 12)
    names = ("2t", "10u", "10v")
    messages = [grib_message(values, keys={**keys, "shortName": name}) for name in names]
    write_grib(tmp_path / "new.grib2", messages)

    [script] = [each for each in blocks(PAGE, "sh") if "tiles warm" in each]
    for line in script.splitlines():
        command = processes.start(*shlex.split(line), environment=environment)
        assert command.wait(60) == 0, command.output()
        said = command.output()
        assert "Nothing was enqueued" in said or " jobs enqueued for " in said
        assert "\n0 jobs" not in f"\n{said}"
    assert await client.exists("millstream:{tiles:0}:low")


def test_the_table_of_priorities_is_that_of_the_program() -> None:
    numbers = (INTERACTIVE_PRIORITY, PREFETCH_PRIORITY, WARM_PRIORITY, SCHEDULED_PRIORITY)
    for number in numbers:
        assert f"| {number} | {Priority.of(number)} |" in PAGE
