"""A Redis that is killed, and one that loses the tail of its file: what was accepted is there."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from producers.client import Producer
from producers.order import new_job
from streams.embedded import EmbeddedServer
from streams.keys import Keys
from tests.consumers.support.fleet import KEYS, Fleet, records, report, until_idle
from tests.consumers.support.kinds import Note, Sleep
from tests.support.waiting import wait_until

#: Jobs that are handed in while the server is killed: about a second's worth, one by one.
UNDER_LOAD = 300


@contextmanager
def server_with(binary: Path, directory: Path, **config: str) -> Iterator[EmbeddedServer]:
    directives = {name.replace("_", "-"): value for name, value in config.items()}
    with EmbeddedServer(binary, directory, config=directives) as server:
        yield server


async def accept_until_it_is_gone(server: EmbeddedServer, accepted: list[str]) -> None:
    """One job after the other; *accepted* is what the server has said yes to."""
    async with Producer.connect(server.url, queue="work") as jobs:
        while True:
            job_id = f"job-{len(accepted)}"
            try:
                await jobs.enqueue(Note(), id=job_id)
            except RedisError:
                return
            accepted.append(job_id)


@pytest.mark.parametrize("appendfsync", ["always", "everysec", "no"])
async def test_whatever_a_killed_server_had_acknowledged_is_found(
    server_binary: Path, tmp_path: Path, appendfsync: str
) -> None:
    """The write to the file comes before the answer; who dies is the process, not the power."""
    accepted: list[str] = []
    with server_with(server_binary, tmp_path / "redis", appendfsync=appendfsync) as server:
        async with anyio.create_task_group() as load:
            load.start_soon(accept_until_it_is_gone, server, accepted)
            await wait_until(lambda: len(accepted) > UNDER_LOAD, "it is under load")
            await anyio.to_thread.run_sync(server.kill)
        await anyio.to_thread.run_sync(server.restart)

        async with Redis.from_url(server.url) as client:
            found = await records(client, accepted, "state")
            entries = sum([await client.xlen(stream) for stream in KEYS.streams.values()])
            assert set(found) == {("ready",)}
            # One may have been accepted whose answer died with the server.
            assert len(accepted) <= entries <= len(accepted) + 1


def _append_only_file(directory: Path) -> Path:
    """The file that is written to: 7.0 keeps several in a folder, 6.2 has one."""
    files = [*directory.glob("appendonlydir/*.incr.aof"), *directory.glob("appendonly.aof")]
    return max(files, key=lambda file: file.stat().st_mtime)


async def test_a_file_that_ends_in_the_middle_of_a_record_costs_the_end_and_nothing_else(
    server_binary: Path, tmp_path: Path
) -> None:
    """As after a power cut: a clean start, what is kept is a prefix, each job whole or not."""
    count, cut_bytes = 100, 777
    ids = [f"job-{number}" for number in range(count)]
    with server_with(server_binary, tmp_path / "redis", appendfsync="everysec") as server:
        async with Producer.connect(server.url, queue="work") as jobs:
            for job_id in ids:
                await jobs.enqueue(Note(), id=job_id)
        await anyio.to_thread.run_sync(server.kill)
        file = _append_only_file(server.directory)
        os.truncate(file, file.stat().st_size - cut_bytes)
        await anyio.to_thread.run_sync(server.restart)

        async with Redis.from_url(server.url) as client:
            states = [state for (state,) in await records(client, ids, "state")]
            kept = states.count("ready")
            entries: Any = await client.xrange(KEYS.streams["normal"])
            assert 0 < kept < count
            assert states == ["ready"] * kept + [""] * (count - kept)
            assert [fields[b"id"].decode() for _, fields in entries] == ids[:kept]
            assert int(await client.hget(Keys("work").counters, "enqueued") or 0) == kept

        # Who has kept the ids may hand them all in again: what was kept is not doubled.
        async with Producer.connect(server.url, queue="work") as jobs:
            again = await jobs.enqueue_many(new_job(Note(), id=job_id) for job_id in ids)
        assert (again.existing, again.accepted) == (kept, count - kept)


async def test_a_worker_and_a_producer_under_load_lose_nothing_with_their_server(
    fleet: Fleet, server_binary: Path, tmp_path: Path
) -> None:
    """The worker waits and goes on; the producer repeats its calls with the same ids."""
    ids = [f"job-{number}" for number in range(200)]
    with server_with(server_binary, tmp_path / "redis", appendfsync="always") as server:
        worker = await fleet.start(server.url, lease_ms=1_000)

        async def hand_in() -> None:
            async with Producer.connect(server.url, queue="work") as jobs:
                for job_id in ids:
                    accepted = False
                    while not accepted:
                        try:
                            await jobs.enqueue(Sleep(ms=5), id=job_id)
                        except RedisError:
                            await anyio.sleep(0.05)
                        else:
                            accepted = True

        async with anyio.create_task_group() as load:
            load.start_soon(hand_in)
            await wait_until(lambda: fleet.effects.jobs("end")[30:], "some are done")
            await anyio.to_thread.run_sync(server.kill)
            await worker.says("fetch_failed")
            await anyio.to_thread.run_sync(server.restart)

        async with Redis.from_url(server.url) as client:
            await until_idle(client)
            counters = (await report(client)).counters
            assert set(await records(client, ids, "state")) == {("completed",)}
            assert (counters["enqueued"], counters["completed"]) == (200, 200)
            assert (counters.get("dead", 0), counters.get("lost", 0)) == (0, 0)
        await worker.says("server_back")
        worker.send(signal.SIGTERM)
        assert await anyio.to_thread.run_sync(worker.program.wait) == 0
