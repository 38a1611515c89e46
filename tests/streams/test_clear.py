"""Ending all jobs that wait."""

from typing import Any

import pytest

from streams.audit.audit import audit
from streams.clear import Cleared, clear
from streams.priority import LEVELS, Priority
from streams.settle import Settled, Verdict
from streams.state import State
from tests.support.queues import RETENTION, QueueUnderTest, job

pytestmark = pytest.mark.leaves_jobs


async def cleared(
    queue: QueueUnderTest,
    *states: State,
    levels: tuple[Priority, ...] = LEVELS,
) -> list[Cleared]:
    """Everything that a clearing says."""
    chosen = states or (State.READY, State.DELAYED)
    found = clear(
        queue.server,
        queue.keys,
        states=chosen,
        levels=levels,
        ended_ttl_ms=RETENTION.ended_ttl_ms,
    )
    return [each async for each in found]


async def test_what_waits_ends_as_cancelled_and_what_runs_is_left_alone(
    queue: QueueUnderTest,
) -> None:
    await queue.add(job(id="runs"), job(id="back", unique="b"))
    runs, back = await queue.fetch()
    await queue.settle(back, Verdict.RELEASED)
    await queue.add(job(id="waits", unique="u"), job(id="later", delay_ms=60_000, unique="v"))
    raw = await queue.add_raw({"kind": "test.raw", "payload": "{}"})

    told = await cleared(queue)

    assert told[-1] == Cleared(cancelled=4)
    for name in ("back", "waits", "later", f"normal-{raw}"):
        view = await queue.look(name)
        assert (view.state, view.entry, view.ended_ms is not None) == (State.CANCELLED, "", True)
        assert 0 < await queue.client.pttl(queue.keys.job(name)) <= RETENTION.ended_ttl_ms
    assert all(each.is_new for each in await queue.add(*(job(unique=u) for u in "buv")))
    assert await queue.counter("cancelled") == 4
    assert await queue.settle(runs, Verdict.COMPLETED) is Settled.RECORDED
    assert (await audit(queue.client, queue.keys)).is_clean


async def test_running_jobs_are_asked_only_where_that_is_wanted(queue: QueueUnderTest) -> None:
    await queue.add(job(id="a"))
    raw = await queue.add_raw({"kind": "test.raw", "payload": "{}"})
    held = await queue.fetch()

    assert (await cleared(queue))[-1] == Cleared()
    assert (await cleared(queue, State.RUNNING))[-1] == Cleared(asked=2)

    assert (await queue.renew(*held)).cancel == {each.token for each in held}
    for delivery in held:
        assert await queue.settle(delivery, Verdict.RETRY) is Settled.RECORDED
    for name in ("a", f"normal-{raw}"):
        assert (await queue.look(name)).state is State.CANCELLED


async def test_levels_and_states_are_cleared_alone(queue: QueueUnderTest) -> None:
    for level in LEVELS:
        await queue.add(
            job(id=f"{level}", priority=level),
            job(id=f"{level}-later", priority=level, delay_ms=60_000),
        )

    await cleared(queue, State.READY, levels=(Priority.LOW,))
    await cleared(queue, State.DELAYED, levels=(Priority.HIGH, Priority.LOW))

    gone = {
        f"{level}{end}"
        for level in LEVELS
        for end in ("", "-later")
        if (await queue.look(f"{level}{end}")).state is State.CANCELLED
    }
    assert gone == {"low", "low-later", "high-later"}


async def test_many_jobs_go_in_windows_that_are_told(queue: QueueUnderTest) -> None:
    for start in range(0, 300, 100):
        await queue.add(*(job(id=f"w{n}") for n in range(start, start + 100)))
        await queue.add(*(job(id=f"d{n}", delay_ms=60_000) for n in range(start, start + 100)))

    told = await cleared(queue)

    assert told[-1] == Cleared(cancelled=600)
    assert len(told) >= 12
    assert [each.cancelled for each in told] == sorted(each.cancelled for each in told)
    assert await queue.client.exists(queue.keys.delayed) == 0


async def test_what_comes_in_meanwhile_stays(queue: QueueUnderTest) -> None:
    """Or a queue into which somebody sends all the time would be cleared for ever."""
    await queue.add(*(job(id=f"{n}") for n in range(100)))
    late: list[str] = []

    async for _ in clear(queue.server, queue.keys, ended_ttl_ms=1_000):
        seconds, micros = await queue.client.time()
        entry: Any = await queue.client.xadd(
            queue.keys.stream(Priority.NORMAL),
            {"kind": "a", "payload": "{}"},
            id=f"{seconds * 1000 + micros // 1000 + 60_000}-0" if not late else "*",
        )
        late.append(entry.decode())

    assert await queue.entries() == late


async def test_of_two_entries_with_one_id_the_record_tells_of_its_own(
    queue: QueueUnderTest,
) -> None:
    await queue.add(job(id="a", priority=Priority.HIGH))
    await queue.add_raw({"id": "a", "kind": "test.echo", "payload": "{}"})

    assert (await cleared(queue, levels=(Priority.NORMAL,)))[-1] == Cleared(cancelled=1)

    assert (await queue.look("a")).state is State.READY
    assert (await queue.fetch_one()).token.level == Priority.HIGH.level


async def test_a_running_job_whose_entry_was_deleted_is_left_alone(queue: QueueUnderTest) -> None:
    """Nothing says any more which job it is."""
    await queue.add(job(id="a"))
    held = await queue.fetch_one()
    await queue.client.xdel(queue.stream(held.token), held.token.entry)

    assert (await cleared(queue, State.RUNNING))[-1] == Cleared(left=1)

    assert await queue.client.exists(queue.keys.cancel) == 0


async def test_only_what_can_be_ended_is_cleared(queue: QueueUnderTest) -> None:
    with pytest.raises(ValueError, match="ready, delayed or running"):
        await cleared(queue, State.DEAD)
