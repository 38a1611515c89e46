"""A job that its handler puts off: it waits, and is charged nothing."""

import orjson
import pytest

from streams.settle import Settled, Verdict
from streams.state import State
from tests.support.queues import QueueUnderTest, job


def snoozed(number: int) -> bytes:
    """A row of a history, as a worker writes it."""
    return orjson.dumps({"attempt": number, "outcome": "snoozed"})


@pytest.mark.leaves_jobs
async def test_a_job_that_is_put_off_waits_at_its_attempt_and_counts_how_often(
    queue: QueueUnderTest,
) -> None:
    await queue.add(job(id="a", payload=b"[1]", attempts_max=2, unique="slot", meta={"a": 1}))
    first = await queue.fetch_one()
    assert first.snoozes == 0

    answer = await queue.settle(
        first, Verdict.SNOOZED, detail="too early", attempt=snoozed(1), delay_ms=60_000
    )

    view = await queue.look("a")
    assert answer is Settled.RECORDED
    assert (view.state, view.attempt, view.parked) == (State.DELAYED, 1, "too early")
    assert [row["outcome"] for row in view.history] == ["snoozed"]
    assert (await queue.counter("snoozed"), await queue.counter("retried")) == (1, 0)
    moved, wait_ms = await queue.promote()
    assert moved == 0
    assert wait_ms is not None
    assert 0 < wait_ms <= 60_000
    await queue.make_due("a")
    await queue.promote()
    second = await queue.fetch_one()
    assert (second.snoozes, second.attempt, second.payload) == (1, 1, b"[1]")
    assert (second.meta, second.unique) == ({"a": 1}, "slot")
    assert second.fence > first.fence

    await queue.settle(second, Verdict.SNOOZED, detail="again", attempt=snoozed(1))
    await queue.promote()
    assert (await queue.fetch_one()).snoozes == 2


@pytest.mark.leaves_jobs
async def test_an_error_keeps_the_count_and_only_a_replay_begins_anew(
    queue: QueueUnderTest,
) -> None:
    await queue.add(job(id="a"))
    await queue.settle(await queue.fetch_one(), Verdict.SNOOZED, attempt=snoozed(1))
    await queue.promote()
    await queue.settle(await queue.fetch_one(), Verdict.RETRY)
    await queue.promote()
    again = await queue.fetch_one()
    assert (again.snoozes, again.attempt) == (1, 2)

    await queue.settle(again, Verdict.DEAD, detail="x")
    await queue.replay(await queue.letter("a"))

    replayed = await queue.fetch_one()
    assert (replayed.snoozes, replayed.attempt) == (0, 1)


async def test_a_job_that_somebody_wants_to_end_is_not_put_off(queue: QueueUnderTest) -> None:
    await queue.add(job(id="a"))
    held = await queue.fetch_one()
    await queue.cancel("a")

    await queue.settle(held, Verdict.SNOOZED, attempt=snoozed(1), delay_ms=60_000)

    assert (await queue.look("a")).state is State.CANCELLED


async def test_a_job_that_is_put_off_and_has_lost_its_body_is_dead(queue: QueueUnderTest) -> None:
    await queue.add(job(id="a"))
    held = await queue.fetch_one()
    await queue.client.xdel(queue.stream(held.token), held.token.entry)

    await queue.settle(held, Verdict.SNOOZED, attempt=snoozed(1))

    assert (await queue.letter("a")).cause == "body lost"


async def test_a_count_that_a_sender_has_written_badly_is_a_flaw(queue: QueueUnderTest) -> None:
    await queue.add_raw({"kind": "a", "payload": "{}", "id": "a", "snoozes": "many"})
    held = await queue.fetch_one()

    assert "snoozes: must be" in held.flaw
    await queue.settle(held, Verdict.DEAD, detail="malformed entry")
