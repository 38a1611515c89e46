"""Taking jobs: by urgency, with a share for every level, what was handed back first."""

import anyio
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from redis.exceptions import ResponseError

from streams.fetch import FETCH_MAX, GUARANTEE_WINDOW, fetch
from streams.job import Delivery
from streams.keys import GROUP, NOBODY
from streams.priority import LEVELS, Priority
from streams.settle import Verdict
from streams.trouble import is_group_lost
from tests.support.queues import QueueUnderTest, job
from tests.support.sleep import taken_in_sleep
from tests.support.waiting import wait_until

pytestmark = pytest.mark.leaves_jobs

CRITICAL, HIGH, NORMAL, LOW = LEVELS


def names(deliveries: list[Delivery]) -> list[str]:
    return [delivery.id for delivery in deliveries]


async def test_urgent_jobs_come_first_and_within_a_level_the_oldest(queue: QueueUnderTest) -> None:
    for priority in reversed(LEVELS):
        await queue.add(*(job(id=f"{priority.value}-{n}", priority=priority) for n in (1, 2)))

    taken = await queue.fetch(slots=8)

    assert names(taken) == [f"{level.value}-{n}" for level in LEVELS for n in (1, 2)]
    assert {delivery.token.consumer for delivery in taken} == {"one"}
    assert {delivery.token.deliveries for delivery in taken} == {1}


@pytest.mark.parametrize("slots", [1, 3, 7, 100])
async def test_no_more_is_taken_than_there_are_slots(queue: QueueUnderTest, slots: int) -> None:
    """XREADGROUP's COUNT is a bound for each stream, not for the call."""
    for priority in LEVELS:
        await queue.add(*(job(priority=priority) for _ in range(30)))

    assert len(await queue.fetch(slots=slots)) == slots
    pending = [row for priority in LEVELS for row in await queue.pending(priority)]
    assert len(pending) == slots


@pytest.mark.parametrize("slots", [0, -1])
async def test_without_a_free_slot_nothing_is_taken(queue: QueueUnderTest, slots: int) -> None:
    await queue.add(job())

    assert await queue.fetch(slots=slots, served=9) == []
    assert await queue.pending() == []


async def test_one_fetch_has_a_bound(queue: QueueUnderTest) -> None:
    for _ in range(2):
        await queue.add(*(job() for _ in range(100)))

    assert len(await queue.fetch(slots=1000)) == FETCH_MAX


async def test_an_empty_queue_gives_nothing(queue: QueueUnderTest) -> None:
    assert await queue.fetch() == []


async def test_a_job_is_given_to_one_of_many_consumers(queue: QueueUnderTest) -> None:
    await queue.add(*(job(id=str(n)) for n in range(60)))
    taken: list[str] = []

    async def take(consumer: str) -> None:
        while batch := await queue.fetch(consumer, slots=3):
            taken.extend(names(batch))

    async with anyio.create_task_group() as tasks:
        for number in range(5):
            tasks.start_soon(take, f"consumer-{number}")

    assert sorted(taken, key=int) == [str(n) for n in range(60)]


async def fill(queue: QueueUnderTest, priority: Priority, up_to: int) -> None:
    """Make sure that *up_to* jobs of a level wait."""
    waiting = len(await queue.entries(priority)) - len(await queue.pending(priority))
    await queue.add(*(job(priority=priority) for _ in range(up_to - waiting)))


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    starved=st.sampled_from([HIGH, NORMAL, LOW]),
    busy=st.sets(st.sampled_from(LEVELS), min_size=1),
    served=st.integers(0, 120),
    sizes=st.lists(st.integers(1, 12), min_size=1, max_size=30),
    handed_back=st.sampled_from([0, 0, 1, 3]),
)
@example(starved=LOW, busy=set(LEVELS), served=0, sizes=[1], handed_back=0)
@example(starved=LOW, busy=set(LEVELS), served=0, sizes=[10], handed_back=6)
@example(starved=HIGH, busy={CRITICAL}, served=19, sizes=[3, 1], handed_back=0)
async def test_no_level_with_work_waits_for_more_than_thirty_jobs_of_a_consumer(
    queue: QueueUnderTest,
    starved: Priority,
    busy: set[Priority],
    served: int,
    sizes: list[int],
    handed_back: int,
) -> None:
    """The bound of docs/delivery.md, whatever arrives above it and however much is fetched.

    Jobs that somebody handed back come first, beside the bound; here they never take all
    slots of a fetch.
    """
    await queue.client.flushdb()
    await queue.open()
    await queue.add(job(id="starved", priority=starved))
    taken = 0
    for round_number in range(200):
        for priority in busy - {starved}:
            await fill(queue, priority, 20)
        slots = sizes[round_number % len(sizes)]
        await hand_back(queue, min(handed_back, slots - 1))
        batch = await queue.fetch("one", slots=slots, served=served + taken)
        taken += len(batch)
        if "starved" in names(batch):
            break
        for delivery in batch:
            await queue.settle(delivery, Verdict.COMPLETED)
    else:
        pytest.fail("it never came")

    fetched_before = taken - len(batch)
    assert fetched_before < GUARANTEE_WINDOW


async def hand_back(queue: QueueUnderTest, count: int) -> None:
    """Have another consumer take and return *count* jobs of the most urgent level."""
    if count:
        await fill(queue, CRITICAL, 20)
        for delivery in await queue.fetch("other", slots=count):
            await queue.settle(delivery, Verdict.RELEASED)


async def test_the_share_is_one_slot_in_ten_and_no_more(queue: QueueUnderTest) -> None:
    """So that the guarantee costs the urgent levels a tenth."""
    for priority in LEVELS:
        for _ in range(2):
            await queue.add(*(job(priority=priority) for _ in range(100)))
    counts = dict.fromkeys(range(1, 5), 0)

    for served in range(0, 120, 4):
        for delivery in await queue.fetch(slots=4, served=served):
            counts[delivery.token.level] += 1

    assert counts == {1: 108, 2: 4, 3: 4, 4: 4}


async def test_a_turn_of_a_level_without_work_goes_to_another_lower_level(
    queue: QueueUnderTest,
) -> None:
    await queue.add(job(id="critical", priority=CRITICAL))

    for served in (9, 19, 29):
        await queue.add(job(id=f"low-{served}", priority=LOW))
        [taken] = await queue.fetch(slots=1, served=served)
        assert taken.id == f"low-{served}"


@pytest.mark.parametrize(
    ("served", "empty", "taken"), [(9, NORMAL, HIGH), (19, HIGH, LOW), (29, LOW, NORMAL)]
)
async def test_a_turn_of_a_level_without_work_goes_to_the_level_that_is_next(
    queue: QueueUnderTest, served: int, empty: Priority, taken: Priority
) -> None:
    for priority in set(LEVELS) - {empty}:
        await queue.add(job(id=priority.value, priority=priority))

    assert names(await queue.fetch(slots=1, served=served)) == [taken.value]


async def test_a_turn_takes_no_slot_that_is_filled_with_what_was_handed_back(
    queue: QueueUnderTest,
) -> None:
    await queue.add(job(id="back"))
    await queue.settle(await queue.fetch_one(), Verdict.RELEASED)
    await queue.add(*(job(priority=priority) for priority in LEVELS))

    assert names(await queue.fetch("two", slots=1, served=9)) == ["back"]


async def test_a_turn_without_any_lower_work_is_not_lost(queue: QueueUnderTest) -> None:
    await queue.add(job(id="a", priority=CRITICAL))

    assert names(await queue.fetch(slots=1, served=9)) == ["a"]


async def test_what_was_handed_back_comes_before_everything_else(queue: QueueUnderTest) -> None:
    await queue.add(job(id="low", priority=LOW))
    await queue.settle(await queue.fetch_one(), Verdict.RELEASED)
    await queue.add(job(id="critical", priority=CRITICAL))

    assert names(await queue.fetch("two", slots=1)) == ["low"]
    assert names(await queue.fetch("two", slots=1)) == ["critical"]


async def test_what_was_handed_back_is_taken_as_soon_as_it_was(queue: QueueUnderTest) -> None:
    """By a plain XCLAIM, which makes it idle for no time, within the same millisecond."""
    await queue.add(job(id="a"))
    delivery = await queue.fetch_one()
    stream, entry = queue.stream(delivery.token), delivery.token.entry
    for _ in range(30):
        await queue.client.xclaim(stream, GROUP, NOBODY, 0, [entry], justid=True)

        assert names(await queue.fetch("two")) == ["a"]


async def test_more_handed_back_than_slots_waits_its_turn(queue: QueueUnderTest) -> None:
    await queue.add(*(job(id=str(n)) for n in range(5)), job(id="new", priority=CRITICAL))
    for delivery in (await queue.fetch(slots=6))[1:]:
        await queue.settle(delivery, Verdict.RELEASED)

    assert names(await queue.fetch("two", slots=3)) == ["0", "1", "2"]
    assert names(await queue.fetch("two", slots=3)) == ["3", "4"]


async def test_jobs_handed_back_in_many_levels_take_no_more_than_the_slots(
    queue: QueueUnderTest,
) -> None:
    for priority in LEVELS:
        await queue.add(*(job(id=f"{priority.value}-{n}", priority=priority) for n in range(3)))
    for delivery in await queue.fetch():
        await queue.settle(delivery, Verdict.RELEASED)

    assert names(await queue.fetch("two", slots=2)) == ["critical-0", "critical-1"]
    assert names(await queue.fetch("two", slots=2)) == ["critical-2", "high-0"]


async def test_a_consumer_may_take_again_what_it_has_handed_back(queue: QueueUnderTest) -> None:
    await queue.add(job(id="a"))
    first = await queue.fetch_one()
    await queue.settle(first, Verdict.RELEASED)

    again = await queue.fetch_one()

    assert (again.id, again.token.deliveries) == ("a", 2)
    assert again.token != first.token
    assert again.fence > first.fence


async def test_a_handed_back_entry_without_a_body_is_left_to_the_claimer(
    queue: QueueUnderTest,
) -> None:
    """Taking it would drop its pending row, the only trace of it."""
    await queue.add(job(id="a"), job(id="b"))
    first, second = await queue.fetch()
    await queue.settle(first, Verdict.RELEASED)
    await queue.settle(second, Verdict.RELEASED)
    await queue.client.xdel(queue.stream(first.token), first.token.entry)

    assert names(await queue.fetch("two")) == ["b"]
    assert (first.token.entry, NOBODY, 1) in await queue.pending()
    claimed = await queue.claim("two")
    assert [each.entry for each in claimed.dead] == [first.token.entry]


@pytest.mark.parametrize("lost", LEVELS)
async def test_a_level_that_has_lost_its_group_is_an_error_before_anything_is_taken(
    queue: QueueUnderTest, lost: Priority
) -> None:
    """With something taken, the answer that names it would be lost in the error."""
    for priority in LEVELS:
        await queue.add(job(priority=priority))
    await queue.client.xgroup_destroy(queue.keys.stream(lost), GROUP)

    with pytest.raises(ResponseError) as raised:
        await queue.fetch()

    assert is_group_lost(raised.value)
    for priority in set(LEVELS) - {lost}:
        assert await queue.pending(priority) == []
    await queue.open()
    assert len(await queue.fetch()) == 4


async def test_a_bad_entry_is_delivered_with_its_flaw(queue: QueueUnderTest) -> None:
    entry = await queue.add_raw({"colour": "blue"})

    [delivery] = await queue.fetch()

    assert delivery.id == f"normal-{entry}"
    assert "the field 'kind' is missing" in delivery.flaw
    assert "the field 'payload' is missing" in delivery.flaw


async def test_an_idle_consumer_is_woken_by_a_job_of_any_level(queue: QueueUnderTest) -> None:
    for priority in LEVELS:
        woken: list[Delivery | None] = []

        async def wait(got: list[Delivery | None] = woken) -> None:
            got.append(await taken_in_sleep(queue.client, queue.keys, "one", block_ms=10_000))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(wait)
            await queue.add(job(id=f"a-{priority.value}", priority=priority, meta={"a": 1}))

        [delivery] = woken
        assert delivery is not None
        assert (delivery.id, delivery.token.level) == (f"a-{priority.value}", priority.level)
        assert (delivery.meta, delivery.token.deliveries) == ({"a": 1}, 1)
        await queue.settle(delivery, Verdict.COMPLETED)


async def test_of_jobs_that_came_together_the_most_urgent_is_taken_and_the_others_are_not_kept(
    queue: QueueUnderTest,
) -> None:
    """One read hands over an entry of each stream, and the consumer has asked for one."""
    await queue.add(*(job(id=level.value, priority=level) for level in (LOW, HIGH, NORMAL)))

    delivery = await taken_in_sleep(queue.client, queue.keys, "one", block_ms=1)

    assert delivery is not None
    assert delivery.id == "high"
    assert [owner for level in LEVELS for _, owner, _ in await queue.pending(level)] == [
        "one",
        NOBODY,
        NOBODY,
    ]
    assert names(await queue.fetch("two")) == ["normal", "low"]


async def test_waiting_in_vain_ends(queue: QueueUnderTest) -> None:
    assert await taken_in_sleep(queue.client, queue.keys, "one", block_ms=1) is None


async def test_both_ways_of_taking_read_an_entry_alike(queue: QueueUnderTest) -> None:
    """A name that comes twice must not make two jobs of one entry."""
    stream = queue.keys.stream(NORMAL)
    twice = ["kind", "a", "id", "A", "id", "B", "payload", "1", "payload", "2", "kind", "b"]
    for _ in range(2):
        await xadd(queue, stream, *twice)

    [fetched] = await queue.fetch(slots=1)
    waited = await taken_in_sleep(queue.client, queue.keys, "one", block_ms=1)
    await queue.lapse(fetched)
    [claimed] = (await queue.claim()).deliveries

    assert waited is not None
    for delivery in (fetched, waited, claimed):
        assert (delivery.id, delivery.kind, delivery.payload) == ("B", "b", b"2")


async def xadd(queue: QueueUnderTest, stream: str, *fields: str) -> None:
    """An XADD whose names may come twice."""
    script = "return redis.call('XADD', KEYS[1], '*', unpack(ARGV))"
    await queue.client.eval(script, 1, stream, *fields)


@pytest.mark.parametrize(("delays", "low", "high"), [([], -1, -1), ([50_000, 90_000], 1, 50_000)])
async def test_a_fetch_tells_when_the_next_delayed_job_is_due(
    queue: QueueUnderTest, delays: list[int], low: int, high: int
) -> None:
    """With jobs in it or without: nobody has to ask for that alone."""
    await queue.add(*(job(id=str(n), delay_ms=each) for n, each in enumerate(delays)))
    await queue.add(job(id="now"))

    for wanted in (["now"], []):
        deliveries, due_in_ms, *_ = await fetch(queue.server, queue.keys, "one", slots=5, served=0)
        assert [each.id for each in deliveries] == wanted
        assert low <= (-1 if due_in_ms is None else due_in_ms) <= high


async def test_what_is_due_already_is_due_in_no_time(queue: QueueUnderTest) -> None:
    await queue.add(job(id="a", delay_ms=1))

    async def is_due() -> bool:
        _, due_in_ms, *_ = await fetch(queue.server, queue.keys, "one", slots=1, served=0)
        return due_in_ms == 0

    await wait_until(is_due, "it is due")
