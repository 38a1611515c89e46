"""`millstream tiles warm`, `schedule`, `announce`, and what `ingest` announces."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest
from redis.asyncio import Redis

from consumers.handlers.tiles.ingest import ingest_fields
from producers.manager import QueueManager
from streams.keys import Keys
from tests.consumers.tiles.typed import complaint, millstream
from tests.support.tiledata import make_field, open_tile_data

pytestmark = pytest.mark.usefixtures("folder")

KEYS = Keys("tiles")
WARM = ("warm", "--layer", "test_TMP_2m", "--style", "temperature", "--max-zoom", "4")


@pytest.mark.leaves_jobs
@pytest.mark.usefixtures("filled")
def test_warming_the_levels_0_to_4_makes_exactly_341_jobs(
    redis_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert millstream(*WARM, "--redis-url", redis_url) == 0
    assert "341 jobs enqueued" in capsys.readouterr().out

    assert millstream(*WARM, "--redis-url", redis_url) == 0
    out = capsys.readouterr().out
    assert "0 jobs enqueued" in out
    assert "341 more were waiting already" in out


@pytest.mark.leaves_jobs
def test_warming_may_be_asked_for_without_a_catalog(
    redis_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = (*WARM, "--min-zoom", "4", "--unchecked", "--redis-url", redis_url)

    assert millstream(*arguments) == 0

    assert "256 jobs enqueued" in capsys.readouterr().out


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (("-l", "test_TMP_3m", "--max-zoom", "4"), 1, "unknown layer"),
        (("-l", "test_TMP_2m", "-s", "heat", "--max-zoom", "4"), 1, "style 'heat'"),
        (("-l", "test_TMP_2m", "--max-zoom", "2", "--min-zoom", "3"), 2, "--min-zoom 3 is larger"),
        (("-l", "test_TMP_2m", "--max-zoom", "20"), 2, "tiles, at most 2000000 are allowed"),
        (("-l", "test_TMP_2m", "--max-zoom", "31"), 2, "--max-zoom"),
        (("-l", "test_TMP_2m", "--max-zoom", "4", "--priority", "256"), 2, "--priority"),
        (("-l", "test_TMP_2m", "--max-zoom", "4", "--crs", "EPSG:3413"), 2, "has no pyramid"),
        (("-l", "test_TMP_2m", "--max-zoom", "4", "--bbox", "1,2,3"), 2, "west,south,east,north"),
        (("-l", "test_TMP_2m", "--max-zoom", "4", "--bbox", "0,86,9,90"), 2, "beyond the edge"),
        (("-l", "test_TMP_2m", "--max-zoom", "4", "--time", "noon"), 2, "'noon' is no time"),
        (("-l", "a b", "--max-zoom", "4"), 1, "layer: "),
    ],
)
def test_a_mistake_in_warming_enqueues_nothing(
    arguments: tuple[str, ...],
    status: int,
    says: str,
    redis_url: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert millstream("warm", *arguments, "--redis-url", redis_url) == status

    assert says in complaint(capsys)


@pytest.mark.usefixtures("filled")
def test_a_redis_that_is_not_there_is_one_line_without_its_password(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert millstream(*WARM, "--redis-url", "redis://:hidden@127.0.0.1:1/") == 1

    told = complaint(capsys)
    assert "no Redis at redis://:***@127.0.0.1:1/" in told
    assert "hidden" not in told


def test_a_dry_run_says_how_many_tiles_of_each_level_and_needs_neither_redis_nor_catalog(
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = (*WARM, "--bbox", "-25,34,45,72", "--dry-run", "--unchecked")

    assert millstream(*arguments, "--redis-url", "redis://127.0.0.1:1/") == 0

    out = capsys.readouterr().out
    rows = [line.split() for line in out.splitlines()]
    assert ["4", "16", "16"] in rows
    assert ["all", "29", "29"] in rows
    assert "Nothing was enqueued." in out


@pytest.mark.usefixtures("filled")
def test_a_dry_run_counts_every_style_and_time(capsys: pytest.CaptureFixture[str]) -> None:
    times = ("--time", "2026-11-22T06:00Z", "--time", "2026-11-22T12:00Z")

    assert millstream(*WARM, "-s", "default", *times, "--dry-run", "--json") == 0

    said = json.loads(capsys.readouterr().out)
    assert said["tiles_by_zoom"] == {"0": 4, "1": 16, "2": 64, "3": 256, "4": 1024}
    assert (said["tiles"], said["dry_run"]) == (4 * 341, True)
    assert said["styles"] == ["temperature", "default"]
    assert said["times"] == ["2026-11-22T06:00:00Z", "2026-11-22T12:00:00Z"]


@pytest.mark.leaves_jobs
@pytest.mark.usefixtures("filled")
def test_an_area_is_warmed_and_told_as_json(
    redis_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    area = ("--bbox", "170,-25,-170,-10", "--crs", "EPSG:4326", "--json")

    assert millstream(*WARM, *area, "--redis-url", redis_url) == 0

    said = json.loads(capsys.readouterr().out)
    assert (said["crs"], said["enqueued"], said["existing"], said["refused"]) == (
        "EPSG:4326",
        said["tiles"],
        0,
        0,
    )
    assert said["tiles_by_zoom"] == {"0": 2, "1": 2, "2": 2, "3": 4, "4": 6}


SCHEDULE = ("schedule", "--layer", "test_TMP_2m", "--style", "temperature", "--max-zoom", "2")


@pytest.fixture
def coming(folder: Path) -> list[datetime]:
    """A run whose hours are in the past, in two minutes, and in three and six hours."""
    run = datetime.now(tz=UTC).replace(microsecond=0) - timedelta(hours=3)
    ahead = (0, 182 / 60, 6, 9)

    async def fill() -> None:
        async with open_tile_data(folder) as data:
            fields = [make_field(run=run, hours=hours) for hours in ahead]
            await ingest_fields(fields, data.catalog, data.store)

    anyio.run(fill)
    return [run + timedelta(hours=hours) for hours in ahead]


@pytest.mark.leaves_jobs
async def test_the_coming_hours_of_the_newest_run_are_scheduled_once(
    client: Redis, redis_url: str, coming: list[datetime], capsys: pytest.CaptureFixture[str]
) -> None:
    def schedule(*more: str) -> str:
        assert millstream(*SCHEDULE, *more, "--redis-url", redis_url) == 0
        return capsys.readouterr().out

    first = await anyio.to_thread.run_sync(schedule)
    again = await anyio.to_thread.run_sync(schedule)

    assert "63 jobs enqueued for test_TMP_2m, levels 0 to 2, 3 times (" in first
    assert "1 time has passed and has been left out." in first
    assert "0 jobs enqueued" in again
    assert "63 more were waiting already." in again
    # Two minutes are less than five: that hour is for now.
    due: Any = await client.zrange(KEYS.delayed, 0, -1, withscores=True)
    assert sorted({score for _, score in due}) == [
        (time - timedelta(minutes=5)).timestamp() * 1000 for time in coming[2:]
    ]


@pytest.mark.leaves_jobs
def test_hours_may_be_named_without_a_catalog(
    redis_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    time = (datetime.now(tz=UTC) + timedelta(days=1)).isoformat()
    arguments = ("--time", time, "--unchecked", "--before", "1h", "--json")

    assert millstream(*SCHEDULE, *arguments, "--redis-url", redis_url) == 0

    said = json.loads(capsys.readouterr().out)
    assert (said["enqueued"], said["lead_s"], said["times_passed"]) == (21, 3600, 0)


@pytest.mark.usefixtures("filled")
def test_a_run_that_has_passed_leaves_nothing_to_schedule(
    redis_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--time", "2020-01-01T00:00Z", "--unchecked", "--redis-url", redis_url)

    assert millstream(*SCHEDULE, *arguments) == 0

    out = capsys.readouterr().out
    assert "0 jobs enqueued" in out
    assert "1 time has passed and has been left out." in out


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (("--run", "2026-11-22T07:00Z"), 1, "has no run of 2026-11-22T07:00:00Z"),
        (("--run", "x"), 2, "'x' is no time"),
        (("--run", "2026-11-22T06:00Z", "--time", "2026-11-22T06:00Z"), 2, "either a --run or"),
        (("--unchecked",), 2, "--unchecked needs each --time"),
        (("--before", "soon"), 1, "a span of time is written like"),
        (("--layer", "test_TMP_3m"), 1, "unknown layer"),
        (("--style", "heat"), 1, "style 'heat'"),
    ],
)
def test_a_mistake_in_scheduling_enqueues_nothing(
    arguments: tuple[str, ...],
    status: int,
    says: str,
    redis_url: str,
    coming: list[datetime],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert coming
    assert millstream(*SCHEDULE, *arguments, "--redis-url", redis_url) == status

    assert says in complaint(capsys)


RULE = "ifs_TMP_2m:temperature:0-2"


@pytest.mark.leaves_jobs
def test_an_ingest_asks_for_tiles_of_what_it_made(
    forecast_file: Path,
    redis_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """By the environment and by the option."""
    monkeypatch.setenv("MILLSTREAM_TILES_WARM", "ifs_WIND_*:wind_speed:0")
    ingest = ("ingest", forecast_file, "--warm", RULE, "--redis-url", redis_url)

    assert millstream(*ingest) == 0
    out = capsys.readouterr().out
    assert "ifs_WIND_10m" in out
    assert "22 jobs enqueued for 2 announcements." in out

    assert millstream(*ingest, "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["announced"] == {"enqueued": 0, "existing": 0, "announced": [], "left_out": []}


def test_without_a_rule_an_ingest_needs_no_redis(
    forecast_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert millstream("ingest", forecast_file, "--json", "--redis-url", "redis://127.0.0.1:1/") == 0

    assert json.loads(capsys.readouterr().out)["announced"] is None


@pytest.mark.leaves_jobs
@pytest.mark.parametrize("option", [(), ("--json",)])
def test_without_redis_the_layers_are_there_and_their_tiles_are_asked_for_later(
    option: tuple[str, ...],
    forecast_file: Path,
    redis_url: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    gone = ("--redis-url", "redis://127.0.0.1:1/")

    assert millstream("ingest", forecast_file, "--warm", RULE, *gone, *option) == 1

    out, err = capsys.readouterr()
    assert "ifs_TMP_2m" in out
    assert "the layers are there, but not all of their tiles were asked for: no Redis at" in err
    assert "`millstream tiles announce` does it later" in err
    assert err.count("\n") == 1

    assert millstream("announce", "--redis-url", redis_url, *option) == 0
    assert '"enqueued": 21' in (out := capsys.readouterr().out) or "21 jobs enqueued" in out
    assert millstream("announce", "--redis-url", redis_url) == 0
    assert "0 jobs enqueued for 0 announcements." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("rule", "status", "says"),
    [
        ("ifs_TMP_2m", 2, "written like gfs_TMP_2m:temperature:0-5"),
        ("ifs_TMP_2m:heat:0-5", 1, "the style 'heat' is unknown"),
        ("ifs_TMP_2m:temperature:0-12", 1, "tiles, at most 2000000"),
    ],
)
def test_a_mistake_in_a_rule_is_told_before_the_file_is_read(
    rule: str, status: int, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert millstream("ingest", tmp_path / "none.grib2", "--warm", rule) == status

    assert says in complaint(capsys)


def test_a_mistake_in_the_rules_of_the_environment_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MILLSTREAM_TILES_WARM", "ifs_TMP_2m:temperature:0-5 everything")

    assert millstream("ingest", tmp_path / "none.grib2") == 1

    assert "MILLSTREAM_TILES_WARM: what is to be warmed is written like" in complaint(capsys)


def test_a_queue_that_is_drained_refuses_and_the_command_says_so(
    redis_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async def drain() -> None:
        async with QueueManager.connect(redis_url, queue="tiles") as manager:
            await manager.drain(by="ada", reason="a move")

    anyio.run(drain)

    assert millstream(*WARM, "--unchecked", "--redis-url", redis_url) == 1

    assert "341 jobs were refused, the queue is full or being drained" in capsys.readouterr().err
