"""Making a job that waits more or less urgent."""

import pytest

from streams.errors import InvalidJobError
from streams.priority import LEVELS, Priority
from streams.reprioritise import Reprioritised
from streams.settle import Settled, Verdict
from streams.state import State
from tests.support.queues import QueueUnderTest, job

pytestmark = pytest.mark.leaves_jobs


@pytest.mark.parametrize("source", LEVELS)
@pytest.mark.parametrize("target", LEVELS)
async def test_a_waiting_job_goes_to_the_end_of_its_new_level_and_leaves_the_old_one(
    queue: QueueUnderTest, source: Priority, target: Priority
) -> None:
    await queue.add(job(id="first", priority=target), job(id="a", payload=b"1", priority=source))

    answer = await queue.reprioritise("a", target)

    same = source is target
    assert answer is (Reprioritised.AS_IT_WAS if same else Reprioritised.MOVED)
    view = await queue.look("a")
    assert (view.state, view.priority) == (State.READY, target)
    taken = await queue.fetch()
    assert [each.id for each in taken] == ["first", "a"]
    assert taken[-1].payload == b"1"
    assert await queue.counter("reprioritised") == (not same)
    assert [await queue.settle(each, Verdict.COMPLETED) for each in taken] == [Settled.RECORDED] * 2
    assert sum([await queue.client.xlen(name) for name in queue.keys.streams.values()]) == 0


async def test_it_keeps_the_moment_of_its_arrival_its_slot_and_what_it_asked_for(
    queue: QueueUnderTest,
) -> None:
    await queue.add(job(id="a", unique="u", attempts_max=7, meta={"tenant_id": "t"}))
    arrived = await queue.record("a")

    await queue.reprioritise("a", Priority.CRITICAL)

    delivery = await queue.fetch_one()
    assert delivery.token.level == Priority.CRITICAL.level
    assert (delivery.unique, delivery.attempts_max, delivery.meta) == ("u", 7, {"tenant_id": "t"})
    assert str(delivery.enqueued_ms) == arrived["enqueued_ms"]
    assert not (await queue.add(job(id="b", unique="u")))[0].is_new


async def test_a_delayed_job_comes_to_its_new_level(queue: QueueUnderTest) -> None:
    await queue.add(job(id="a", delay_ms=60_000))

    assert await queue.reprioritise("a", Priority.LOW) is Reprioritised.MOVED

    assert (await queue.look("a")).state is State.DELAYED
    await queue.make_due("a")
    await queue.promote()
    assert (await queue.fetch_one()).token.level == Priority.LOW.level


async def test_a_job_that_was_begun_stays_where_it_is(queue: QueueUnderTest) -> None:
    """One that was handed back is taken before everything new anyway."""
    await queue.add(job(id="a"))
    delivery = await queue.fetch_one()

    assert await queue.reprioritise("a", Priority.LOW) is Reprioritised.BEGUN
    assert await queue.settle(delivery, Verdict.RELEASED) is Settled.RECORDED
    assert await queue.reprioritise("a", Priority.LOW) is Reprioritised.BEGUN

    assert (await queue.look("a")).priority is Priority.NORMAL
    assert (await queue.fetch_one("two")).token.level == Priority.NORMAL.level


async def test_the_fence_of_a_handler_grows_over_the_move(queue: QueueUnderTest) -> None:
    await queue.add(job(id="a"))
    delivery = await queue.fetch_one()
    await queue.settle(delivery, Verdict.RETRY, delay_ms=1)
    await queue.make_due("a")
    await queue.promote()

    await queue.reprioritise("a", Priority.HIGH)

    again = await queue.fetch_one()
    assert again.fence > delivery.fence
    assert again.attempt == 2


async def test_an_entry_without_its_pending_row_is_deliverable_again_in_its_new_place(
    queue: QueueUnderTest,
) -> None:
    await queue.add(job(id="a"))
    delivery = await queue.lose(await queue.fetch_one(), 2)
    await queue.client.xack(queue.stream(delivery.token), "millstream", delivery.token.entry)

    assert await queue.reprioritise("a", Priority.HIGH) is Reprioritised.MOVED

    again = await queue.fetch_one("last")
    assert again.suspect, "so that it runs alone"


async def test_what_cannot_be_moved_is_said(queue: QueueUnderTest) -> None:
    await queue.add(job(id="over"), job(id="hollow"))
    await queue.cancel("over")
    [entry] = await queue.entries()
    await queue.client.xdel(queue.keys.stream(Priority.NORMAL), entry)

    assert await queue.reprioritise("nobody", Priority.HIGH) is Reprioritised.UNKNOWN
    assert await queue.reprioritise("over", Priority.HIGH) is Reprioritised.ENDED
    assert await queue.reprioritise("hollow", Priority.HIGH) is Reprioritised.ENTRY_GONE
    with pytest.raises(InvalidJobError):
        await queue.reprioritise("a b", Priority.HIGH)
