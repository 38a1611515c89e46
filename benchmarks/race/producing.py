"""How a contestant's producer sends jobs, the same for all. Standard library only."""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable

from benchmarks.race.order import Order
from benchmarks.race.task import payload

Payload = dict[str, int | str]
#: Jobs in one call of a contestant's way of sending many.
BULK = 1000
#: Jobs that are sent side by side where it has none: more would be as many connections.
SIDE_BY_SIDE = 100


async def produce(
    order: Order,
    send: Callable[[Payload], Awaitable[object]],
    send_many: Callable[[list[Payload]], Awaitable[object]],
) -> None:
    """Send what is ordered, and print what it took; the first job, which connects, is not timed.

    At a given rate the rest waits for a line on standard input: a worker has to be there.
    """
    await send(payload())
    if order.rate:
        sys.stdin.readline()
    rest = order.jobs - 1
    started = time.perf_counter()
    if order.rate:
        for number in range(rest):
            wait_s = started + number / order.rate - time.perf_counter()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            await send(payload())
    elif order.in_bulk:
        for first in range(0, rest, BULK):
            await send_many([payload() for _ in range(min(BULK, rest - first))])
    else:
        for _ in range(rest):
            await send(payload())
    print(json.dumps({"jobs": rest, "seconds": time.perf_counter() - started}), flush=True)


async def each(send: Callable[[Payload], Awaitable[object]], payloads: list[Payload]) -> None:
    """Side by side, for a contestant with an event loop and no way to send many."""
    for first in range(0, len(payloads), SIDE_BY_SIDE):
        await asyncio.gather(*map(send, payloads[first : first + SIDE_BY_SIDE]))


async def in_turn(send: Callable[[Payload], Awaitable[object]], payloads: list[Payload]) -> None:
    """One after the other, for a contestant with neither."""
    for one in payloads:
        await send(one)
