"""What a job costs: enqueue, deliver, run, settle; beside what bare redis-py can do.

Starts a Redis of its own (append-only file, fsync every second) and a worker process of
its own. Every figure that is a rate counts jobs that really ran.
"""

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import anyio
from redis.asyncio import Redis

from benchmarks.counting import commands, completed, require_all_ran, until_completed
from benchmarks.ground import server_to_start, told
from benchmarks.noop_worker import QUEUE, Noop
from producers.client import Producer
from producers.order import new_job
from streams.embedded import EmbeddedServer
from streams.keys import Keys
from streams.priority import Priority

KEYS = Keys(QUEUE)
PROJECT = Path(__file__).parent.parent
BATCH = 100
#: Jobs before the clock counts: the first ones wait for the worker to start.
WARM_UP = 5


@contextmanager
def worker(url: str, slots: int) -> Iterator[None]:
    """A worker process for as long as the block lasts."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.noop_worker", url, str(slots)], cwd=PROJECT
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=60)


async def enqueue_rates(url: str, client: Redis, count: int) -> dict[str, float]:
    """Jobs a second: one by one, in bulk, and bare pipelined XADD of the same payload."""
    rates: dict[str, float] = {}
    async with Producer.connect(url, queue=QUEUE) as jobs:
        single = max(1, count // 10)
        started = time.perf_counter()
        for _ in range(single):
            await jobs.enqueue(Noop())
        rates["enqueue, one by one"] = single / (time.perf_counter() - started)
        started = time.perf_counter()
        await jobs.enqueue_many(new_job(Noop()) for _ in range(count))
        rates["enqueue_many"] = count / (time.perf_counter() - started)
    await client.flushall()
    payload = Noop().model_dump_json()
    started = time.perf_counter()
    for _ in range(0, count, BATCH):
        async with client.pipeline(transaction=False) as pipe:
            for _ in range(BATCH):
                pipe.xadd("bare", {"kind": Noop.kind, "payload": payload})
            await pipe.execute()
    rates["bare redis-py: XADD in pipelines"] = count / (time.perf_counter() - started)
    return rates


async def bare_drain_rate(client: Redis, count: int) -> float:
    """What redis-py reads and acknowledges in batches, with no record, fence or result."""
    await client.xgroup_create("bare", "bare", id="0")
    started = time.perf_counter()
    taken = 0
    while taken < count:
        reply: Any = await client.xreadgroup("bare", "one", {"bare": ">"}, count=BATCH)
        [(_, entries)] = reply
        async with client.pipeline(transaction=False) as pipe:
            for entry, _ in entries:
                pipe.xack("bare", "bare", entry)
                pipe.xdel("bare", entry)
            await pipe.execute()
        taken += len(entries)
    return count / (time.perf_counter() - started)


async def drain(url: str, client: Redis, count: int, slots: int) -> tuple[float, float, float]:
    """Jobs a second of one worker process, and script calls and commands a job."""
    await client.flushall()
    async with Producer.connect(url, queue=QUEUE) as jobs:
        await jobs.enqueue_many(new_job(Noop()) for _ in range(count))
    await client.config_resetstat()
    with worker(url, slots):
        # Counted from the first tenth on: what the interpreter needs to start is no job's cost.
        first = count // 10
        started = await until_completed(client, KEYS, first)
        done_at_start = await completed(client, KEYS)
        ended = await until_completed(client, KEYS, count)
        calls, total = await commands(client)
    await require_all_ran(client, KEYS, count)
    return (count - done_at_start) / (ended - started), calls / count, total / count


async def idle_latency_ms(url: str, client: Redis, count: int) -> tuple[float, float]:
    """Median and 99th percentile from the call to enqueue to the handler's start."""
    await client.flushall()
    waits: list[float] = []
    async with Producer.connect(url, queue=QUEUE) as jobs:
        with worker(url, 4):
            for number in range(-WARM_UP, count):
                sent_ns = time.time_ns()
                job = await jobs.enqueue(Noop(), priority=Priority.HIGH)
                ran_ns = await jobs.result(job.id, timeout=timedelta(seconds=30))
                if number >= 0 and isinstance(ran_ns, int):
                    waits.append((ran_ns - sent_ns) / 1e6)
    return statistics.median(waits), statistics.quantiles(waits, n=100)[98]


async def race(url: str, count: int) -> None:
    """Measure everything and print one table."""
    async with Redis.from_url(url) as client:
        rates = await enqueue_rates(url, client, count)
        rates["bare redis-py: XREADGROUP, XACK, XDEL"] = await bare_drain_rate(client, count)
        bare_add = rates["bare redis-py: XADD in pipelines"]
        bare_drain = rates["bare redis-py: XREADGROUP, XACK, XDEL"]
        for name, rate in rates.items():
            limit = bare_drain if "XREADGROUP" in name else bare_add
            print(f"{name:42} {rate:9,.0f} jobs/s  {rate / limit:6.1%} of bare")
        for slots in (1, 4, 32, 256):
            rate, calls, total = await drain(url, client, count, slots)
            print(
                f"{f'drain, one process, {slots} slots':42} {rate:9,.0f} jobs/s  "
                f"{rate / bare_drain:6.1%} of bare  {calls:5.2f} calls, {total:5.1f} commands a job"
            )
        median_ms, last_ms = await idle_latency_ms(url, client, min(count, 300))
        print(f"{'enqueue to handler start, idle':42} p50 {median_ms:.2f} ms  p99 {last_ms:.2f} ms")


def main() -> None:
    """Run the race on a Redis of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=5000, help="jobs in each run")
    count = max(BATCH, parser.parse_args().jobs // BATCH * BATCH)
    found, binary = server_to_start()
    print(f"{told(found)}, {count} jobs of 200 bytes a run\n")
    with EmbeddedServer(binary) as server:
        anyio.run(race, server.url, count)


if __name__ == "__main__":
    main()
