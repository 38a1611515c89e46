"""New data, and the tiles of them that workers are asked for: each once, and none lost."""

import socket
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import numpy as np
import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from consumers.handlers.tiles.announce import AnnounceReport, announce
from consumers.handlers.tiles.announcements import Announcement
from consumers.handlers.tiles.dataerrors import AnnounceError, IngestError
from consumers.handlers.tiles.field import Field
from consumers.handlers.tiles.ingest import ingest_fields
from consumers.handlers.tiles.system import TileData
from producers.client import Producer
from producers.payloads.tiles import RenderTile
from producers.tilepriority import WARM_PRIORITY
from producers.warming.pyramid import Pyramid
from producers.warming.rule import WarmRule, parse_rules
from producers.warming.tilejob import announced_job, tile_job
from producers.warming.warm import warm
from streams.delayed import promote_due
from streams.errors import StreamsError
from streams.inspection import inspect_queue
from streams.keys import Keys
from streams.priority import Priority
from streams.server import Server
from streams.settle import Retention
from tests.support.looks import drawn_key
from tests.support.processes import Processes
from tests.support.proxy import Mode, Proxy
from tests.support.tiledata import REGION, RUN, make_field, open_tile_data
from tests.support.waiting import wait_until

KEYS = Keys("tiles")
HOUR = timedelta(hours=1)
RULES = parse_rules("test_TMP_2m:temperature,default:0-2 test_WIND_*:wind_speed:0-3:-25,34,45,72")
EUROPE = Pyramid.parse("0-3:-25,34,45,72")


def noise(seed: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.random.default_rng(seed).normal(280, 10, (37, 72)).astype(np.float32)


def run_of(seed: int = 1) -> Iterator[Field]:
    """Temperature and wind at two hours."""
    for hours in (0, 6):
        yield make_field(hours=hours, values=noise(seed))
        yield make_field("UGRD", "10m", hours=hours, values=noise(seed + 1) - 280, units="m s**-1")
        yield make_field("VGRD", "10m", hours=hours, values=noise(seed + 2) - 280, units="m s**-1")


#: Two styles of temperature, and one of the wind that is derived, at two hours.
TILES = 2 * (2 * 21 + EUROPE.count)


async def ingest(
    data: TileData, fields: Iterable[Field] | None = None, rules: Iterable[WarmRule] = RULES
) -> None:
    wanted = tuple(rules)
    await ingest_fields(fields or run_of(), data.catalog, data.store, rules=wanted)


async def announced(data: TileData, redis_url: str, *, length_max: int = 0) -> AnnounceReport:
    async with Producer.connect(redis_url, queue="tiles", length_max=length_max) as jobs:
        return await announce(data.catalog, data.styles, jobs, delay=HOUR)


async def opened(data: TileData) -> list[Announcement]:
    return await data.catalog.announcements.open(1000)


async def waiting_tiles(client: Redis) -> Counter[tuple[str, str, datetime | None]]:
    """Layer, style and time of all jobs that waited for their moment, which comes now."""
    names: Any = await client.zrange(KEYS.delayed, 0, -1)
    await client.zadd(KEYS.delayed, dict.fromkeys(names, 1))
    while (await promote_due(Server(client), KEYS, Retention(10_000, 60_000, 60_000)))[0]:
        pass
    entries: Any = await client.xrange(KEYS.stream(Priority.LOW))
    tiles = [RenderTile.model_validate_json(fields[b"payload"]) for _, fields in entries]
    return Counter((tile.layer, tile.style, tile.time) for tile in tiles)


def forget_that_it_was_noted(folder: Path) -> None:
    """As if the process had been killed between the jobs' arrival and the note of it."""
    with closing(sqlite3.connect(folder / "catalog.sqlite")) as database, database:
        database.execute("UPDATE announcements SET sent_path = NULL")


@pytest.mark.leaves_jobs
async def test_the_styles_of_a_layer_are_asked_for_at_every_time_of_the_new_data(
    client: Redis, redis_url: str, tmp_path: Path
) -> None:
    async with open_tile_data(tmp_path) as data:
        await ingest(data)
        report = await announced(data, redis_url)

    times = (RUN, RUN + 6 * HOUR)
    assert await waiting_tiles(client) == {
        **{
            ("test_TMP_2m", style, time): 21
            for style in ("temperature", "default")
            for time in times
        },
        **{("test_WIND_10m", "wind_speed", time): EUROPE.count for time in times},
    }
    assert (report.accepted, report.existing, report.left_out) == (TILES, 0, ())
    assert [each.valid_time for each in report.made] == [RUN] * 3 + [RUN + 6 * HOUR] * 3


@pytest.mark.leaves_jobs
async def test_a_second_ingest_of_the_same_data_asks_for_nothing(
    client: Redis, redis_url: str, tmp_path: Path
) -> None:
    async with open_tile_data(tmp_path) as data:
        for accepted in (TILES, 0):
            await ingest(data)
            assert (await announced(data, redis_url)).accepted == accepted

    assert await client.zcard(KEYS.delayed) == TILES


@pytest.mark.leaves_jobs
async def test_other_data_of_the_same_run_are_announced_again(
    client: Redis, redis_url: str, tmp_path: Path
) -> None:
    """A corrected file: the pictures of the first one are wrong now."""
    async with open_tile_data(tmp_path) as data:
        for seed in (1, 7):
            await ingest(data, run_of(seed))
            assert (await announced(data, redis_url)).accepted == TILES

    assert await client.zcard(KEYS.delayed) == 2 * TILES


async def test_what_was_replaced_while_it_was_announced_stays_open(tmp_path: Path) -> None:
    rules = parse_rules("test_TMP_2m:temperature:0")
    async with open_tile_data(tmp_path) as data:
        await ingest(data, [make_field(values=noise(1))], rules)
        [first] = await opened(data)
        await ingest(data, [make_field(values=noise(2))], rules)

        await data.catalog.announcements.close(first)

        [second] = await opened(data)
        assert second.storage_path != first.storage_path


@pytest.mark.leaves_jobs
async def test_one_more_style_is_all_that_is_asked_for_anew(redis_url: str, tmp_path: Path) -> None:
    async with open_tile_data(tmp_path) as data:
        await ingest(data, rules=parse_rules("test_TMP_2m:temperature:0-2"))
        await announced(data, redis_url)
        await ingest(data, rules=parse_rules("test_TMP_*:temperature,default:0-2"))
        report = await announced(data, redis_url)

    assert {each.style for each in report.made} == {"default"}
    assert report.accepted == 2 * 21


async def test_nothing_is_wanted_of_data_that_did_not_become_visible(tmp_path: Path) -> None:
    """The second field lies on another grid than before: the file is refused as a whole."""
    async with open_tile_data(tmp_path) as data:
        await ingest(data, [make_field("RH")], rules=())
        with pytest.raises(IngestError):
            await ingest(data, [make_field(), make_field("RH", grid=REGION)])

        assert await opened(data) == []


async def test_data_and_what_is_wanted_of_them_become_visible_together(tmp_path: Path) -> None:
    """Whoever sees the one sees the other, at any moment of an ingest."""
    seen: set[tuple[int, int]] = set()
    async with (
        open_tile_data(tmp_path) as data,
        open_tile_data(tmp_path) as beside,
        anyio.create_task_group() as tasks,
    ):

        async def watch() -> None:
            # Until it has seen them, and not until it is cancelled: a query that is cancelled
            # half-way may keep the event loop from closing.
            while (4, 6) not in seen:
                before = len(await opened(beside))
                layers = len(await beside.catalog.layers())
                after = len(await opened(beside))
                seen.add((layers, after))
                assert layers or not before
                assert after or not layers

        tasks.start_soon(watch)
        await ingest(data)


@pytest.mark.leaves_jobs
async def test_an_ingest_that_ended_before_it_announced_is_made_good_by_any_other(
    redis_url: str, tmp_path: Path
) -> None:
    async with open_tile_data(tmp_path) as data:
        await ingest(data)
        await ingest(data, [make_field("RH")])

        report = await announced(data, redis_url)

        assert report.accepted == TILES
        assert await opened(data) == []


@pytest.mark.leaves_jobs
async def test_what_was_announced_and_not_noted_adds_no_job_twice(
    client: Redis, redis_url: str, tmp_path: Path
) -> None:
    async with open_tile_data(tmp_path) as data:
        await ingest(data)
        await announced(data, redis_url)
        forget_that_it_was_noted(tmp_path)

        report = await announced(data, redis_url)

        assert (report.accepted, report.existing) == (0, TILES)
        assert await opened(data) == []
    assert await client.zcard(KEYS.delayed) == TILES


@pytest.mark.leaves_jobs
async def test_an_announcement_whose_answers_are_lost_is_made_again_and_adds_nothing_twice(
    client: Redis, redis_url: str, tmp_path: Path
) -> None:
    async with open_tile_data(tmp_path) as data:
        await ingest(data)
        async with Proxy(redis_url) as proxy:

            def lose_answers(done: int) -> None:
                if done == 2:
                    proxy.set(Mode.DROP_REPLIES)

            async def hang_up() -> None:
                await wait_until(lambda: more_than(42), "jobs arrive without an answer", 10)
                proxy.set(Mode.RESET)

            async def more_than(count: int) -> bool:
                return await client.zcard(KEYS.delayed) > count

            async with (
                Producer.connect(proxy.url, queue="tiles") as jobs,
                anyio.create_task_group() as tasks,
            ):
                tasks.start_soon(hang_up)
                with pytest.raises((RedisError, StreamsError)):
                    await announce(
                        data.catalog, data.styles, jobs, delay=HOUR, listener=lose_answers
                    )
        assert len(await opened(data)) == 4

        report = await announced(data, redis_url)

        assert report.existing > 0
        assert await opened(data) == []
    assert await client.zcard(KEYS.delayed) == TILES


@pytest.mark.leaves_jobs
async def test_a_full_queue_leaves_open_what_found_no_room(
    client: Redis, redis_url: str, tmp_path: Path
) -> None:
    async with open_tile_data(tmp_path) as data:
        await ingest(data)
        with pytest.raises(AnnounceError, match="the queue 'tiles' is full or being drained"):
            await announced(data, redis_url, length_max=50)
        assert len(await opened(data)) == 4

        await announced(data, redis_url)

    assert await client.zcard(KEYS.delayed) == TILES


async def test_what_no_worker_could_draw_is_left_out_with_its_reason(
    redis_url: str, tmp_path: Path
) -> None:
    """`default` takes its range from the values, and there is none."""
    empty = make_field(values=np.full((37, 72), np.nan, dtype=np.float32))
    async with open_tile_data(tmp_path) as data:
        await ingest(data, [empty], parse_rules("*:default:0"))

        report = await announced(data, redis_url)

        assert (report.accepted, report.made) == (0, ())
        assert "range" in report.left_out[0].reason
        assert await opened(data) == []


def test_the_job_of_new_data_leaves_the_slot_of_its_picture_free() -> None:
    """The one who has it may be drawing the data before: its picture is not the wanted one."""
    [tile] = warm("test_TMP_2m", Pyramid(0), times=(RUN,))

    job = announced_job(tile, "test/one", HOUR)

    assert job.unique is None
    assert tile_job(tile).unique is not None
    assert job.id == announced_job(tile, "test/one", HOUR).id
    assert job.id != announced_job(tile, "test/two", HOUR).id
    assert (tile.priority, job.delay_ms) == (WARM_PRIORITY, 3_600_000)


GRIB_RUN = datetime(2026, 11, 22, 6, tzinfo=UTC)


@pytest.fixture
def forecast_file(tmp_path: Path) -> Path:
    pytest.importorskip("eccodes")
    from tests.support.gribfiles import (  # noqa: PLC0415 - an extra
        grib_message,
        regular_grid,
        write_grib,
    )

    keys = {**regular_grid(12, 7), "centre": "ecmf", "shortName": "2t"}
    values = np.arange(84, dtype=float).reshape(7, 12)
    return write_grib(tmp_path / "new.grib2", [grib_message(values, keys=keys, run=GRIB_RUN)])


@pytest.mark.leaves_jobs
async def test_an_ingest_that_is_killed_between_the_two_is_made_good_by_the_next(
    client: Redis, redis_url: str, forecast_file: Path, processes: Processes, tmp_path: Path
) -> None:
    """SIGKILL when the layer is visible and Redis has been asked for the first time."""
    folder = tmp_path / "data"
    environment = {
        "MILLSTREAM_DATA_DIR": str(folder),
        "MILLSTREAM_TILES_WARM": "ifs_*:temperature:0-2",
    }
    command = ("millstream", "tiles", "ingest", forecast_file, "--json")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.setblocking(False)
        host, port = silent.getsockname()
        url = f"redis://{host}:{port}/"
        killed = processes.start(*command, environment={**environment, "REDIS_URL": url})
        with anyio.fail_after(60):
            await anyio.wait_readable(silent)
        killed.kill()
    async with open_tile_data(folder) as data:
        assert [str(layer.name) for layer in await data.catalog.layers()] == ["ifs_TMP_2m"]
        assert len(await opened(data)) == 1
    assert await client.zcard(KEYS.delayed) == 0

    for _ in range(2):
        again = processes.start(*command, environment={**environment, "REDIS_URL": redis_url})
        assert again.wait(60) == 0

    assert await client.zcard(KEYS.delayed) == 21
    async with open_tile_data(folder) as data:
        assert await opened(data) == []


@pytest.fixture
def worker_environment(redis_url: str, tmp_path: Path) -> Mapping[str, str]:
    return {
        "MILLSTREAM_DATA_DIR": str(tmp_path),
        "REDIS_URL": redis_url,
        # The longest time for which a worker may believe in the data before.
        "MILLSTREAM_TILES_LOOKUP_TTL_MS": "1000",
    }


async def test_pictures_of_the_data_before_are_replaced_by_a_worker_that_knew_those(
    client: Redis,
    redis_url: str,
    processes: Processes,
    worker_environment: Mapping[str, str],
    tmp_path: Path,
) -> None:
    rules = parse_rules("test_TMP_2m:temperature:0-1")
    tiles = list(warm("test_TMP_2m", Pyramid(1), styles=("temperature",), times=(RUN,)))

    async def ask_all(jobs: Producer, done: int) -> None:
        await jobs.enqueue_many(map(tile_job, tiles))
        await wait_until(lambda: completed(done), f"{done} tiles are drawn", 60)

    async def completed(count: int) -> bool:
        report = await inspect_queue(client, KEYS)
        return report.is_idle and report.counters.get("completed") == count

    async with open_tile_data(tmp_path) as data:
        await ingest(data, [make_field(values=noise(1))], rules=())
        processes.start("millstream-worker", "tiles", environment=worker_environment)
        async with Producer.connect(redis_url, queue="tiles") as jobs:
            await ask_all(jobs, 5)
            await ingest(data, [make_field(values=noise(2))], rules)
            await announce(data.catalog, data.styles, jobs, delay=timedelta(seconds=2))
            # Meanwhile somebody asks for the same pictures, and keeps the worker's belief fresh.
            await ask_all(jobs, 15)
        painter = data.painter()
        expected = [(await painter.paint(tile)).data for tile in tiles]

    assert await client.mget([drawn_key(tile, RUN) for tile in tiles]) == expected
