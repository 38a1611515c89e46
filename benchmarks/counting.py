"""What the benchmarks count, on the server: jobs that really ran, and commands."""

import time

import anyio
from redis.asyncio import Redis

from streams.inspection import inspect_queue
from streams.keys import Keys

#: Commands of the benchmark itself.
_OURS = {"config|resetstat", "info", "hget"}


async def completed(client: Redis, keys: Keys) -> int:
    """Jobs that have ended well."""
    value = await client.hget(keys.counters, "completed")
    return int(value or 0)


async def until_completed(client: Redis, keys: Keys, count: int) -> float:
    """Wait for *count* completed jobs; returns the moment."""
    while await completed(client, keys) < count:  # noqa: ASYNC110 - another process counts
        await anyio.sleep(0.005)
    return time.perf_counter()


async def commands(client: Redis) -> tuple[int, int]:
    """Script calls, and all commands run, those inside scripts too."""
    stats = await client.info("commandstats")
    calls = {name.removeprefix("cmdstat_"): int(row["calls"]) for name, row in stats.items()}
    total = sum(number for name, number in calls.items() if name not in _OURS)
    return calls.get("evalsha", 0), total


async def require_all_ran(client: Redis, keys: Keys, count: int) -> None:
    """End the benchmark when not exactly *count* jobs have completed and nothing is left."""
    report = await inspect_queue(client, keys)
    if not report.is_idle or report.dead or report.counters["completed"] != count:
        raise SystemExit(f"not every job ran once: {report}")
