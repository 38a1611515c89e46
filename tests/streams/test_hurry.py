"""Who asks more urgently for a job that is there makes it more urgent."""

from typing import Any

import pytest

from streams.enqueue import BATCH_MAX, Acceptance, enqueue
from streams.priority import LEVELS, Priority
from streams.server import Server
from streams.settle import Verdict
from streams.state import State
from tests.support.queues import QueueUnderTest, job

pytestmark = pytest.mark.leaves_jobs

EXISTS, TAKEN = Acceptance.EXISTS, Acceptance.UNIQUE_TAKEN
#: How a newcomer meets the job `a`.
MEETINGS = pytest.mark.parametrize(
    ("newcomer", "acceptance"),
    [({"id": "a"}, EXISTS), ({"id": "b", "unique": "u"}, TAKEN)],
    ids=["id", "slot"],
)


async def calls(queue: QueueUnderTest) -> int:
    """Scripts that the server has run so far."""
    stats: Any = await queue.client.info("commandstats")
    return int(stats["cmdstat_evalsha"]["calls"])


@MEETINGS
@pytest.mark.parametrize("held", LEVELS)
@pytest.mark.parametrize("wanted", LEVELS)
async def test_the_more_urgent_level_of_the_two_counts(
    queue: QueueUnderTest,
    newcomer: dict[str, Any],
    acceptance: Acceptance,
    held: Priority,
    wanted: Priority,
) -> None:
    await queue.add(job(id="a", unique="u", payload=b"1", priority=held))

    [answer] = await queue.add(job(payload=b"2", priority=wanted, **newcomer))

    assert (answer.id, answer.acceptance, answer.is_new) == ("a", acceptance, False)
    assert answer.raised is (wanted.level < held.level)
    delivery = await queue.fetch_one()
    assert delivery.token.level == min(held.level, wanted.level)
    assert (delivery.id, delivery.payload) == ("a", b"1")
    assert sum([len(await queue.entries(each)) for each in LEVELS]) == 1
    assert await queue.counter("reprioritised") == answer.raised


@MEETINGS
async def test_a_delayed_job_comes_to_the_higher_level_when_its_time_has_come(
    queue: QueueUnderTest, newcomer: dict[str, Any], acceptance: Acceptance
) -> None:
    """Earlier it does not come: its sender has asked for that."""
    await queue.add(job(id="a", unique="u", delay_ms=60_000))

    [answer] = await queue.add(job(priority=Priority.CRITICAL, **newcomer))

    assert (answer.acceptance, answer.raised) == (acceptance, True)
    view = await queue.look("a")
    assert (view.state, view.priority) == (State.DELAYED, Priority.CRITICAL)
    await queue.make_due("a")
    await queue.promote()
    assert (await queue.fetch_one()).token.level == Priority.CRITICAL.level


@MEETINGS
async def test_a_job_that_runs_is_left_alone(
    queue: QueueUnderTest, newcomer: dict[str, Any], acceptance: Acceptance
) -> None:
    await queue.add(job(id="a", unique="u"))
    delivery = await queue.fetch_one()

    [answer] = await queue.add(job(priority=Priority.HIGH, **newcomer))

    assert (answer.acceptance, answer.raised) == (acceptance, False)
    assert await queue.pending() == [(delivery.token.entry, "one", 1)]


async def test_a_job_that_has_ended_is_left_alone(queue: QueueUnderTest) -> None:
    await queue.add(job(id="a"))
    await queue.settle(await queue.fetch_one(), Verdict.COMPLETED)
    before = await queue.contents()

    [answer] = await queue.add(job(id="a", priority=Priority.HIGH))

    assert (answer.acceptance, answer.raised) == (EXISTS, False)
    assert await queue.contents() == before


async def test_a_repeated_call_costs_nothing_more(queue: QueueUnderTest) -> None:
    """The answer tells the level of a job with the same id: there is nothing to ask."""
    same = [job(id=str(n), priority=LEVELS[n % 4]) for n in range(8)]
    await queue.add(*same)
    before = await calls(queue)

    await queue.add(*same)

    assert await calls(queue) == before + 1


async def test_a_newcomer_of_the_lowest_level_asks_for_nothing_more(queue: QueueUnderTest) -> None:
    await queue.add(job(id="a", unique="u"))
    before = await calls(queue)

    await queue.add(job(id="b", unique="u", priority=Priority.LOW))

    assert await calls(queue) == before + 1


async def test_of_many_newcomers_in_one_call_the_most_urgent_counts(queue: QueueUnderTest) -> None:
    answers = await queue.add(
        job(id="a", unique="u", priority=Priority.LOW),
        job(id="b", unique="u", priority=Priority.HIGH),
        job(id="a", priority=Priority.NORMAL),
        job(id="c", unique="u", priority=Priority.LOW),
    )

    assert [(each.id, each.is_new) for each in answers] == [
        ("a", True),
        ("a", False),
        ("a", False),
        ("a", False),
    ]
    assert (await queue.fetch_one()).token.level == Priority.HIGH.level


@pytest.mark.parametrize("on_a_lane", [False, True])
async def test_a_whole_call_of_more_urgent_ones_is_moved_a_few_at_a_time(
    queue: QueueUnderTest,
    on_a_lane: bool,  # noqa: FBT001 - a case
) -> None:
    """No call may hold the server up, and payloads have up to a MiB."""
    await queue.add(*(job(id=str(n), priority=Priority.LOW) for n in range(BATCH_MAX)))
    urgent = [job(id=str(n), priority=Priority.HIGH) for n in range(BATCH_MAX)]

    if on_a_lane:
        async with Server.on_a_lane(queue.client) as server:
            answers = await enqueue(server, queue.keys, urgent)
    else:
        answers = await queue.add(*urgent)

    assert all(answer.raised for answer in answers)
    assert len(await queue.entries(Priority.HIGH)) == BATCH_MAX
    assert await queue.entries(Priority.LOW) == []
