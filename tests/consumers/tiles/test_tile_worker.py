"""Weather tiles through the queue: real workers, a real Redis, a forecast of our own."""

import re
import shlex
import signal
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import orjson
import pytest
from redis.asyncio import Redis

from consumers.handlers.tiles.atmosphere import forecast
from consumers.handlers.tiles.ingest import ingest_fields
from consumers.handlers.tiles.system import open_data
from producers.client import Producer
from producers.payloads.tiles import RenderTile
from producers.warming.tilejob import tile_job
from producers.warming.warm import warm_layer
from streams.dead import dead_letters
from streams.inspection import inspect_queue
from streams.jobs import look
from streams.keys import Keys
from streams.priority import Priority
from streams.server import Server
from tests.support.looks import drawn_key
from tests.support.processes import Processes, RunningProgram
from tests.support.waiting import wait_until

KEYS = Keys("tiles")
RUN = datetime(2026, 1, 1, tzinfo=UTC)
LAYER, STYLE = "gfs_TMP_2m", "temperature"
LEASE_MS = 1500
WIRE = Path(__file__).parents[3] / "docs" / "wire.md"


@pytest.fixture(scope="module")
def forecast_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small forecast, ingested once."""
    directory = tmp_path_factory.mktemp("forecast")

    async def ingest() -> None:
        async with open_data(_data(directory)) as data:
            fields = forecast(RUN, hours=(0,), step_deg=1.0, model="gfs")
            await ingest_fields(fields, data.catalog, data.store)

    anyio.run(ingest)
    return directory


@pytest.fixture
def environment(forecast_dir: Path, redis_url: str) -> Mapping[str, str]:
    """What a tile worker needs to know."""
    return {
        **_data(forecast_dir),
        "REDIS_URL": redis_url,
        "MILLSTREAM_WORKER_LEASE_MS": str(LEASE_MS),
        "MILLSTREAM_WORKER_GRACE_MS": "4000",
    }


@pytest.fixture
def tiles() -> list[RenderTile]:
    """The 341 tiles of zooms 0 to 4."""
    found = list(warm_layer(LAYER, STYLE, 4, time=RUN))
    assert len(found) == 341
    return found


def _data(directory: Path) -> dict[str, str]:
    return {"MILLSTREAM_DATA_DIR": str(directory)}


def _worker(
    processes: Processes, environment: Mapping[str, str], name: str, slots: int = 4
) -> RunningProgram:
    return processes.start(
        "millstream-worker", "tiles", "--name", name, "-c", str(slots), environment=environment
    )


async def _drawn(client: Redis, tiles: list[RenderTile]) -> int:
    names = [drawn_key(tile, RUN) for tile in tiles]
    return int(await client.exists(*names))


async def _counter(client: Redis, name: str) -> int:
    value: Any = await client.hget(KEYS.counters, name)
    return int(value or 0)


async def _require_done(client: Redis, tiles: list[RenderTile]) -> None:
    report = await inspect_queue(client, KEYS)
    assert report.is_idle
    assert report.dead == 0
    assert report.counters["completed"] == len(tiles)
    assert await _drawn(client, tiles) == len(tiles)


async def test_a_pyramid_is_drawn_by_two_workers_and_nothing_is_left_over(
    client: Redis,
    redis_url: str,
    environment: Mapping[str, str],
    processes: Processes,
    tiles: list[RenderTile],
) -> None:
    async with Producer.connect(redis_url, queue="tiles") as jobs:
        report = await jobs.enqueue_many(map(tile_job, tiles))
        again = await jobs.enqueue_many(map(tile_job, tiles))
    assert (report.accepted, again.accepted, again.existing) == (341, 0, 341)
    for name in ("worker-1", "worker-2"):
        _worker(processes, environment, name)

    await wait_until(lambda: _completed(client, 341), "341 tiles are drawn", 60)
    await _require_done(client, tiles)


async def test_a_suspect_tile_is_drawn_in_a_process_of_its_own_out_of_the_box(
    client: Redis,
    environment: Mapping[str, str],
    processes: Processes,
    tiles: list[RenderTile],
) -> None:
    """As if it had cost two workers their life."""
    [tile] = tiles[:1]
    payload = tile.model_dump_json(exclude_none=True)
    fields: dict[Any, Any] = {"kind": tile.kind, "payload": payload, "id": "suspect", "losses": "2"}
    await client.xadd(KEYS.stream(Priority.NORMAL), fields)

    worker = _worker(processes, environment, "one")
    await wait_until(lambda: _completed(client, 1), "the tile is drawn", 60)

    assert await _drawn(client, [tile]) == 1
    assert '"child_started"' in worker.output()


async def test_a_killed_worker_costs_a_lease_and_no_tile(
    client: Redis,
    redis_url: str,
    environment: Mapping[str, str],
    processes: Processes,
    tiles: list[RenderTile],
) -> None:
    victim = _worker(processes, environment, "victim", slots=16)
    await wait_until(lambda: "worker_started" in victim.output(), "the victim takes jobs")
    async with Producer.connect(redis_url, queue="tiles") as jobs:
        await jobs.enqueue_many(map(tile_job, tiles))
    await wait_until(lambda: _completed(client, 20), "the victim is in the middle of it")
    victim.send(signal.SIGSTOP)
    held = [
        each for each in (await inspect_queue(client, KEYS)).consumers if each.name[:6] == "victim"
    ]
    assert held
    assert held[0].pending > 0
    victim.kill()
    other = _worker(processes, environment, "other")

    await wait_until(lambda: _completed(client, 341), "the other draws all of them", 60)
    await _require_done(client, tiles)
    assert await _counter(client, "lost") == held[0].pending
    assert other.output().count('"job_claimed"') == held[0].pending


async def test_a_worker_told_to_stop_hands_its_tiles_over_and_spends_no_attempt(
    client: Redis,
    redis_url: str,
    environment: Mapping[str, str],
    processes: Processes,
    tiles: list[RenderTile],
) -> None:
    leaving = _worker(processes, environment, "leaving", slots=8)
    staying = _worker(processes, environment, "staying", slots=2)
    await wait_until(lambda: "worker_started" in leaving.output(), "one takes jobs", 30)
    await wait_until(lambda: "worker_started" in staying.output(), "the other, too", 30)
    async with Producer.connect(redis_url, queue="tiles") as jobs:
        await jobs.enqueue_many(map(tile_job, tiles))
    await wait_until(lambda: _completed(client, 20), "they are in the middle of it")

    assert leaving.terminate() == 0
    assert "worker_shutdown_complete" in leaving.output()
    await wait_until(lambda: _completed(client, 341), "the other draws the rest", 60)
    await _require_done(client, tiles)
    assert await _counter(client, "retried") == 0
    assert await _counter(client, "lost") == 0
    consumers = (await inspect_queue(client, KEYS)).consumers
    assert [each.name.split(":")[0] for each in consumers] == ["staying"]


async def test_a_tile_job_typed_by_hand_is_drawn(
    client: Redis, environment: Mapping[str, str], processes: Processes
) -> None:
    """The first example of docs/wire.md: XADD with `kind` and `payload`, nothing else."""
    [line] = re.findall(
        r"^\$ redis-cli (XADD \S+ '\*' kind tiles\.render payload .*)$",
        WIRE.read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    command = shlex.split(line)
    entry: Any = await client.execute_command(*command)  # type: ignore[no-untyped-call]
    _worker(processes, environment, "worker-1")

    await wait_until(lambda: _completed(client, 1), "the tile is drawn", 30)
    payload = RenderTile.model_validate_json(command[-1])
    picture: Any = await client.get(drawn_key(payload, RUN))
    assert picture.startswith(b"\x89PNG")
    record = await look(Server(client), KEYS, f"high-{entry.decode()}")
    assert record.result["key"] == drawn_key(payload, RUN)  # type: ignore[index,call-overload]


#: What may be wrong with a tile job, and what its dead letter must say of it.
MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({"layer": "gfs_TMP_3m"}, "gfs_TMP_2m"),
    ({"style": "temprature"}, "temperature"),
    ({"crs": "EPSG:9999"}, "EPSG:3857"),
    ({"bbox": {"min_x": 0, "min_y": 0, "max_x": 0, "max_y": 1}}, "min_x < max_x"),
    ({"bbox": {"min_x": 5, "min_y": 0, "max_x": 1, "max_y": 1}}, "min_x < max_x"),
    ({"width": 0}, "greater than or equal to 1"),
    ({"height": 100_000}, "4096"),
    ({"colour": "red"}, "colour"),
    ({"time": "2026-01-01T03:00:00Z"}, "2026-01-01T00:00:00Z"),
]


async def test_a_tile_that_cannot_be_drawn_is_a_dead_letter_that_says_why(
    client: Redis, environment: Mapping[str, str], processes: Processes
) -> None:
    bbox = {"min_x": 0, "min_y": 0, "max_x": 1e6, "max_y": 1e6}
    payloads = [{"layer": LAYER, "style": STYLE, "bbox": bbox, **wrong} for wrong, _ in MISTAKES]
    for number, payload in enumerate(payloads):
        fields = {"kind": "tiles.render", "payload": orjson.dumps(payload), "id": str(number)}
        await client.xadd(KEYS.streams["normal"], dict[Any, Any](fields))
    _worker(processes, environment, "worker-1")

    await wait_until(lambda: _dead(client, len(MISTAKES)), "all are dead letters", 30)
    letters = {letter.id: letter async for letter in dead_letters(client, KEYS)}
    for number, (payload, (_, reason)) in enumerate(zip(payloads, MISTAKES, strict=True)):
        letter = letters[str(number)]
        assert len(letter.history) == 1
        assert reason in str(letter.history[0]["message"])
        assert orjson.loads(letter.payload) == payload


async def _dead(client: Redis, count: int) -> bool:
    return await client.xlen(KEYS.dead) >= count


async def _completed(client: Redis, count: int) -> bool:
    return await _counter(client, "completed") >= count
