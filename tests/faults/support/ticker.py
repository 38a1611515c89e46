"""A scheduler in small: enqueues the ticks of one schedule, one by one."""

import sys
from datetime import UTC, datetime
from itertools import islice
from typing import ClassVar

import anyio

from producers.client import Producer
from producers.payloads.base import Payload
from producers.schedule.cron import Cron, tick_id

START = datetime(2026, 1, 1, tzinfo=UTC)


class Tick(Payload):
    """The job of one tick."""

    kind: ClassVar[str] = "test.tick"
    at: datetime


async def main(url: str, ticks: int) -> None:
    """Enqueue the first *ticks* minutes of a year."""
    async with Producer.connect(url, queue="ticks") as jobs:
        for tick in islice(Cron("* * * * *").after(START), ticks):
            await jobs.enqueue(Tick(at=tick), id=tick_id("minute", tick))


if __name__ == "__main__":
    anyio.run(main, sys.argv[1], int(sys.argv[2]))
