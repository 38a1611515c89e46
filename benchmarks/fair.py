"""What turns cost: one tenant's many jobs in a queue that tenants share, and in one that is not.

Starts a Redis and a worker process of its own. Processor time is told beside the rates, because
it depends less on what else the machine does; that of the worker has its start in it. `first` is
how many jobs of the many run before the one of another tenant that was sent behind them; -1 means
that nobody waited for it.
"""

import argparse
import os
import time

import anyio
from redis.asyncio import Redis

from benchmarks.counting import commands, completed, require_all_ran, until_completed
from benchmarks.ground import server_to_start, told
from benchmarks.jobs import KEYS, worker
from benchmarks.noop_worker import QUEUE, Noop
from producers.client import Producer
from producers.order import new_job
from streams.backlog import share
from streams.embedded import EmbeddedServer
from streams.jobs import look
from streams.server import Server

#: Between two looks at the job of the other tenant.
LOOK_S = 0.002
#: A job that has not run by then is behind all of the others.
FIRST_MAX = 2_000


async def run(url: str, client: Redis, count: int, slots: int, window: int) -> str:
    """One line: *window* 0 is a queue that nobody shares."""
    await client.flushall()
    server = Server(client)
    at_first_us = await server_us(client)
    if window:
        await share(server, KEYS, window=window)
    async with Producer.connect(url, queue=QUEUE) as jobs:
        started = time.perf_counter()
        await jobs.enqueue_many(
            new_job(Noop(), meta={"tenant_id": "many"}) for _ in range(count - 1)
        )
        enqueued_s = time.perf_counter() - started
        other = await jobs.enqueue(Noop(), meta={"tenant_id": "other"})
    enqueued_us = await server_us(client)
    used_mb = int((await client.info("memory"))["used_memory"]) / 1e6
    await client.config_resetstat()
    worker_s = children_s()
    with worker(url, slots):
        before = await until_run(server, client, other.id)
        first = await completed(client, KEYS)
        began = await until_completed(client, KEYS, first + count // 10)
        done = await completed(client, KEYS)
        ended = await until_completed(client, KEYS, count)
        calls, total = await commands(client)
    ran_us = await server_us(client)
    worker_us = (children_s() - worker_s) * 1e6
    await require_all_ran(client, KEYS, count)
    rate = (count - done) / (ended - began)
    return (
        f"{f'window {window}' if window else 'not shared':12} "
        f"{count / enqueued_s:7,.0f} enqueued/s {(enqueued_us - at_first_us) / count:5.1f} us  "
        f"{used_mb:5.1f} MB  {rate:7,.0f} run/s, server {(ran_us - enqueued_us) / count:5.1f} us, "
        f"worker {worker_us / count:5.1f} us  {calls / count:5.3f} calls, "
        f"{total / count:4.1f} commands  first {before:,}"
    )


async def server_us(client: Redis) -> float:
    """Processor time that the server has had."""
    used = await client.info("cpu")
    return (float(used["used_cpu_user"]) + float(used["used_cpu_sys"])) * 1e6


def children_s() -> float:
    """Processor time of the processes that have ended."""
    used = os.times()
    return used.children_user + used.children_system


async def until_run(server: Server, client: Redis, job_id: str) -> int:
    """Wait until a job has ended; how many had by then."""
    while not (await look(server, KEYS, job_id)).state.is_end:
        if await completed(client, KEYS) > FIRST_MAX:
            return -1
        await anyio.sleep(LOOK_S)
    return await completed(client, KEYS)


async def race(url: str, count: int, slots: int, rounds: int) -> None:
    """Each setting in turn, several times."""
    async with Redis.from_url(url) as client:
        for _ in range(rounds):
            for window in (0, 100, 200, 1000):
                print(await run(url, client, count, slots, window), flush=True)


def main() -> None:
    """Run the race on a Redis of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=30_000, help="jobs in each run")
    parser.add_argument("--slots", type=int, default=32, help="jobs that the worker runs at once")
    parser.add_argument("--rounds", type=int, default=2)
    wanted = parser.parse_args()
    found, binary = server_to_start()
    print(f"{told(found)}, {wanted.jobs} jobs of 200 bytes, {wanted.slots} slots\n")
    with EmbeddedServer(binary) as server:
        anyio.run(race, server.url, wanted.jobs, wanted.slots, wanted.rounds)


if __name__ == "__main__":
    main()
