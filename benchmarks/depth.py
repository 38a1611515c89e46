"""A deep queue: is it drained as fast as a short one, and does no call hold the server up?

Starts a Redis of its own (append-only file with an fsync every second, or none) and a
worker process of its own for each turn. The short queue, which is empty within a second,
has ten turns for each of the deep one, of which a tenth is run. Every script call above
five milliseconds, from the first job enqueued to the last one run, is kept by the server's
own slow log.
"""

import argparse
import os
import statistics
from dataclasses import dataclass

import anyio
from redis.asyncio import Redis

from benchmarks.counting import completed, until_completed
from benchmarks.ground import server_to_start, told
from benchmarks.jobs import KEYS, worker
from benchmarks.noop_worker import QUEUE, Noop
from producers.client import Producer
from producers.order import new_job
from streams.embedded import EmbeddedServer
from streams.inspection import inspect_queue

#: A script call above this is told.
SLOW_US = 5_000
#: Handlers at a time.
SLOTS = 256
#: Turns of the short queue for one of the deep one.
SHORTS = 10


@dataclass(frozen=True, slots=True)
class Drained:
    """What one queue has shown."""

    jobs_per_s: float
    bytes_per_job: float
    slow: list[str]


async def _drained(url: str, depth: int, count: int) -> Drained:
    """Fill the queue with *depth* jobs, and time from a tenth of *count* runs to nine."""
    async with Redis.from_url(url) as client:
        await client.config_set("slowlog-log-slower-than", SLOW_US)
        before = int((await client.info("memory"))["used_memory"])
        async with Producer.connect(url, queue=QUEUE) as jobs:
            report = await jobs.enqueue_many(new_job(Noop()) for _ in range(depth))
        if report.accepted != depth:
            raise SystemExit(f"not every job was accepted: {report}")
        held = int((await client.info("memory"))["used_memory"]) - before
        await _until_at_rest(client)
        with worker(url, SLOTS):
            # The interpreter's start is no job's cost.
            started = await until_completed(client, KEYS, count // 10)
            first = await completed(client, KEYS)
            ended = await until_completed(client, KEYS, count * 9 // 10)
            last = await completed(client, KEYS)
        queue = await inspect_queue(client, KEYS)
        accounted = queue.counters["completed"] + queue.undelivered + queue.running
        if queue.dead or accounted != depth:
            raise SystemExit(f"not every job is done once or still there: {queue}")
        slow = [
            f"{each['duration'] / 1000:.1f} ms {each['command'][:60].decode(errors='replace')}"
            for each in await client.slowlog_get(128)
            if each["command"].upper().startswith((b"EVAL", b"FCALL"))
        ]
    return Drained((last - first) / (ended - started), held / depth, slow)


async def _until_at_rest(client: Redis) -> None:
    """What the fill has left to be written is no cost of a deep queue's drain."""
    while (await client.info("persistence"))["aof_rewrite_in_progress"]:  # noqa: ASYNC110 - no event
        await anyio.sleep(0.05)
    await anyio.to_thread.run_sync(os.sync)


def main() -> None:
    """Measure both depths in turns and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deep", type=int, default=1_000_000, help="jobs in the deep queue")
    parser.add_argument("--short", type=int, default=10_000, help="jobs in the short one")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--persistence", choices=["aof", "none"], default="aof")
    chosen = parser.parse_args()
    found, binary = server_to_start()
    print(f"{told(found)}, {SLOTS} slots, one worker process, persistence: {chosen.persistence}\n")
    seen: dict[int, list[Drained]] = {chosen.short: [], chosen.deep: []}
    config = {"appendonly": "yes" if chosen.persistence == "aof" else "no"}
    plan = [(chosen.short, chosen.short)] * SHORTS + [(chosen.deep, max(1, chosen.deep // 10))]
    for depth, count in plan * chosen.rounds:
        with EmbeddedServer(binary, config=config) as server:
            seen[depth].append(anyio.run(_drained, server.url, depth, count))
    base = statistics.median(each.jobs_per_s for each in seen[chosen.short])
    print(f"{'queued':>10} {'jobs/s':>9} {'of short':>9} {'bytes/job':>10} {'calls > 5 ms':>13}")
    for depth, drains in seen.items():
        rate = statistics.median(each.jobs_per_s for each in drains)
        held = statistics.median(each.bytes_per_job for each in drains)
        slow = [call for each in drains for call in each.slow]
        print(f"{depth:10,} {rate:9,.0f} {rate / base:9.1%} {held:10.0f} {len(slow):13}")
        for call in slow[:10]:
            print(f"{'':10} {call}")


if __name__ == "__main__":
    main()
