"""The claimer: healthy jobs at once, suspects one at a time, and nothing from oneself."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import anyio
import pytest
from redis.asyncio import Redis

from consumers.inflight import Inflight
from consumers.logs import open_logger
from consumers.metrics import Metrics
from consumers.orphans import Orphans
from consumers.pool import Pool
from consumers.roles.claimer import Claimer
from streams.job import SUSPECT_LOSSES, Delivery
from streams.keys import NOBODY_SUSPECT
from streams.settle import Retention, Verdict
from tests.support.queues import QueueUnderTest, job
from tests.support.waiting import wait_until

pytestmark = pytest.mark.leaves_jobs

ME = "claimer"
RETENTION = Retention(lease_ms=1_000, ended_ttl_ms=600_000, dead_ttl_ms=600_000)


class Taken:
    """Takes what is claimed in hand and runs nothing."""

    def __init__(self, inflight: Inflight) -> None:
        self._inflight = inflight
        self.deliveries: list[Delivery] = []

    def start(self, delivery: Delivery) -> None:
        """As `Pool.start`."""
        assert self._inflight.expected >= {(delivery.token.level, delivery.token.entry)}
        self.deliveries.append(delivery)
        self._inflight.add(delivery)

    @property
    def ids(self) -> set[str]:
        return {each.id for each in self.deliveries}

    @property
    def suspects(self) -> list[Delivery]:
        return [each for each in self.deliveries if each.suspect]


@pytest.fixture
async def queue(client: Redis) -> QueueUnderTest:
    """An empty queue."""
    queue = QueueUnderTest(client)
    await queue.open()
    return queue


@asynccontextmanager
async def claiming(queue: QueueUnderTest, inflight: Inflight) -> AsyncIterator[Taken]:
    """A claimer that sweeps in the background."""
    metrics, log = Metrics("test", frozenset(), 10), open_logger("warning")
    orphans = Orphans(queue.server, queue.keys, ME, RETENTION, inflight, metrics, log)
    claimer = Claimer(queue.server, queue.keys, ME, RETENTION, inflight, orphans, metrics, log)
    taken, stopping = Taken(inflight), anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(claimer.run, cast("Pool", taken), stopping)
        yield taken
        stopping.set()
        inflight.close()


async def lost_jobs(queue: QueueUnderTest, *, healthy: int, suspects: int) -> None:
    """Jobs whose consumers have been silent for a lease; the next loss makes suspects of some."""
    names = [f"healthy-{n}" for n in range(healthy)] + [f"suspect-{n}" for n in range(suspects)]
    await queue.add(*(job(id=name) for name in names))
    held = {each.id: each for each in await queue.fetch()}
    for name in names[healthy:]:
        held[name] = await queue.lose(held[name], SUSPECT_LOSSES - 1)
    await queue.lapse(*held.values())


async def test_healthy_jobs_are_claimed_together_and_suspects_one_at_a_time(
    queue: QueueUnderTest,
) -> None:
    await lost_jobs(queue, healthy=3, suspects=3)
    inflight = Inflight(10)

    async with claiming(queue, inflight) as taken:
        await wait_until(lambda: len(taken.ids) == 4, "the healthy ones and one suspect are taken")
        for number in (1, 2):
            [running] = [each for each in taken.suspects if each.token in inflight]
            assert len(taken.suspects) == number
            assert not inflight.solo_free
            await queue.settle(running, Verdict.COMPLETED)
            inflight.remove(running.token)
            await wait_until(lambda: len(taken.suspects) > number, "the next one is taken")  # noqa: B023 - awaited here

    assert len(taken.deliveries) == len(taken.ids) == 6
    assert not inflight.expected


async def test_a_suspect_that_was_handed_back_waits_for_the_place_to_run_alone(
    queue: QueueUnderTest,
) -> None:
    await queue.add(job(id="first"), job(id="second"), job(id="healthy"))
    held = {each.id: each for each in await queue.fetch()}
    suspects = [await queue.lose(held[name], SUSPECT_LOSSES) for name in ("first", "second")]
    for suspect in suspects:
        await queue.settle(suspect, Verdict.RELEASED)
    inflight = Inflight(10)

    async with claiming(queue, inflight) as taken:
        await wait_until(lambda: taken.ids == {"first"}, "one suspect is taken")
        await queue.lapse(held["healthy"])
        await wait_until(lambda: "healthy" in taken.ids, "a later sweep has come to its end")
        assert "second" not in taken.ids
        owners = {owner for _, owner, _ in await queue.pending()}
        assert NOBODY_SUSPECT in owners
        [running] = taken.suspects
        await queue.settle(running, Verdict.COMPLETED)
        inflight.remove(running.token)
        await wait_until(lambda: "second" in taken.ids, "the other suspect is taken")


async def test_what_runs_here_is_not_taken_from_oneself(queue: QueueUnderTest) -> None:
    await queue.add(job(id="mine"), job(id="lost"))
    mine = await queue.fetch_one(ME)
    other = await queue.fetch_one("other")
    inflight = Inflight(10)
    inflight.add(mine)
    await queue.lapse(mine, other)

    async with claiming(queue, inflight) as taken:
        await wait_until(lambda: "lost" in taken.ids, "the other one is taken")

    assert taken.ids == {"lost"}
    assert (mine.token.entry, ME, 1) in await queue.pending()
