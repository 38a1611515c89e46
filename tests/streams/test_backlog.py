"""Tenants that share a queue in turn."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams.backlog import ADMIT_MAX, WINDOW, admit, share, stop_sharing
from streams.backlog import let_in as let_in_named
from streams.cancel import Cancellation
from streams.depth import read_depth
from streams.enqueue import Acceptance
from streams.job import NewJob
from streams.listing import list_jobs
from streams.priority import Priority
from streams.remove import Removal, remove
from streams.reprioritise import Reprioritised
from streams.settle import Verdict
from streams.state import State
from tests.support.queues import RETENTION, QueueUnderTest, job

pytestmark = pytest.mark.leaves_jobs


def of(tenant: str, name: str, **options: Any) -> NewJob:
    """A job of a tenant."""
    return job(id=name, meta={"tenant_id": tenant}, **options)


@pytest.fixture
async def fair(queue: QueueUnderTest) -> QueueUnderTest:
    assert await share(queue.server, queue.keys)
    return queue


async def fill(queue: QueueUnderTest, tenant: str, count: int, **options: Any) -> list[str]:
    """Enqueue *count* jobs of one tenant; their ids in order."""
    names = [f"{tenant}-{number:05}" for number in range(count)]
    for at in range(0, count, 100):
        await queue.add(*(of(tenant, name, **options) for name in names[at : at + 100]))
    return names


async def full(queue: QueueUnderTest, **options: Any) -> list[str]:
    """Fill the window, so that whatever comes now waits for its turn."""
    return await fill(queue, "first", WINDOW, **options)


async def let_in(queue: QueueUnderTest) -> int:
    """Admit what may be."""
    moved, _ = await admit(queue.server, queue.keys, RETENTION)
    return moved


async def taken(queue: QueueUnderTest, slots: int = 100) -> list[str]:
    """Take jobs and end them; their ids."""
    deliveries = await queue.fetch(slots=slots)
    for delivery in deliveries:
        await queue.settle(delivery, Verdict.COMPLETED, detail=b"1")
    return [each.id for each in deliveries]


async def turns(queue: QueueUnderTest) -> dict[str, int]:
    found: Any = await queue.client.hgetall(queue.keys.turns)
    return {name.decode(): int(value) for name, value in found.items()}


async def test_an_idle_fair_queue_takes_jobs_straight_into_its_stream(
    fair: QueueUnderTest,
) -> None:
    [answer] = await fair.add(of("a", "one"))

    assert answer.acceptance is Acceptance.READY
    assert await fair.client.exists(fair.keys.backlog, fair.keys.turns) == 0


async def test_what_comes_beyond_the_window_waits_for_its_turn(fair: QueueUnderTest) -> None:
    await full(fair)

    [answer] = await fair.add(of("a", "one", payload=b"\x00\xff"))

    assert (answer.acceptance, answer.is_new) == (Acceptance.QUEUED, True)
    view = await fair.look("one")
    assert (view.state, view.entry) == (State.QUEUED, "")
    assert len(await fair.entries()) == WINDOW
    assert await let_in(fair) == 0
    await taken(fair, 1)
    assert await let_in(fair) == 1
    assert (await fair.look("one")).state is State.READY
    [*_, last] = await fair.fetch()
    assert (last.id, last.payload) == ("one", b"\x00\xff")
    assert await fair.client.exists(fair.keys.backlog, fair.keys.turns) == 0
    assert await fair.counter("admitted") == 1


async def test_a_queue_that_is_not_fair_takes_jobs_as_they_come(queue: QueueUnderTest) -> None:
    await full(queue)

    [answer] = await queue.add(of("a", "one"))

    assert answer.acceptance is Acceptance.READY


async def test_a_job_of_another_tenant_waits_for_the_window_and_one_round(
    fair: QueueUnderTest,
) -> None:
    """The bound: whoever has ten thousand jobs there delays one of another by a round."""
    await fill(fair, "busy", 10_000)
    await fill(fair, "third", 300)
    for _ in range(5):
        await taken(fair)
        await let_in(fair)
    await fair.add(of("late", "late"))
    run: list[str] = []

    while "late" not in run:
        run += await taken(fair, 10)
        await let_in(fair)

    assert run.index("late") <= WINDOW + 2 * len(("busy", "third"))


async def test_who_comes_in_the_middle_of_a_round_comes_in_the_next_one(
    fair: QueueUnderTest,
) -> None:
    await full(fair)
    for tenant in ("a", "b", "c"):
        await fill(fair, tenant, 3)
    await taken(fair, 1)
    await let_in(fair)

    await fair.add(of("0", "0"))

    await taken(fair, 100)
    await let_in(fair)
    assert await taken(fair) == [
        *("b-00000", "c-00000"),
        *("0", "a-00001", "b-00001", "c-00001"),
        *("a-00002", "b-00002", "c-00002"),
    ]


async def test_jobs_without_a_tenant_are_one_tenant_together(fair: QueueUnderTest) -> None:
    await full(fair)
    await fair.add(
        *(job(id=f"none-{number}") for number in range(3)), of("a", "a-0"), of("a", "a-1")
    )
    await taken(fair)
    await let_in(fair)

    assert await taken(fair) == ["a-0", "none-0", "a-1", "none-1", "none-2"]


async def test_each_level_has_turns_of_its_own(fair: QueueUnderTest) -> None:
    await full(fair)
    await fill(fair, "a", 2)

    [answer] = await fair.add(of("a", "urgent", priority=Priority.HIGH))

    assert answer.acceptance is Acceptance.READY


async def test_several_callers_keep_the_order_and_the_window(fair: QueueUnderTest) -> None:
    await full(fair)
    for tenant in ("a", "b"):
        await fill(fair, tenant, 150)
    await taken(fair)

    async with anyio.create_task_group() as callers:
        for _ in range(5):
            callers.start_soon(let_in, fair)

    assert len(await fair.entries()) == WINDOW
    run = await taken(fair)
    assert run == [f"{tenant}-{n:05}" for n in range(WINDOW // 2) for tenant in ("a", "b")]


async def test_who_looked_before_others_did_lets_in_none_too_many_and_none_too_early(
    fair: QueueUnderTest,
) -> None:
    await full(fair)
    names = await fill(fair, "a", 4)
    await taken(fair, 2)

    async def let_these_in(*wanted: str) -> list[int]:
        return await let_in_named(fair.server, fair.keys, wanted, RETENTION)

    assert await let_these_in("nobody", names[1], names[0], names[0], names[2]) == [0, 0, 1, 0, 0]
    assert await let_these_in(*names) == [0, 1, 0, 0]
    assert len(await fair.entries()) == WINDOW


async def test_what_waits_is_let_in_at_once_when_turns_end(fair: QueueUnderTest) -> None:
    await full(fair)
    await fill(fair, "a", ADMIT_MAX + 50)

    assert await stop_sharing(fair.server, fair.keys)
    assert not await stop_sharing(fair.server, fair.keys)

    assert await admit(fair.server, fair.keys, RETENTION) == (ADMIT_MAX, True)
    assert await let_in(fair) == 50
    assert len(await fair.entries()) == WINDOW + ADMIT_MAX + 50


async def test_a_tenant_is_forgotten_with_its_last_job(fair: QueueUnderTest) -> None:
    await full(fair)
    await fill(fair, "a", 3)
    await fill(fair, "b", 1)
    await fill(fair, "c", 2)
    assert (await turns(fair))["n:3:a"] == 3

    await fair.cancel("c-00000")
    await fair.cancel("c-00001")
    await taken(fair, 2)
    await let_in(fair)

    assert await turns(fair) == {"3": 1, "3:a": 3, "n:3:a": 2}


async def test_a_job_that_waits_for_its_turn_is_cancelled_removed_and_moved(
    fair: QueueUnderTest,
) -> None:
    await full(fair)
    await fair.add(*(of("a", name, unique=name) for name in ("over", "gone", "moved")))

    assert await fair.cancel("over") is Cancellation.CANCELLED
    assert await remove(fair.server, fair.keys, "gone") is Removal.REMOVED
    assert await fair.reprioritise("moved", Priority.HIGH) is Reprioritised.MOVED

    assert (await fair.look("over")).state is State.CANCELLED
    view = await fair.look("moved")
    assert (view.state, view.priority) == (State.QUEUED, Priority.HIGH)
    assert await fair.client.zcard(fair.keys.backlog) == 1
    assert (
        await fair.client.exists(
            *(fair.keys.body(name) for name in ("over", "gone")),
            *(fair.keys.unique(name) for name in ("over", "gone")),
        )
        == 0
    )
    assert await turns(fair) == {"2:a": 1, "n:2:a": 1}
    assert await let_in(fair) == 1
    assert await fair.entries(Priority.HIGH)


async def test_somebody_more_urgent_moves_it_up(fair: QueueUnderTest) -> None:
    await full(fair)
    await fair.add(of("a", "one"))

    [answer] = await fair.add(of("a", "one", priority=Priority.CRITICAL))

    assert (answer.acceptance, answer.raised) == (Acceptance.EXISTS, True)
    assert (await fair.look("one")).priority is Priority.CRITICAL


async def test_it_is_ended_where_it_has_expired(fair: QueueUnderTest) -> None:
    await full(fair)
    await fair.add(of("a", "late", expires_ms=1, unique="u"), of("a", "next"))
    await taken(fair)

    assert await let_in(fair) == 2

    view = await fair.look("late")
    assert (view.state, view.cause) == (State.CANCELLED, "expired")
    assert await fair.client.exists(fair.keys.unique("u")) == 0
    assert await taken(fair) == ["next"]


async def test_it_is_dead_where_its_body_was_deleted(fair: QueueUnderTest) -> None:
    await full(fair)
    await fair.add(of("a", "hollow", unique="u"))
    await fair.client.delete(fair.keys.body("hollow"))
    await taken(fair)

    assert await let_in(fair) == 1

    assert (await fair.letter("hollow")).cause == "body lost"
    assert await fair.client.exists(fair.keys.unique("u"), fair.keys.backlog) == 0


async def test_a_queue_with_a_backlog_is_as_long_as_it_is(fair: QueueUnderTest) -> None:
    await full(fair)

    answers = await fair.add(of("a", "one"), of("a", "two"), length_max=WINDOW + 1)

    assert [each.acceptance for each in answers] == [Acceptance.QUEUED, Acceptance.FULL]
    depth = await read_depth(fair.server, fair.keys)
    assert (depth.waiting, depth.undone) == (WINDOW + 1, WINDOW + 1)
    assert depth.levels[Priority.NORMAL].queued == 1


async def test_they_are_listed_in_the_order_of_their_turns(fair: QueueUnderTest) -> None:
    await full(fair)
    await fill(fair, "b", 3)
    await fill(fair, "a", 2)
    found: list[str] = []
    cursor = ""

    while True:
        page = await list_jobs(fair.server, fair.keys, State.QUEUED, limit=2, cursor=cursor)
        found += [each.id for each in page.jobs]
        cursor = page.next_cursor
        if not cursor:
            break

    assert found == ["a-00000", "b-00000", "a-00001", "b-00001", "b-00002"]
    high = await list_jobs(fair.server, fair.keys, State.QUEUED, priority=Priority.HIGH)
    assert high.jobs == ()


async def test_clearing_ends_what_waits_for_its_turn_and_what_was_let_in_meanwhile(
    fair: QueueUnderTest,
) -> None:
    await full(fair)
    await fill(fair, "a", 120)

    cleared = await fair.clear(State.QUEUED, State.READY)

    assert (cleared.cancelled, cleared.left) == (WINDOW + 120, 0)
    assert await fair.client.exists(fair.keys.backlog, fair.keys.turns) == 0


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    sends=st.lists(st.tuples(st.sampled_from("abcde"), st.integers(1, 12)), min_size=1, max_size=25)
)
async def test_each_tenant_with_work_gets_one_job_in_every_round(
    queue: QueueUnderTest, sends: Sequence[tuple[str, int]]
) -> None:
    """In any span of K * n admissions, K tenants that have work all the time get n each."""
    await queue.client.flushdb()
    await queue.open()
    await share(queue.server, queue.keys)
    await full(queue)
    sent: Counter[str] = Counter()
    for tenant, count in sends:
        await queue.add(*(of(tenant, f"{tenant}-{sent[tenant] + n:05}") for n in range(count)))
        sent[tenant] += count
    await taken(queue)
    run: list[str] = []
    while await let_in(queue):
        run += await taken(queue)

    assert Counter(name[0] for name in run) == sent
    for tenant, count in sent.items():
        assert [x for x in run if x[0] == tenant] == [f"{tenant}-{n:05}" for n in range(count)]
    left = Counter(sent)
    at = 0
    while left:
        there = {tenant for tenant, count in left.items() if count}
        if not there:
            break
        assert {name[0] for name in run[at : at + len(there)]} == there
        left.subtract(there)
        at += len(there)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(events=st.lists(st.sampled_from("aaaabbbccd--"), min_size=30, max_size=80))
async def test_who_has_one_job_waits_for_two_of_each_other_tenant_at_most(
    queue: QueueUnderTest, events: Sequence[str]
) -> None:
    """Letters are jobs of tenants that arrive; a dash is one that a worker takes."""
    await queue.client.flushdb()
    await queue.open()
    await share(queue.server, queue.keys, window=2)
    queued: list[str] = []
    passed: dict[str, Counter[str]] = {}
    for number, event in enumerate([*events, *"-" * len(events)]):
        if event != "-":
            name = f"{event}{number:04}"
            [answer] = await queue.add(of(event, name))
            if answer.acceptance is Acceptance.QUEUED:
                if all(each[0] != event for each in queued):
                    passed[name] = Counter()
                queued.append(name)
            continue
        await taken(queue, 1)
        await let_in(queue)
        page = await list_jobs(queue.server, queue.keys, State.QUEUED, limit=1000)
        left = [each.id for each in page.jobs]
        for come in {*queued} - {*left}:
            passed.pop(come, None)
            for others in passed.values():
                others[come[0]] += 1
        queued = left
        assert all(times <= 2 for others in passed.values() for times in others.values())
    assert queued == []
