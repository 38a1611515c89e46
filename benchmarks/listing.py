"""A page of a long list: does it cost what it holds, wherever in the list it begins?

Starts a Redis of its own (no append-only file), fills a queue for each state that has a list,
and reads pages of fifty from the start, from places all over the list, and of one priority.
Every script call above two milliseconds is kept by the server's own slow log.
"""

import argparse
import random
import statistics
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
from redis.asyncio import Redis

from benchmarks.ground import server_to_start, told
from benchmarks.noop_worker import Noop
from producers.client import Producer
from producers.order import new_job
from streams.embedded import EmbeddedServer
from streams.groups import ensure_groups
from streams.keys import GROUP, Keys
from streams.listing import PAGE_MAX, list_jobs
from streams.priority import LEVELS, Priority
from streams.server import Server
from streams.state import State

KEYS = Keys("listing")
PAGE = 50
#: Pages that are timed for each figure.
TIMED = 400
SLOW_US = 2_000
#: Entries that are written or handed out in one command of the preparation.
STEP = 1_000

Fill = Callable[[Redis, str, int], Awaitable[None]]


async def _waiting(client: Redis, url: str, count: int) -> None:
    await ensure_groups(client, KEYS)
    async with Producer.connect(url, queue=KEYS.queue) as jobs:
        await jobs.enqueue_many(new_job(Noop(), priority=LEVELS[n % 4]) for n in range(count))


async def _running(client: Redis, url: str, count: int) -> None:
    await _waiting(client, url, count)
    streams: dict[Any, Any] = dict.fromkeys(KEYS.streams.values(), ">")
    while await client.xreadgroup(GROUP, "somebody", streams, count=STEP):
        pass


async def _delayed(client: Redis, url: str, count: int) -> None:
    """Half of them are due at the same moment."""
    await ensure_groups(client, KEYS)
    tomorrow = datetime.now(tz=UTC) + timedelta(days=1)
    async with Producer.connect(url, queue=KEYS.queue) as jobs:
        await jobs.enqueue_many(
            new_job(
                Noop(),
                run_at=tomorrow + (n % 2) * n * timedelta(milliseconds=1),
                priority=LEVELS[n // 2 % 4],
            )
            for n in range(count)
        )


async def _dead(client: Redis, _url: str, count: int) -> None:
    await ensure_groups(client, KEYS)
    for start in range(0, count, STEP):
        async with client.pipeline(transaction=False) as pipe:
            for n in range(start, min(start + STEP, count)):
                letter: dict[Any, Any] = {
                    "kind": "bench.noop",
                    "payload": "{}",
                    "id": f"dead-{n}",
                    "priority": LEVELS[n % 4].value,
                    "cause": "ValueError",
                    "history": '[{"attempt":1,"outcome":"error","error":"ValueError"}]',
                }
                pipe.xadd(KEYS.dead, letter)
            await pipe.execute()


FILLS: dict[State, Fill] = {
    State.READY: _waiting,
    State.RUNNING: _running,
    State.DELAYED: _delayed,
    State.DEAD: _dead,
}


async def _measured(url: str, state: State, count: int) -> list[str]:
    """The lines of one state."""
    async with Redis.from_url(url) as client:
        await FILLS[state](client, url, count)
        server = Server(client)
        cursors = await _places(server, state)
        await client.config_set("slowlog-log-slower-than", SLOW_US)
        await client.slowlog_reset()
        start = [await _timed(server, state, "") for _ in range(TIMED)]
        there = [await _timed(server, state, random.choice(cursors)) for _ in range(TIMED)]
        low = [await _timed(server, state, "", Priority.LOW) for _ in range(TIMED)]
        slow = len(await client.slowlog_get(128))
    return [
        f"{state.value:8} {where:13} {statistics.median(ms):7.2f} "
        f"{statistics.quantiles(ms, n=100)[98]:7.2f} {max(ms):7.2f} {slow:12}"
        for where, ms in (("first page", start), ("anywhere", there), ("low, first", low))
    ]


async def _places(server: Server, state: State) -> list[str]:
    """Cursors all over the list."""
    cursors, cursor = list[str](), ""
    while True:
        page = await list_jobs(server, KEYS, state, limit=PAGE_MAX, cursor=cursor)
        cursor = page.next_cursor
        if not cursor:
            return cursors[:-1]  # the last one may be the end itself
        cursors.append(cursor)


async def _timed(
    server: Server, state: State, cursor: str, priority: Priority | None = None
) -> float:
    """How long one page takes, in ms."""
    began_s = time.perf_counter()
    page = await list_jobs(server, KEYS, state, priority=priority, limit=PAGE, cursor=cursor)
    ended_s = time.perf_counter()
    if len(page.jobs) != PAGE:
        raise SystemExit(f"a page of {state.value} jobs has {len(page.jobs)}")
    return (ended_s - began_s) * 1000


def main() -> None:
    """Measure each state and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=1_000_000, help="jobs in each list")
    words = [state.value for state in FILLS]
    parser.add_argument("--states", nargs="+", choices=words, default=words)
    chosen = parser.parse_args()
    found, binary = server_to_start()
    print(f"{told(found)}, {chosen.jobs:,} jobs in each list, {TIMED} pages of {PAGE} each\n")
    print(
        f"{'state':8} {'page':13} {'median':>7} {'p99':>7} {'max ms':>7} {'calls > 2 ms':>12}",
        flush=True,
    )
    for state in map(State, chosen.states):
        with EmbeddedServer(binary, config={"appendonly": "no"}) as server:
            for line in anyio.run(_measured, server.url, state, chosen.jobs):
                print(line, flush=True)


if __name__ == "__main__":
    main()
