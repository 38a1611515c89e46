"""Lists of jobs by their state, page by page."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams.errors import ListingError
from streams.keys import GROUP
from streams.listed import ListedJob
from streams.listing import LISTED, list_jobs
from streams.priority import LEVELS, Priority
from streams.settle import Outcome, Verdict
from streams.state import State
from tests.support.queues import QueueUnderTest, job

pytestmark = pytest.mark.leaves_jobs


async def pages(
    queue: QueueUnderTest, state: State, *, limit: int, priority: Priority | None = None
) -> list[list[ListedJob]]:
    """All pages of a list."""
    found: list[list[ListedJob]] = []
    cursor = ""
    while True:
        page = await list_jobs(
            queue.server, queue.keys, state, priority=priority, limit=limit, cursor=cursor
        )
        found.append([*page.jobs])
        cursor = page.next_cursor
        if not cursor:
            return found


async def ids(
    queue: QueueUnderTest, state: State, *, limit: int = 50, priority: Priority | None = None
) -> list[str]:
    """The ids of a whole list."""
    found = await pages(queue, state, limit=limit, priority=priority)
    return [each.id for page in found for each in page]


@pytest.mark.parametrize("limit", [1, 2, 7, 1000])
async def test_each_job_stands_in_the_list_of_its_state_once_however_long_a_page_is(
    queue: QueueUnderTest, limit: int
) -> None:
    await queue.add(*(job(id=f"{level}-{n}", priority=level) for level in LEVELS for n in range(5)))
    held = await queue.fetch(slots=8)
    for delivery in held[:3]:
        await queue.settle(delivery, Verdict.RELEASED)
    await queue.settle(held[3], Verdict.DEAD, detail="x")
    await queue.settle(held[4], Verdict.COMPLETED)
    await queue.settle(held[5], Verdict.RETRY, delay_ms=60_000)
    await queue.add(*(job(id=f"later-{n}", delay_ms=1_000_000 - n) for n in range(5)))

    waiting = await ids(queue, State.READY, limit=limit)

    assert sorted(waiting) == sorted(
        {f"{level}-{n}" for level in LEVELS for n in range(5)} - {each.id for each in held[3:]}
    )
    assert [name for name in waiting if name.startswith("low")] == [f"low-{n}" for n in range(5)]
    assert await ids(queue, State.RUNNING, limit=limit) == [each.id for each in held[6:]]
    assert await ids(queue, State.DELAYED, limit=limit) == [
        held[5].id,
        *(f"later-{n}" for n in reversed(range(5))),
    ]
    assert await ids(queue, State.DEAD, limit=limit) == [held[3].id]
    for level in LEVELS:
        assert {name for name in waiting if name.startswith(f"{level}-")} == {
            *await ids(queue, State.READY, limit=limit, priority=level)
        }


async def test_what_was_handed_back_comes_before_what_is_new(queue: QueueUnderTest) -> None:
    await queue.add(*(job(id=f"{n}") for n in range(4)))
    first, second, third = await queue.fetch(slots=3)
    await queue.settle(await queue.lose(third, 2), Verdict.RELEASED)
    await queue.settle(second, Verdict.RELEASED)

    [page] = await pages(queue, State.READY, limit=10)

    assert [(each.id, each.handed_back) for each in page] == [
        ("1", True),
        ("2", True),
        ("3", False),
    ]
    assert first.id == "0"


async def test_a_list_tells_what_is_worth_knowing_and_no_payload(queue: QueueUnderTest) -> None:
    await queue.add(
        job("test.a", b'{"x":1}', id="waits", unique="u", priority=Priority.HIGH),
        job("test.b", b"{}", id="later", delay_ms=60_000, unique="v"),
    )
    await queue.add_raw({"kind": "test.raw", "payload": "{}"}, Priority.LOW)

    [[waits, raw]] = await pages(queue, State.READY, limit=10)
    [[later]] = await pages(queue, State.DELAYED, limit=10)
    held = await queue.fetch(slots=2)
    [[running, _]] = await pages(queue, State.RUNNING, limit=10)
    await queue.settle(held[0], Verdict.DEAD, detail="because")
    [[dead]] = await pages(queue, State.DEAD, limit=10)

    assert (waits.kind, waits.priority, waits.payload_bytes) == ("test.a", Priority.HIGH, 7)
    assert (waits.unique, waits.attempt, waits.enqueued_ms is not None) == ("u", 1, True)
    assert raw.id == f"low-{raw.entry}"
    assert (later.kind, later.unique, later.due_ms is not None) == ("test.b", "v", True)
    assert (running.owner, running.deliveries, running.silent_ms is not None) == ("one", 1, True)
    assert (dead.id, dead.cause, dead.ended_ms is not None) == ("waits", "because", True)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    dues=st.lists(st.integers(1, 5), min_size=1, max_size=30),
    limit=st.integers(1, 9),
)
async def test_delayed_jobs_are_paged_by_moment_and_id_though_those_of_the_last_page_are_gone(
    queue: QueueUnderTest, dues: list[int], limit: int
) -> None:
    """Any number may be due at one moment."""
    await queue.client.delete(queue.keys.delayed)
    members = {f"{'zZaA~!'[n % 6]}{n}": float(due) for n, due in enumerate(dues)}
    await queue.client.zadd(queue.keys.delayed, members)
    expected = sorted(members, key=lambda name: (members[name], name))

    seen: list[str] = []
    cursor = ""
    while True:
        page = await list_jobs(queue.server, queue.keys, State.DELAYED, limit=limit, cursor=cursor)
        seen += [each.id for each in page.jobs]
        cursor = page.next_cursor
        if not cursor:
            break
        await queue.client.zrem(queue.keys.delayed, *(each.id for each in page.jobs))

    assert seen == expected


async def test_entries_that_are_delivered_between_two_pages_are_passed_over(
    queue: QueueUnderTest,
) -> None:
    await queue.add(*(job(id=f"{n}") for n in range(10)))
    first = await list_jobs(queue.server, queue.keys, State.READY, limit=2)
    await queue.fetch(slots=6)

    second = await list_jobs(
        queue.server, queue.keys, State.READY, limit=9, cursor=first.next_cursor
    )

    assert [each.id for each in first.jobs] == ["0", "1"]
    assert [each.id for each in second.jobs] == ["6", "7", "8", "9"]


async def test_a_page_of_large_jobs_is_read_in_parts_that_do_not_hold_the_server(
    queue: QueueUnderTest,
) -> None:
    large = b'"' + b"x" * 400_000 + b'"'
    for n in range(12):
        await queue.add(job(payload=large, id=f"{n}"))

    assert await ids(queue, State.READY, limit=10) == [f"{n}" for n in range(12)]
    await queue.fetch()
    assert await ids(queue, State.RUNNING, limit=10) == [f"{n}" for n in range(12)]


async def test_a_queue_that_nobody_has_consumed_has_its_list(queue: QueueUnderTest) -> None:
    await queue.add(job(id="a"))
    await queue.client.xgroup_destroy(queue.keys.stream(Priority.NORMAL), GROUP)

    assert await ids(queue, State.READY) == ["a"]
    assert await ids(queue, State.RUNNING) == []
    assert all([await ids(queue, state) == [] for state in (State.DELAYED, State.DEAD)])


@pytest.mark.parametrize("state", [State.COMPLETED, State.CANCELLED])
async def test_what_has_ended_well_has_no_list_and_that_is_said(
    queue: QueueUnderTest, state: State
) -> None:
    with pytest.raises(ListingError, match=f"no list of {state.value} jobs"):
        await list_jobs(queue.server, queue.keys, state)


@pytest.mark.parametrize("state", LISTED)
@pytest.mark.parametrize("cursor", ["x", "/1/-", "1/4/é", "5-/-", "-1/a", "1-1'", "(1-1\n"])
async def test_a_cursor_that_is_none_is_refused(
    queue: QueueUnderTest, state: State, cursor: str
) -> None:
    with pytest.raises(ListingError, match="a cursor is what the page before says"):
        await list_jobs(queue.server, queue.keys, state, cursor=cursor)


@pytest.mark.parametrize("limit", [0, 1001])
async def test_a_page_has_a_bound(queue: QueueUnderTest, limit: int) -> None:
    with pytest.raises(ListingError, match="1 to 1000 jobs"):
        await list_jobs(queue.server, queue.keys, State.READY, limit=limit)


@pytest.mark.parametrize("limit", [1, 3, 50])
async def test_delayed_and_dead_jobs_of_one_level_are_picked_among_many_others(
    queue: QueueUnderTest, limit: int
) -> None:
    for start in range(0, 500, 100):
        await queue.add(
            *(
                job(id=f"d{n}", delay_ms=60_000 + n, priority=LEVELS[2 + (n % 60 == 0)])
                for n in range(start, start + 100)
            )
        )
        await queue.add(
            *(job(id=f"{n}", priority=LEVELS[2 + (n % 60 == 0)]) for n in range(start, start + 100))
        )
        await queue.settle_all(
            [Outcome(each, Verdict.DEAD, "x") for each in await queue.fetch(slots=100)]
        )

    delayed = await ids(queue, State.DELAYED, limit=limit, priority=Priority.LOW)
    dead = await ids(queue, State.DEAD, limit=limit, priority=Priority.LOW)

    assert delayed == [f"d{n}" for n in range(0, 500, 60)]
    assert {*dead} == {f"{n}" for n in range(0, 500, 60)}
    assert len(dead) == 9


async def test_a_letter_that_somebody_wrote_by_hand_hides_no_other(queue: QueueUnderTest) -> None:
    await queue.client.xadd(queue.keys.dead, {"odd": "\x00"})
    await queue.client.xadd(queue.keys.dead, {"id": "a", "died_ms": "x", "attempt": "9" * 40})

    assert {*await ids(queue, State.DEAD)} == {"a", "normal-"}
