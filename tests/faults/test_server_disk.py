"""A Redis whose disk is full: a file system of a megabyte, made bigger afterwards."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from producers.client import Producer
from streams.embedded import EmbeddedServer
from tests.consumers.support.fleet import Fleet, letters, records, report, until_idle
from tests.consumers.support.kinds import Gate, Note
from tests.support.waiting import wait_until

METRICS = {"MILLSTREAM_WORKER_METRICS_PORT": "0"}
#: A job that a megabyte holds some two hundred of.
TEXT = "x" * 5_000


class Disk:
    """A file system in memory, with so much room."""

    def __init__(self, place: Path) -> None:
        self.place = place
        place.mkdir()
        self._mount("-t", "tmpfs", "-o", "size=1m", "tmpfs")

    def grow(self) -> None:
        """Sixteen times as much."""
        self._mount("-o", "remount,size=16m")

    def remove(self) -> None:
        """Nothing may use it any more."""
        subprocess.run(["umount", self.place], check=True, capture_output=True)

    def _mount(self, *arguments: str) -> None:
        done = subprocess.run(
            ["mount", *arguments, self.place], capture_output=True, text=True, check=False
        )
        if done.returncode:
            pytest.skip(f"this user cannot mount a tmpfs here: {done.stderr.strip()}")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    disk = Disk(tmp_path / "disk")
    yield disk
    disk.remove()


async def fill(url: str) -> list[str]:
    """Jobs until the server refuses one, or is gone; returns those that it has accepted."""
    accepted: list[str] = []
    async with Producer.connect(url, queue="work") as jobs:
        while True:
            job_id = f"job-{len(accepted)}"
            try:
                await jobs.enqueue(Note(text=TEXT), id=job_id)
            except RedisError:
                return accepted
            accepted.append(job_id)


async def test_a_full_disk_is_waited_for_and_no_end_of_a_job_is_lost(
    fleet: Fleet, server_binary: Path, disk: Disk, tmp_path: Path
) -> None:
    """With everysec the server stays, and refuses all writes: also that of a dead letter."""
    gate = tmp_path / "gate"
    config = {"appendfsync": "everysec"}
    with EmbeddedServer(server_binary, disk.place / "redis", config=config) as server:
        worker = await fleet.start(server.url, concurrency=2, environment=METRICS)
        async with Producer.connect(server.url, queue="work") as jobs:
            await jobs.enqueue(Gate(path=gate), id="good")
            await jobs.enqueue(Gate(path=gate, then="fail"), id="bad", attempts=1)
        await wait_until(lambda: fleet.effects.jobs("start")[1:], "both run")
        accepted = await fill(server.url)
        gate.touch()
        failed = await worker.says("settle_failed")
        assert "MISCONF" in str(failed["error"])

        async def is_red() -> bool:
            status, body = await worker.get("/ready")
            return status == 503 and "MISCONF" in body

        await wait_until(is_red, "readiness says so")
        disk.grow()

        async with Redis.from_url(server.url) as client:
            await until_idle(client, timeout_s=30)
            assert set(await records(client, [*accepted, "good"], "state")) == {("completed",)}
            assert [letter.id for letter in await letters(client)] == ["bad"]
            assert (await report(client)).counters["dead"] == 1
        assert fleet.effects.jobs("start")[:2] == ["good", "bad"]
        assert len(fleet.effects.jobs("start")) == len(accepted) + 2
        fleet.kill()


async def test_a_server_that_syncs_always_ends_rather_than_accept_what_it_cannot_keep(
    server_binary: Path, disk: Disk
) -> None:
    config = {"appendfsync": "always"}
    with EmbeddedServer(server_binary, disk.place / "redis", config=config) as server:
        accepted = await fill(server.url)
        await wait_until(lambda: server.pid is None, "it has ended")
        disk.grow()
        await anyio.to_thread.run_sync(server.restart)

        async with Redis.from_url(server.url) as client:
            assert len(accepted) > 50
            assert set(await records(client, accepted, "state")) == {("ready",)}
