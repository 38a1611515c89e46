"""Jobs that wait for their time, and its coming."""

from typing import Any

import anyio
import pytest

from streams.delayed import (
    _PROMOTE,
    FROM_THE_FIRST,
    PROMOTE_MAX,
    Soon,
    _row,
    hear_of_soon,
)
from streams.priority import LEVELS, Priority
from streams.settle import Verdict
from streams.state import State
from tests.support.queues import RETENTION, QueueUnderTest, job

pytestmark = pytest.mark.leaves_jobs


@pytest.mark.parametrize("priority", LEVELS)
async def test_a_due_job_enters_the_stream_of_its_priority(
    queue: QueueUnderTest, priority: Priority
) -> None:
    await queue.add(job(id="a", delay_ms=60_000, priority=priority, payload=b"\x00\xff"))
    await queue.make_due("a")

    assert await queue.promote() == (1, None)

    delivery = await queue.fetch_one()
    assert (delivery.id, delivery.payload, delivery.token.level) == (
        "a",
        b"\x00\xff",
        priority.level,
    )
    assert await queue.client.exists(queue.keys.body("a"), queue.keys.delayed) == 0
    assert await queue.counter("promoted") == 1


async def test_a_job_whose_time_has_not_come_stays(queue: QueueUnderTest) -> None:
    await queue.add(job(id="a", delay_ms=60_000))

    moved, wait_ms = await queue.promote()

    assert moved == 0
    assert wait_ms is not None
    assert 0 < wait_ms <= 60_000
    assert (await queue.look("a")).state is State.DELAYED


async def test_nothing_waits_for_nothing(queue: QueueUnderTest) -> None:
    assert await queue.promote() == (0, None)


async def test_the_wait_until_the_next_job_counts_from_those_that_stay(
    queue: QueueUnderTest,
) -> None:
    await queue.add(job(id="a", delay_ms=60_000), job(id="b", delay_ms=60_000))
    await queue.make_due("a")

    moved, wait_ms = await queue.promote()

    assert moved == 1
    assert wait_ms is not None
    assert 0 < wait_ms <= 60_000


async def test_more_than_one_call_can_move_is_moved_by_the_next_one(queue: QueueUnderTest) -> None:
    names = [f"job-{number}" for number in range(PROMOTE_MAX + 5)]
    for start in range(0, len(names), 100):
        await queue.add(*(job(id=name, delay_ms=60_000) for name in names[start : start + 100]))
    await queue.make_due(*names)

    assert await queue.promote() == (PROMOTE_MAX, 0)
    assert await queue.promote() == (5, None)
    assert {each.id for _ in range(2) for each in await queue.fetch()} == set(names)


async def test_due_jobs_go_in_the_order_of_their_moments(queue: QueueUnderTest) -> None:
    await queue.add(*(job(id=name, delay_ms=60_000) for name in "abc"))
    await queue.client.zadd(queue.keys.delayed, {"a": 3, "b": 1, "c": 2})

    await queue.promote()

    assert [each.id for each in await queue.fetch()] == ["b", "c", "a"]


async def test_racing_promoters_move_each_job_once(queue: QueueUnderTest) -> None:
    names = [f"job-{number}" for number in range(90)]
    await queue.add(*(job(id=name, delay_ms=60_000) for name in names))
    await queue.make_due(*names)
    moved: list[int] = []

    async def promote() -> None:
        count, _ = await queue.promote()
        moved.append(count)

    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(promote)

    assert sum(moved) == 90
    assert len(await queue.entries()) == 90
    assert await queue.counter("promoted") == 90


async def test_what_has_changed_since_the_look_is_left_alone(queue: QueueUnderTest) -> None:
    """Another worker was faster, or a canceller, or the job was put off."""
    await queue.add(*(job(id=name, delay_ms=60_000) for name in ("later", "due", "empty")))
    await queue.add(*(job(id=name, delay_ms=60_000, expires_ms=1) for name in ("late", "ended")))
    await queue.cancel("ended")
    await queue.client.zadd(queue.keys.delayed, {"ended": 1})  # as a broken call leaves it
    await queue.make_due("due", "empty", "late")
    await queue.client.delete(queue.keys.body("empty"))
    keys, names = queue.keys, ["later", "nobody", "due", "due", "empty", "late", "ended"]

    codes = await queue.server.run(
        _PROMOTE,
        keys={
            **keys.streams,
            "delayed": keys.delayed,
            "dead": keys.dead,
            "events": keys.events,
            "watchers": keys.watchers,
            "counters": keys.counters,
        },
        args={"ended_ttl_ms": RETENTION.ended_ttl_ms, "dead_ttl_ms": RETENTION.dead_ttl_ms},
        rows=[_row(keys, name, "") for name in names],
    )

    assert codes == [0, 0, 1, 0, 2, 3, 3]
    assert len(await queue.entries()) == 1
    assert (await queue.look("later")).state is State.DELAYED
    assert await queue.client.exists(keys.job("nobody")) == 0
    assert [letter.id for letter in await queue.letters()] == ["empty"]


async def test_what_a_broken_off_call_has_moved_already_is_only_taken_out_of_the_set(
    queue: QueueUnderTest,
) -> None:
    await queue.add(job(id="a", delay_ms=60_000))
    await queue.make_due("a")
    await queue.promote()
    await queue.client.zadd(queue.keys.delayed, {"a": 1})

    assert await queue.promote() == (1, None)

    assert await queue.client.exists(queue.keys.delayed, queue.keys.dead) == 0
    assert (len(await queue.entries()), await queue.counter("promoted")) == (1, 1)
    assert (await queue.look("a")).state is State.READY


async def test_a_lost_body_stops_no_other_job(queue: QueueUnderTest) -> None:
    await queue.add(*(job(id=name, delay_ms=60_000) for name in "ab"))
    await queue.client.zadd(queue.keys.delayed, {"a": 1, "b": 2})
    await queue.client.delete(queue.keys.body("a"))

    assert await queue.promote() == (1, None)
    assert 0 < await queue.client.pttl(queue.keys.job("a")) <= RETENTION.dead_ttl_ms


async def test_a_promoted_retry_knows_its_attempt_and_keeps_its_history(
    queue: QueueUnderTest,
) -> None:
    await queue.add(job(id="a"))
    await queue.settle(await queue.fetch_one(), Verdict.RETRY)
    await queue.promote()

    again = await queue.fetch_one()

    assert (again.id, again.attempt, again.epoch) == ("a", 2, 1)
    view = await queue.look("a")
    assert (view.state, view.attempt, len(view.history)) == (State.RUNNING, 2, 1)


async def test_a_delayed_job_without_its_body_is_a_dead_letter_and_not_a_silence(
    queue: QueueUnderTest,
) -> None:
    await queue.add(job(id="a", kind="test.kind", delay_ms=60_000))
    await queue.make_due("a")
    await queue.client.delete(queue.keys.body("a"))

    assert await queue.promote() == (0, None)

    letter = await queue.letter("a")
    view = await queue.look("a")
    assert (letter.cause, letter.payload) == ("body lost", b"")
    assert (view.state, view.cause, view.kind) == (State.DEAD, "body lost", "test.kind")
    assert await queue.client.exists(queue.keys.delayed) == 0
    assert await queue.counter("dead") == 1
    assert not await queue.client.hexists(queue.keys.counters, "promoted")


async def test_a_slot_opens_when_its_delayed_holder_lost_its_body(queue: QueueUnderTest) -> None:
    await queue.add(job(id="a", unique="u", delay_ms=60_000))
    await queue.make_due("a")
    await queue.client.delete(queue.keys.body("a"))
    await queue.promote()

    [answer] = await queue.add(job(id="b", unique="u"))

    assert answer.is_new


async def test_a_delayed_job_whose_record_is_gone_runs_and_gets_a_record_again(
    queue: QueueUnderTest,
) -> None:
    await queue.add(job(id="a", kind="test.kind", delay_ms=60_000))
    await queue.client.delete(queue.keys.job("a"))
    await queue.make_due("a")

    assert await queue.promote() == (1, None)

    view = await queue.look("a")
    assert (view.state, view.kind, view.priority) == (State.READY, "test.kind", Priority.NORMAL)
    assert (await queue.record("a"))["id"] == "a"
    assert (await queue.cancel("a")).name == "CANCELLED"
    assert await queue.entries() == []


async def wakes(queue: QueueUnderTest) -> list[int]:
    """In how many milliseconds something is due, as those who sleep are told."""
    found: Any = await queue.client.xrange(queue.keys.wake)
    return [int(fields[b"due_in_ms"]) for _, fields in found]


async def test_who_sleeps_is_told_of_a_job_that_is_due_before_anybody_would_look(
    queue: QueueUnderTest,
) -> None:
    async def soon() -> Soon:
        return await hear_of_soon(queue.client, queue.keys, FROM_THE_FIRST, block_ms=15_000)

    async with anyio.create_task_group() as tasks:
        heard: list[Soon] = []

        async def listen() -> None:
            heard.append(await soon())

        tasks.start_soon(listen)
        tasks.start_soon(listen)
        await queue.add(job(delay_ms=60_000), job(delay_ms=700), job(delay_ms=300))

    assert [each.due_in_ms for each in heard] == [300, 300]
    again = await hear_of_soon(queue.client, queue.keys, heard[0].heard, block_ms=1)
    assert again == Soon(heard[0].heard, None)


async def test_nobody_is_woken_for_a_job_that_is_not_the_next_or_not_soon(
    queue: QueueUnderTest,
) -> None:
    await queue.add(job(delay_ms=60_000))
    assert await wakes(queue) == []
    await queue.add(job(delay_ms=900))
    assert await wakes(queue) == [900]

    await queue.add(job(delay_ms=1_400), job(delay_ms=0))

    assert await wakes(queue) == [900]


async def test_of_what_wakes_one_entry_is_kept(queue: QueueUnderTest) -> None:
    for delay_ms in (1_500, 1_000, 500, 100):
        await queue.add(job(delay_ms=delay_ms))

    assert await wakes(queue) == [100]
