"""What an operator is shown, against situations that are known."""

from typing import Any

import orjson
import pytest
from redis.asyncio import Redis

from streams.inspection import LevelReport, QueueReport, find_queues, inspect_queue
from streams.keys import GROUP, Keys
from streams.priority import LEVELS, Priority
from streams.settle import Outcome, Verdict
from tests.support.queues import QueueUnderTest, job, row

pytestmark = pytest.mark.leaves_jobs


async def report(queue: QueueUnderTest) -> QueueReport:
    return await inspect_queue(queue.client, queue.keys)


def level(seen: QueueReport, priority: Priority) -> LevelReport:
    return next(each for each in seen.levels if each.priority is priority)


async def server_ms(client: Redis) -> int:
    seconds, micros = await client.time()
    return int(seconds) * 1000 + int(micros) // 1000


async def test_an_empty_queue_is_all_zeros(queue: QueueUnderTest) -> None:
    seen = await report(queue)

    assert (seen.queue, seen.partition, seen.is_idle) == ("test", 0, True)
    assert (seen.undelivered, seen.running, seen.delayed, seen.dead) == (0, 0, 0, 0)
    assert (seen.oldest_ms, seen.next_due_ms) == (None, None)
    assert (seen.counters, seen.consumers) == ({}, ())


async def test_a_queue_that_nobody_has_written_to_is_no_error(client: Redis) -> None:
    seen = await inspect_queue(client, Keys("nothing"))

    assert seen.is_idle
    assert [each.priority for each in seen.levels] == list(LEVELS)
    assert await client.dbsize() == 0


async def test_jobs_before_the_first_group_are_counted_with_their_age(client: Redis) -> None:
    keys = Keys("early")
    now_ms = await server_ms(client)
    for age_ms in (5000, 3000):
        await client.xadd(keys.stream(Priority.LOW), {"kind": "a"}, id=f"{now_ms - age_ms}-0")

    seen = await inspect_queue(client, keys)

    assert (seen.undelivered, seen.running) == (2, 0)
    assert seen.oldest_ms is not None
    assert 5000 <= seen.oldest_ms < 60_000


async def test_every_job_is_counted_once_where_it_is(queue: QueueUnderTest) -> None:
    """XLEN counts running jobs too, and the lag of XINFO is wrong after deletions."""
    for priority in LEVELS:
        await queue.add(*(job(id=f"{priority.value}-{n}", priority=priority) for n in range(10)))
    await queue.add(job(id="later", delay_ms=60_000))
    held = await queue.fetch(slots=7)
    outcomes = [
        Outcome(delivery, verdict, "x", row(1), 60_000)
        for delivery, verdict in zip(
            held,
            [
                Verdict.COMPLETED,
                Verdict.RETRY,
                Verdict.DEAD,
                Verdict.RELEASED,
                Verdict.CANCELLED,
            ],
            strict=False,
        )
    ]
    await queue.settle_all([outcomes[3], outcomes[1], outcomes[4], outcomes[0], outcomes[2]])

    seen = await report(queue)

    critical = level(seen, Priority.CRITICAL)
    assert (critical.undelivered, critical.handed_back, critical.running) == (3, 1, 2)
    assert critical.waiting == 4
    assert (seen.undelivered, seen.running, seen.delayed, seen.dead) == (34, 2, 2, 1)
    assert not seen.is_idle
    assert dict(seen.counters) == {
        "enqueued": 41,
        "completed": 1,
        "retried": 1,
        "dead": 1,
        "released": 1,
        "cancelled": 1,
    }


async def test_the_oldest_waiting_job_is_not_the_oldest_entry(queue: QueueUnderTest) -> None:
    """The first entry of a stream may run; what waits begins behind it."""
    stream = queue.keys.stream(Priority.NORMAL)
    now_ms = await server_ms(queue.client)
    for age_ms in (90_000, 50_000):
        await queue.client.xadd(stream, {"kind": "a", "payload": ""}, id=f"{now_ms - age_ms}-0")
    await queue.fetch_one()

    seen = level(await report(queue), Priority.NORMAL)

    assert seen.oldest_waiting_ms is not None
    assert seen.oldest_pending_ms is not None
    assert 50_000 <= seen.oldest_waiting_ms < 80_000
    assert 90_000 <= seen.oldest_pending_ms < 120_000


async def test_a_job_that_was_handed_back_waits_and_does_not_run(queue: QueueUnderTest) -> None:
    stream = queue.keys.stream(Priority.NORMAL)
    now_ms = await server_ms(queue.client)
    for age_ms in (90_000, 50_000, 10_000):
        await queue.client.xadd(stream, {"kind": "a", "payload": ""}, id=f"{now_ms - age_ms}-0")
    back, _runs = await queue.fetch(slots=2)
    await queue.settle(back, Verdict.RELEASED)

    seen = level(await report(queue), Priority.NORMAL)

    assert (seen.undelivered, seen.handed_back, seen.running, seen.waiting) == (1, 1, 1, 2)
    assert seen.oldest_waiting_ms is not None
    assert seen.oldest_pending_ms is not None
    assert 90_000 <= seen.oldest_waiting_ms < 120_000
    assert 50_000 <= seen.oldest_pending_ms < 80_000


async def test_nothing_runs_where_everything_was_handed_back(queue: QueueUnderTest) -> None:
    await queue.add(job(id="a"))
    await queue.settle(await queue.fetch_one(), Verdict.RELEASED)

    seen = await report(queue)

    assert (seen.undelivered, seen.running, seen.is_idle) == (1, 0, False)
    assert level(seen, Priority.NORMAL).oldest_pending_ms is None
    assert [each.name for each in seen.consumers] == ["one"]


async def test_the_oldest_job_of_all_levels_is_the_queues_age(queue: QueueUnderTest) -> None:
    now_ms = await server_ms(queue.client)
    for age_ms, priority in ((5_000, Priority.CRITICAL), (70_000, Priority.LOW)):
        stream = queue.keys.stream(priority)
        await queue.client.xadd(stream, {"kind": "a"}, id=f"{now_ms - age_ms}-0")

    seen = await report(queue)

    assert seen.oldest_ms is not None
    assert 70_000 <= seen.oldest_ms < 120_000


async def test_a_clock_that_went_back_makes_no_negative_age(queue: QueueUnderTest) -> None:
    now_ms = await server_ms(queue.client)
    stream = queue.keys.stream(Priority.NORMAL)
    await queue.client.xadd(stream, {"kind": "a"}, id=f"{now_ms + 3_600_000}-0")

    assert (await report(queue)).oldest_ms == 0


async def test_the_next_moment_is_told_and_is_negative_when_it_has_passed(
    queue: QueueUnderTest,
) -> None:
    await queue.add(job(id="a", delay_ms=60_000), job(id="b", delay_ms=90_000))
    ahead = (await report(queue)).next_due_ms
    await queue.make_due("b")
    behind = (await report(queue)).next_due_ms

    assert ahead is not None
    assert behind is not None
    assert 0 < ahead <= 60_000
    assert behind < 0


async def test_consumers_are_seen_over_all_levels_with_what_they_say_of_themselves(
    queue: QueueUnderTest,
) -> None:
    for priority in LEVELS:
        await queue.add(job(priority=priority), job(priority=priority))
    await queue.fetch("one", slots=5)
    held = await queue.fetch("two", slots=1)
    await queue.renew(*held, consumer="two")

    seen = {each.name: each for each in (await report(queue)).consumers}

    assert {name: each.pending for name, each in seen.items()} == {"one": 5, "two": 1}
    assert seen["one"].worker is None
    assert seen["two"].worker is not None
    assert seen["two"].worker.name == "w"
    assert 0 <= seen["two"].idle_ms < 60_000


async def test_looking_changes_nothing(queue: QueueUnderTest) -> None:
    await queue.add(job(), job(delay_ms=60_000))
    await queue.fetch_one()
    before = await queue.contents()

    await report(queue)
    await find_queues(queue.client)

    assert await queue.contents() == before


async def test_the_json_has_the_sums_beside_the_levels(queue: QueueUnderTest) -> None:
    await queue.add(job(), job(priority=Priority.LOW))
    await queue.fetch_one()

    written: dict[str, Any] = orjson.loads((await report(queue)).to_json())

    assert (written["queue"], written["undelivered"], written["running"]) == ("test", 1, 1)
    assert [each["priority"] for each in written["levels"]] == [each.value for each in LEVELS]
    assert written["consumers"][0]["name"] == "one"


async def test_queues_are_found_by_any_of_their_streams(client: Redis) -> None:
    await client.xadd(Keys("tiles").stream(Priority.LOW), {"kind": "a"})
    await client.xadd(Keys("ads", 3).stream(Priority.CRITICAL), {"kind": "a"})
    await QueueUnderTest(client, "ads").open()

    assert await find_queues(client) == [Keys("ads", 0), Keys("ads", 3), Keys("tiles", 0)]


async def test_keys_of_others_are_not_taken_for_queues(client: Redis) -> None:
    """Nor are those of jobs, whatever their ids look like."""
    for name in (
        "millstream:{tiles}:critical",
        "millstream:{Tiles:0}:high",
        "millstream:{tiles:x}:low",
        "millstream:{:0}:normal",
        "millstream:{tiles:0}:job:{b:1}:normal",
        "other:millstream:{tiles:0}:normal",
    ):
        await client.set(name, "x")
    await client.set(b"millstream:{\xff:0}:normal", "x")

    assert await find_queues(client) == []
    await client.flushdb()


async def test_a_group_of_somebody_else_is_not_taken_for_ours(client: Redis) -> None:
    keys = Keys("test")
    stream = keys.stream(Priority.NORMAL)
    await client.xadd(stream, {"kind": "a"})
    await client.xgroup_create(stream, "theirs", id="0")
    await client.xreadgroup("theirs", "them", {stream: ">"})

    seen = await inspect_queue(client, keys)

    assert (seen.undelivered, seen.running, seen.consumers) == (1, 0, ())
    await client.xgroup_destroy(stream, "theirs")
    assert GROUP == "millstream"
