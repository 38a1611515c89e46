"""Removing a job with all that is known of it."""

import pytest

from streams.errors import InvalidJobError, UnknownJobError
from streams.remove import Removal, remove
from streams.settle import Settled, Verdict
from tests.support.queues import QueueUnderTest, job

pytestmark = pytest.mark.leaves_jobs

STATES = ("ready", "handed back", "delayed", "completed", "cancelled", "dead")


async def bring(queue: QueueUnderTest, state: str) -> None:
    """The job `a` into *state*."""
    await queue.add(job(id="a", unique="u", delay_ms=60_000 if state == "delayed" else 0))
    match state:
        case "handed back":
            await queue.settle(await queue.fetch_one(), Verdict.RELEASED)
        case "completed":
            await queue.settle(await queue.fetch_one(), Verdict.COMPLETED)
        case "cancelled":
            await queue.cancel("a")
        case "dead":
            await queue.settle(await queue.fetch_one(), Verdict.DEAD, detail="x")
        case _:
            pass


@pytest.mark.parametrize("state", STATES)
async def test_nothing_is_left_of_it_and_its_id_is_free(queue: QueueUnderTest, state: str) -> None:
    before = {*await queue.contents()}
    await bring(queue, state)

    assert await remove(queue.server, queue.keys, "a") is Removal.REMOVED

    left = {*await queue.contents()} - before
    assert left <= {queue.keys.counters, queue.keys.stats, queue.keys.dead, queue.keys.wake}
    assert await queue.letters() == []
    assert await queue.fetch() == []
    with pytest.raises(UnknownJobError):
        await queue.look("a")
    assert await queue.counter("removed") == 1
    assert (await queue.add(job(id="a", unique="u")))[0].is_new
    assert await remove(queue.server, queue.keys, "b") is Removal.UNKNOWN


async def test_a_running_job_is_not_removed(queue: QueueUnderTest) -> None:
    await queue.add(job(id="a", unique="u"))
    delivery = await queue.fetch_one()
    before = await queue.contents()

    assert await remove(queue.server, queue.keys, "a") is Removal.RUNNING

    assert await queue.contents() == before
    assert await queue.settle(delivery, Verdict.COMPLETED) is Settled.RECORDED


async def test_an_id_that_is_none_is_refused(queue: QueueUnderTest) -> None:
    with pytest.raises(InvalidJobError):
        await remove(queue.server, queue.keys, "a b")
