"""A job that is to be begun by a certain time, and was not."""

from typing import Any

import pytest

from streams.settle import Settled, Verdict
from streams.state import State
from tests.support.queues import RETENTION, QueueUnderTest, job, row


async def test_a_time_counts_from_the_jobs_arrival_on_the_servers_clock(
    queue: QueueUnderTest,
) -> None:
    await queue.add(job(id="a", expires_in_ms=60_000))

    delivery = await queue.fetch_one()

    assert delivery.expires_ms == delivery.enqueued_ms + 60_000
    assert await queue.settle(delivery, Verdict.COMPLETED) is Settled.RECORDED


async def test_what_was_fetched_too_late_is_cancelled_and_says_why(queue: QueueUnderTest) -> None:
    await queue.add(job(id="a", unique="u", expires_ms=1))

    answer = await queue.settle(await queue.fetch_one(), Verdict.EXPIRED, attempt=row(1, "expired"))

    view = await queue.look("a")
    assert answer is Settled.RECORDED
    assert (view.state, view.cause) == (State.CANCELLED, "expired")
    assert [each["outcome"] for each in view.history] == ["expired"]
    assert (await queue.counter("cancelled"), await queue.counter("expired")) == (1, 1)
    assert await queue.client.exists(queue.keys.unique("u")) == 0
    assert await queue.entries() == []
    assert 0 < await queue.client.pttl(queue.keys.job("a")) <= RETENTION.ended_ttl_ms


async def test_what_is_due_too_late_never_comes_into_its_stream(queue: QueueUnderTest) -> None:
    await queue.add(
        job(id="late", delay_ms=60_000, unique="u", expires_ms=1),
        job(id="good", delay_ms=60_000, expires_in_ms=120_000),
    )
    await queue.make_due("late", "good")

    assert await queue.promote() == (1, None)

    view = await queue.look("late")
    assert (view.state, view.cause) == (State.CANCELLED, "expired")
    assert view.ended_ms is not None
    assert (await queue.counter("cancelled"), await queue.counter("expired")) == (1, 1)
    assert await queue.client.exists(queue.keys.unique("u"), queue.keys.body("late")) == 0
    assert 0 < await queue.client.pttl(queue.keys.job("late")) <= RETENTION.ended_ttl_ms
    delivery = await queue.fetch_one()
    assert delivery.id == "good"
    await queue.settle(delivery, Verdict.COMPLETED)


@pytest.mark.parametrize("verdict", [Verdict.RETRY, Verdict.SNOOZED])
async def test_a_job_whose_handler_has_run_does_not_expire_any_more(
    queue: QueueUnderTest, verdict: Verdict
) -> None:
    await queue.add(job(id="a", expires_ms=1))
    await queue.settle(await queue.fetch_one(), verdict)

    assert await queue.promote() == (1, None)
    again = await queue.fetch_one()

    assert not again.is_expired(again.enqueued_ms + 60_000)
    await queue.settle(again, Verdict.COMPLETED)


async def test_what_is_promoted_in_time_counts_as_nothing_else(queue: QueueUnderTest) -> None:
    await queue.add(job(id="a", delay_ms=60_000, expires_in_ms=120_000))
    await queue.make_due("a")
    await queue.promote()

    assert not await queue.client.hexists(queue.keys.counters, "expired")
    await queue.settle(await queue.fetch_one(), Verdict.COMPLETED)


async def test_the_history_of_a_run_that_came_to_nothing_ends_with_the_record(
    queue: QueueUnderTest,
) -> None:
    """Its process has died: the first attempt begins anew, and that is too late."""
    await queue.add(job(id="a", expires_ms=1))
    await queue.settle(await queue.fetch_one(), Verdict.CRASHED, attempt=row(1, "crashed"))

    assert await queue.promote() == (0, None)
    assert [each["outcome"] for each in (await queue.look("a")).history] == ["crashed"]
    assert 0 < await queue.client.pttl(queue.keys.history("a")) <= RETENTION.ended_ttl_ms


async def test_one_that_nobody_has_tried_still_does(queue: QueueUnderTest) -> None:
    await queue.add(job(id="a", expires_ms=1))
    await queue.settle(await queue.fetch_one(), Verdict.PARKED, detail="nobody knows its kind")

    assert await queue.promote() == (0, None)
    assert (await queue.look("a")).cause == "expired"


async def test_a_dead_job_that_runs_again_has_no_expiry(queue: QueueUnderTest) -> None:
    """Whoever asks for it does so later than its sender could know."""
    await queue.add(job(id="a", expires_ms=1))
    await queue.settle(await queue.fetch_one(), Verdict.DEAD, detail="x")

    await queue.replay(await queue.letter("a"))

    again = await queue.fetch_one()
    assert (again.attempt, again.expires_ms) == (1, 0)
    await queue.settle(again, Verdict.COMPLETED)


@pytest.mark.parametrize("fields", [{"expires_ms": "0"}, {"expires_ms": ""}])
async def test_an_empty_expiry_of_another_sender_is_none(
    queue: QueueUnderTest, fields: dict[str, Any]
) -> None:
    await queue.add_raw({"kind": "test.echo", "payload": "{}", **fields})
    first = await queue.fetch_one()
    assert not first.is_expired(first.enqueued_ms)
    await queue.settle(first, Verdict.PARKED)

    assert await queue.promote() == (1, None)
    await queue.settle(await queue.fetch_one(), Verdict.COMPLETED)
