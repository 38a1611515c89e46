"""Ending what nobody wants any more."""

import pytest

from streams.cancel import Cancellation
from streams.priority import LEVELS, Priority
from streams.settle import Settled, Verdict
from streams.state import State
from tests.support.queues import RETENTION, QueueUnderTest, job

pytestmark = pytest.mark.leaves_jobs


@pytest.mark.parametrize("priority", LEVELS)
async def test_a_waiting_job_ends_at_once(queue: QueueUnderTest, priority: Priority) -> None:
    await queue.add(job(id="a", priority=priority, unique="u"), job(id="b", priority=priority))

    assert await queue.cancel("a") is Cancellation.CANCELLED

    view = await queue.look("a")
    assert (view.state, view.entry, view.ended_ms is not None) == (State.CANCELLED, "", True)
    assert [each.id for each in await queue.fetch()] == ["b"]
    assert 0 < await queue.client.pttl(queue.keys.job("a")) <= RETENTION.ended_ttl_ms
    assert await queue.counter("cancelled") == 1
    assert (await queue.add(job(id="c", unique="u")))[0].is_new


async def test_a_delayed_job_ends_at_once(queue: QueueUnderTest) -> None:
    await queue.add(job(id="a", delay_ms=60_000, unique="u"))

    assert await queue.cancel("a") is Cancellation.CANCELLED

    assert await queue.client.exists(queue.keys.delayed, queue.keys.body("a")) == 0
    assert (await queue.look("a")).state is State.CANCELLED
    assert (await queue.add(job(id="b", unique="u")))[0].is_new


async def test_a_retried_job_ends_with_its_history_kept_for_as_long_as_its_record(
    queue: QueueUnderTest,
) -> None:
    await queue.add(job(id="a"))
    await queue.settle(await queue.fetch_one(), Verdict.RETRY, delay_ms=60_000)

    assert await queue.cancel("a") is Cancellation.CANCELLED

    assert len((await queue.look("a")).history) == 1
    assert 0 < await queue.client.pttl(queue.keys.history("a")) <= RETENTION.ended_ttl_ms


async def test_a_running_job_is_only_asked_and_nothing_is_taken_from_its_consumer(
    queue: QueueUnderTest,
) -> None:
    await queue.add(job(id="a", unique="u"))
    delivery = await queue.fetch_one()

    assert await queue.cancel("a") is Cancellation.ASKED
    assert await queue.cancel("a") is Cancellation.ASKED

    assert await queue.client.smembers(queue.keys.cancel) == {b"a"}
    assert (await queue.look("a")).state is State.RUNNING
    assert await queue.pending() == [(delivery.token.entry, "one", 1)]
    assert not (await queue.add(job(id="b", unique="u")))[0].is_new
    await queue.settle(delivery, Verdict.CANCELLED)
    assert (await queue.look("a")).state is State.CANCELLED
    assert await queue.client.exists(queue.keys.cancel) == 0


async def test_a_job_that_was_handed_back_ends_at_once(queue: QueueUnderTest) -> None:
    await queue.add(job(id="a"))
    await queue.settle(await queue.fetch_one(), Verdict.RELEASED)

    assert await queue.cancel("a") is Cancellation.CANCELLED

    assert (await queue.entries(), await queue.pending()) == ([], [])
    assert await queue.fetch("two") == []


async def test_a_wish_of_which_no_consumer_will_hear_any_more_is_forgotten(
    queue: QueueUnderTest,
) -> None:
    await queue.add(job(id="a"))
    await queue.fetch_one()
    assert await queue.cancel("a") is Cancellation.ASKED
    await queue.abandon()

    assert await queue.cancel("a") is Cancellation.CANCELLED

    assert await queue.client.exists(queue.keys.cancel) == 0


async def test_an_end_that_was_recorded_in_part_is_carried_on_although_somebody_took_the_job(
    queue: QueueUnderTest,
) -> None:
    """The call before was broken off after it had written the state."""
    await queue.add(job(id="a"))
    await queue.client.hset(queue.keys.job("a"), "state", "cancelled")
    delivery = await queue.fetch_one()

    assert await queue.cancel("a") is Cancellation.CANCELLED

    assert (await queue.entries(), await queue.pending()) == ([], [])
    assert await queue.settle(delivery, Verdict.COMPLETED) is Settled.LOST
    assert await queue.cancel("a") is Cancellation.ENDED


async def test_a_raw_job_that_was_handed_back_ends_at_once(queue: QueueUnderTest) -> None:
    """Its record was written by the hand-back, and must know the place."""
    entry = await queue.add_raw({"kind": "a", "payload": "{}"})
    await queue.settle(await queue.fetch_one(), Verdict.RELEASED)

    assert await queue.cancel(f"normal-{entry}") is Cancellation.CANCELLED
    assert (await queue.entries(), await queue.pending()) == ([], [])


@pytest.mark.parametrize("verdict", [Verdict.RETRY, Verdict.PARKED, Verdict.RELEASED])
async def test_a_record_that_was_lost_and_written_again_knows_the_slot_of_its_job(
    queue: QueueUnderTest, verdict: Verdict
) -> None:
    await queue.add(job(id="a", unique="u"))
    delivery = await queue.fetch_one()
    await queue.client.delete(queue.keys.job("a"))
    await queue.settle(delivery, verdict, delay_ms=60_000)

    await queue.cancel("a")

    assert (await queue.add(job(id="b", unique="u")))[0].is_new


async def test_a_promoted_job_ends_at_once(queue: QueueUnderTest) -> None:
    await queue.add(job(id="a", delay_ms=60_000, priority=Priority.LOW))
    await queue.make_due("a")
    await queue.promote()

    assert await queue.cancel("a") is Cancellation.CANCELLED
    assert await queue.entries(Priority.LOW) == []


async def test_a_claimed_raw_job_can_be_asked(queue: QueueUnderTest) -> None:
    entry = await queue.add_raw({"kind": "a", "payload": "{}"})
    await queue.lapse(await queue.fetch_one())
    await queue.claim("two")

    assert await queue.cancel(f"normal-{entry}") is Cancellation.ASKED


@pytest.mark.parametrize("verdict", [Verdict.COMPLETED, Verdict.DEAD, Verdict.CANCELLED])
async def test_an_ended_job_stays_as_it_ended(queue: QueueUnderTest, verdict: Verdict) -> None:
    await queue.add(job(id="a"))
    await queue.settle(await queue.fetch_one(), verdict, detail=b'"x"')
    before = await queue.contents()

    assert await queue.cancel("a") is Cancellation.ENDED
    assert await queue.contents() == before


async def test_a_job_without_a_record_is_unknown(queue: QueueUnderTest) -> None:
    before = await queue.contents()

    assert await queue.cancel("nobody") is Cancellation.UNKNOWN
    assert await queue.contents() == before


async def test_a_slot_that_is_another_jobs_by_now_stays_that_jobs(queue: QueueUnderTest) -> None:
    await queue.add(job(id="a", unique="u", unique_ttl_ms=60_000))
    await queue.client.delete(queue.keys.unique("u"))
    await queue.add(job(id="b", unique="u"))

    await queue.cancel("a")

    assert await queue.client.get(queue.keys.unique("u")) == b"b"


async def test_a_job_whose_stream_is_gone_can_be_ended(queue: QueueUnderTest) -> None:
    """After an accident its record must not stay for ever."""
    await queue.add(job(id="a"))
    await queue.client.delete(queue.keys.stream(Priority.NORMAL))

    assert await queue.cancel("a") is Cancellation.CANCELLED
