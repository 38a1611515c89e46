"""The demo from outside: what it draws, what it says, and that it leaves nothing behind."""

import re
import signal
import socket
from pathlib import Path

import httpx
import psutil
import pytest
from PIL import Image
from redis.asyncio import Redis

from consumers.demo.ground import QUEUE
from streams.embedded import EmbeddedServer
from streams.inspection import inspect_queue
from streams.keys import Keys
from tests.consumers.demo.conftest import DEMO_TIMEOUT_S, StartDemo
from tests.support.queues import QueueUnderTest, job
from tests.support.sampledata import GRIDS, needs_grids
from tests.support.waiting import wait_until


def below(pid: int) -> list[psutil.Process]:
    """The processes that *pid* has started."""
    return psutil.Process(pid).children(recursive=True)


def is_empty(folder: Path) -> bool:
    """Whether nothing lies in *folder*."""
    return not any(folder.iterdir())


async def test_once_draws_341_tiles_and_leaves_an_empty_queue(
    start_demo: StartDemo, client: Redis, redis_url: str, tmp_path: Path, temporary: Path
) -> None:
    demo = start_demo("--once", redis_url=redis_url)

    assert demo.wait(DEMO_TIMEOUT_S) == 0, demo.output()
    assert re.search(r"tiles +341 of 341", demo.output())
    assert re.search(r"dead letters +0\b", demo.output())
    report = await inspect_queue(client, Keys(QUEUE))
    assert report.is_idle
    assert report.dead == 0
    assert report.counters["completed"] == 341
    assert len(await client.keys("millstream:tile:*")) == 341
    with Image.open(tmp_path / "out" / "contact-sheet.png") as sheet:
        assert min(sheet.size) >= 4 * 256
    assert is_empty(temporary)


async def test_it_serves_until_ctrl_c_and_takes_everything_with_it(
    start_demo: StartDemo, temporary: Path
) -> None:
    """On a Redis of its own."""
    demo = start_demo("--port", "0")
    await wait_until(lambda: "The map: " in demo.output(), "the map is up", DEMO_TIMEOUT_S)
    [url] = set(re.findall(r"http://127\.0\.0\.1:\d+/", demo.output()))
    started = below(demo.pid)
    async with httpx.AsyncClient(base_url=url, timeout=30) as http:
        layers = (await http.get("/api/layers")).json()
        tile = await http.get(f"/tiles/{layers[1]['name']}/default/6/33/22.png")
        assert (await http.get("/")).status_code == 200
    assert tile.content.startswith(b"\x89PNG")

    demo.send(signal.SIGINT)

    assert demo.wait() == 0
    assert [process for process in started if process.is_running()] == []
    assert is_empty(temporary)


async def test_killed_it_leaves_no_process_behind(start_demo: StartDemo) -> None:
    demo = start_demo("--port", "0")
    await wait_until(lambda: "Workers: " in demo.output(), "workers start", DEMO_TIMEOUT_S)
    started = below(demo.pid)
    assert len(started) >= 3

    demo.kill()

    for process in started:
        await wait_until(lambda: not process.is_running(), f"{process} ends", 30)  # noqa: B023 - awaited here


@needs_grids
async def test_it_shows_a_forecast_from_a_file(start_demo: StartDemo) -> None:
    demo = start_demo("--once", "--grib", GRIDS / "gfs_2p5_20110110t12z_f120.grib2")

    assert demo.wait(DEMO_TIMEOUT_S) == 0, demo.output()
    assert "All tiles are drawn: Temperature, 2 m" in demo.output()
    assert re.search(r"tiles +341 of 341", demo.output())


async def test_a_file_that_is_no_forecast_is_one_line(
    start_demo: StartDemo, tmp_path: Path, temporary: Path
) -> None:
    file = tmp_path / "half.grib2"
    file.write_bytes(b"GRIB" + bytes(100))

    demo = start_demo("--once", "--grib", file)

    assert demo.wait(DEMO_TIMEOUT_S) == 1
    *_, last = demo.output().splitlines()
    assert last.startswith("millstream: ")
    assert "half.grib2" in last
    assert "Traceback" not in demo.output()
    assert is_empty(temporary)


def test_a_port_that_is_taken_is_one_line(start_demo: StartDemo, temporary: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        demo = start_demo("--once", "--port", str(port))
        assert demo.wait(DEMO_TIMEOUT_S) == 1

    assert demo.output() == (
        f"millstream: port {port} cannot be used (Address already in use): name another one "
        "with --port, or 0 for any free one\n"
    )
    assert is_empty(temporary)


@pytest.mark.leaves_jobs
async def test_a_redis_that_others_use_is_left_alone(
    start_demo: StartDemo, client: Redis, redis_url: str
) -> None:
    queue = QueueUnderTest(client, QUEUE)
    await queue.open()
    await queue.add(job(delay_ms=3_600_000))
    before = await queue.contents()

    demo = start_demo("--once", redis_url=redis_url)

    assert demo.wait(DEMO_TIMEOUT_S) == 1
    assert "has jobs or workers of its own in the queue 'tiles': unset REDIS_URL" in demo.output()
    assert await queue.contents() == before


def test_a_redis_that_evicts_is_refused_with_the_fix(
    start_demo: StartDemo, server_binary: Path, tmp_path: Path
) -> None:
    config = {"maxmemory-policy": "allkeys-lru"}
    with EmbeddedServer(server_binary, tmp_path / "evicting", config=config) as server:
        demo = start_demo("--once", redis_url=server.url)
        assert demo.wait(DEMO_TIMEOUT_S) == 1

    assert demo.output().startswith("millstream: this Redis evicts keys")
    assert "maxmemory-policy noeviction" in demo.output()
    assert demo.output().count("\n") == 1
