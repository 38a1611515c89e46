"""Schedules in Redis: each tick is fired once, and only by a plan that still holds."""

from dataclasses import replace
from typing import Any

import pytest

from streams import schedules
from streams.errors import (
    InvalidJobError,
    ScheduleExistsError,
    TooManySchedulesError,
    UnknownScheduleError,
)
from streams.job import NewJob
from streams.priority import LEVELS, Priority
from streams.schedules import (
    DEFINITION_BYTES_MAX,
    SCHEDULES_MAX,
    WINDOW,
    StoredSchedule,
    Ticked,
    fire,
    put_schedule,
    read_schedule,
    read_timetable,
    require_name,
    suspend,
    unschedule,
)
from streams.settle import Verdict
from streams.state import State
from tests.support.queues import QueueUnderTest, job

pytestmark = pytest.mark.leaves_jobs

MINUTE_MS = 60_000


async def put(queue: QueueUnderTest, name: str = "s", **options: Any) -> int:
    """Keep a schedule that nothing is wrong with."""
    values = {"definition": b"{}", "times": "daily", **options}
    return await put_schedule(queue.server, queue.keys, name, **values)


async def stored(queue: QueueUnderTest, name: str = "s") -> StoredSchedule:
    """The schedule as it is now."""
    return (await read_schedule(queue.server, queue.keys, name))[0]


async def new_schedule(queue: QueueUnderTest, name: str = "s") -> StoredSchedule:
    """A schedule that counts from a minute after the epoch on: no tick of a test is before."""
    await put(queue, name)
    await queue.client.hset(queue.keys.schedule(name), "last_ms", str(MINUTE_MS))
    return await stored(queue, name)


async def fired(
    queue: QueueUnderTest,
    seen: StoredSchedule,
    new: NewJob,
    *,
    tick_ms: int = 2 * MINUTE_MS,
    overlap: bool = True,
) -> tuple[Ticked, str]:
    """Fire one tick."""
    return await fire(queue.server, queue.keys, seen, new, tick_ms=tick_ms, overlap=overlap)


async def server_ms(queue: QueueUnderTest) -> int:
    """What the server's clock shows."""
    seconds, micros = await queue.client.time()
    return int(seconds * 1000 + micros // 1000)


async def test_a_new_schedule_counts_from_now_on(queue: QueueUnderTest) -> None:
    before_ms = await server_ms(queue)

    version = await put(queue, "nightly", definition=b'{"a":1}')

    after_ms = await server_ms(queue)
    timetable = await read_timetable(queue.server, queue.keys)
    [seen] = timetable.schedules
    assert seen == StoredSchedule("nightly", b'{"a":1}', version, seen.last_ms, False, "", 0, 0)
    assert before_ms <= seen.last_ms <= after_ms <= timetable.now_ms <= await server_ms(queue)
    assert await queue.client.smembers(queue.keys.schedules) == {b"nightly"}


async def test_a_schedule_may_begin_paused(queue: QueueUnderTest) -> None:
    await put(queue, paused=True)

    assert (await stored(queue)).paused


async def test_without_schedules_the_time_is_told(queue: QueueUnderTest) -> None:
    timetable = await read_timetable(queue.server, queue.keys)

    assert timetable.schedules == ()
    assert 0 <= await server_ms(queue) - timetable.now_ms < MINUTE_MS


async def test_a_schedule_is_not_replaced_by_mistake(queue: QueueUnderTest) -> None:
    await put(queue)
    before = await queue.contents()

    with pytest.raises(ScheduleExistsError, match="has a schedule 's' already"):
        await put(queue, definition=b"other")

    assert await queue.contents() == before


async def test_an_edit_that_leaves_the_times_alone_owes_what_was_owed(
    queue: QueueUnderTest,
) -> None:
    seen = await new_schedule(queue)
    await fired(queue, seen, job(id="a"))

    version = await put(queue, definition=b"other", replace=True)

    edited = await stored(queue)
    assert version > seen.version
    assert edited == replace(
        seen, definition=b"other", version=version, last_ms=2 * MINUTE_MS, job="a", fired=1
    )


@pytest.mark.parametrize("change", [{"times": "hourly"}, {"paused": True}])
async def test_other_times_owe_nothing_of_the_time_before(
    queue: QueueUnderTest, change: dict[str, Any]
) -> None:
    await new_schedule(queue)
    before_ms = await server_ms(queue)

    await put(queue, replace=True, **change)

    assert before_ms <= (await stored(queue)).last_ms <= await server_ms(queue)
    assert (await stored(queue)).paused is bool(change.get("paused"))


@pytest.mark.parametrize("edit", ["put", "suspend"])
async def test_no_edit_takes_a_schedule_back_in_time(queue: QueueUnderTest, edit: str) -> None:
    """The server's clock was put back meanwhile: what was fired stays fired."""
    await new_schedule(queue)
    ahead_ms = await server_ms(queue) + 1000 * MINUTE_MS
    await queue.client.hset(queue.keys.schedule("s"), "last_ms", str(ahead_ms))

    if edit == "put":
        await put(queue, times="hourly", replace=True)
    else:
        await suspend(queue.server, queue.keys, "s", paused=True)

    assert (await stored(queue)).last_ms == ahead_ms


async def test_versions_are_never_used_again(queue: QueueUnderTest) -> None:
    """Not even by another schedule, or by one that was removed and made anew."""
    versions = [await put(queue), await put(queue, "t"), await put(queue, replace=True)]
    await suspend(queue.server, queue.keys, "s", paused=True)
    versions.append((await stored(queue)).version)
    await unschedule(queue.server, queue.keys, "s")
    versions.append(await put(queue))

    assert versions == sorted(set(versions))
    assert (await stored(queue)).version == versions[-1]
    assert await queue.counter("schedule_changes") == len(versions)


async def test_a_queue_holds_as_many_schedules_as_it_may_and_no_more(
    queue: QueueUnderTest,
) -> None:
    await put(queue)
    others = [f"other-{number}" for number in range(SCHEDULES_MAX - 2)]
    await queue.client.sadd(queue.keys.schedules, *others)
    await put(queue, "last")
    before = await queue.contents()

    with pytest.raises(TooManySchedulesError, match=f"holds {SCHEDULES_MAX} schedules"):
        await put(queue, "beyond")

    assert await queue.contents() == before
    await put(queue, replace=True)


async def test_more_schedules_than_one_call_takes_are_all_read_by_name(
    queue: QueueUnderTest,
) -> None:
    names = [f"s{number:03}" for number in range(WINDOW + 1)]
    for name in names:
        await put(queue, name)

    timetable = await read_timetable(queue.server, queue.keys)

    assert [each.name for each in timetable.schedules] == names


@pytest.mark.parametrize("name", ["", "a b", "-a", "a" * 65, "a}", "ä", "a\n", "a:b"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(InvalidJobError, match="a schedule's name has 1 to 64 characters"):
        require_name(name)


async def test_a_definition_has_a_limit(queue: QueueUnderTest) -> None:
    await put(queue, definition=b"x" * DEFINITION_BYTES_MAX)

    with pytest.raises(InvalidJobError, match=f"{DEFINITION_BYTES_MAX} bytes"):
        await put(queue, "t", definition=b"x" * (DEFINITION_BYTES_MAX + 1))
    with pytest.raises(InvalidJobError, match="a schedule's name"):
        await put(queue, "t t")


async def test_a_pause_is_noted_once_and_what_it_covers_is_not_owed(
    queue: QueueUnderTest,
) -> None:
    seen = await new_schedule(queue)

    assert await suspend(queue.server, queue.keys, "s", paused=True)
    paused = await stored(queue)
    assert not await suspend(queue.server, queue.keys, "s", paused=True)
    assert await stored(queue) == paused
    await queue.client.hset(queue.keys.schedule("s"), "last_ms", str(MINUTE_MS))
    before_ms = await server_ms(queue)
    assert await suspend(queue.server, queue.keys, "s", paused=False)

    resumed = await stored(queue)
    assert (seen.paused, paused.paused, resumed.paused) == (False, True, False)
    assert seen.version < paused.version < resumed.version
    assert before_ms <= resumed.last_ms <= await server_ms(queue)


async def test_what_is_not_there_can_be_neither_paused_nor_removed_nor_read(
    queue: QueueUnderTest,
) -> None:
    before = await queue.contents()

    for call in (
        suspend(queue.server, queue.keys, "s", paused=True),
        unschedule(queue.server, queue.keys, "s"),
        read_schedule(queue.server, queue.keys, "s"),
    ):
        with pytest.raises(UnknownScheduleError, match="has no schedule 's'"):
            await call

    assert await queue.contents() == before


async def test_a_schedule_that_is_removed_leaves_nothing(queue: QueueUnderTest) -> None:
    seen = await new_schedule(queue, "gone")
    await fired(queue, seen, job(id="a"))
    await put(queue, "kept")

    await unschedule(queue.server, queue.keys, "gone")

    assert await queue.client.exists(queue.keys.schedule("gone")) == 0
    assert [x.name for x in (await read_timetable(queue.server, queue.keys)).schedules] == ["kept"]
    assert (await queue.look("a")).state is State.READY


@pytest.mark.parametrize("level", LEVELS)
async def test_a_tick_is_a_job_like_any_other(queue: QueueUnderTest, level: Priority) -> None:
    seen = await new_schedule(queue)
    new = job(
        id="a",
        payload=b'{"n":1}',
        priority=level,
        attempts_max=7,
        timeout_ms=1234,
        meta={"m": 1},
        schema_version=2,
    )

    ticked, entry = await fired(queue, seen, new)

    assert ticked is Ticked.READY
    assert await queue.entries(level) == [entry]
    record = await queue.record("a")
    assert record.pop("enqueued_ms").isdigit()
    assert record == {
        "state": "ready",
        "id": "a",
        "kind": "test.echo",
        "priority": level.value,
        "entry": entry,
        "attempts": "7",
    }
    delivery = await queue.fetch_one()
    assert (delivery.id, delivery.payload, delivery.meta) == ("a", b'{"n":1}', {"m": 1})
    assert (delivery.attempts_max, delivery.timeout_ms) == (7, 1234)
    assert (delivery.schema_version, delivery.token.level) == (2, level.level)


async def test_a_tick_moves_its_schedule_on_in_the_same_step(queue: QueueUnderTest) -> None:
    seen = await new_schedule(queue)

    assert (await fired(queue, seen, job(id="a")))[0] is Ticked.READY

    moved = replace(seen, last_ms=2 * MINUTE_MS, job="a", fired=1)
    assert await stored(queue) == moved
    assert await queue.counter("enqueued") == 1
    again = await fired(queue, moved, job(id="b"), tick_ms=3 * MINUTE_MS)
    assert again[0] is Ticked.READY
    assert (await stored(queue)).fired == 2
    assert (await queue.record("b"))["attempts"] == "3"


async def test_a_tick_is_one_job_though_its_record_has_expired(queue: QueueUnderTest) -> None:
    """A scheduler that was frozen for a day tries what others have done."""
    seen = await new_schedule(queue)
    await fired(queue, seen, job(id="a"))
    await queue.client.delete(queue.keys.job("a"))
    before = await queue.contents()

    assert await fired(queue, seen, job(id="a")) == (Ticked.OLD_PLAN, "")

    assert await queue.contents() == before


@pytest.mark.parametrize("change", ["edited", "paused", "resumed", "removed", "made anew", "run"])
async def test_a_plan_from_before_a_change_does_nothing(queue: QueueUnderTest, change: str) -> None:
    await new_schedule(queue)
    if change == "resumed":
        await suspend(queue.server, queue.keys, "s", paused=True)
    await queue.client.hset(queue.keys.schedule("s"), "last_ms", str(MINUTE_MS))
    seen = await stored(queue)
    match change:
        case "edited":
            await put(queue, definition=b"other", replace=True)
        case "paused" | "resumed":
            await suspend(queue.server, queue.keys, "s", paused=change == "paused")
        case "run":
            await fired(queue, seen, job(id="by hand"[:2]), tick_ms=seen.last_ms)
        case _:
            await unschedule(queue.server, queue.keys, "s")
    if change == "made anew":
        await put(queue)
    if change != "removed":
        # So that only what has changed tells the plan from a good one.
        await queue.client.hset(queue.keys.schedule("s"), "last_ms", str(MINUTE_MS))
    before = await queue.contents()

    assert await fired(queue, seen, job(id="a")) == (Ticked.OLD_PLAN, "")

    assert await queue.contents() == before


async def test_a_plan_for_another_last_tick_does_nothing(queue: QueueUnderTest) -> None:
    seen = await new_schedule(queue)
    before = await queue.contents()

    for wrong in (MINUTE_MS - 1, MINUTE_MS + 1):
        assert (await fired(queue, replace(seen, last_ms=wrong), job()))[0] is Ticked.OLD_PLAN

    assert await queue.contents() == before


async def test_a_tick_before_the_last_one_is_never_fired(queue: QueueUnderTest) -> None:
    seen = await new_schedule(queue)
    before = await queue.contents()

    assert (await fired(queue, seen, job(), tick_ms=MINUTE_MS - 1))[0] is Ticked.OLD_PLAN

    assert await queue.contents() == before
    assert (await fired(queue, seen, job(id="beside"), tick_ms=MINUTE_MS))[0] is Ticked.READY
    assert (await stored(queue)).last_ms == MINUTE_MS


async def test_a_schedule_moves_on_past_a_job_that_is_there(queue: QueueUnderTest) -> None:
    seen = await new_schedule(queue)
    await queue.add(job(id="a"))

    assert await fired(queue, seen, job(id="a")) == (Ticked.EXISTS, "a")

    assert await stored(queue) == replace(seen, last_ms=2 * MINUTE_MS, job="a")
    assert len(await queue.entries()) == 1
    assert await queue.counter("enqueued") == 1


async def test_a_tick_is_left_out_while_the_last_job_has_not_ended(queue: QueueUnderTest) -> None:
    seen = await new_schedule(queue)
    await fired(queue, seen, job(id="a"), overlap=False)
    seen = await stored(queue)

    for number, before in enumerate(("ready", "running", "delayed"), start=3):
        if before == "running":
            await queue.fetch_one()
        if before == "delayed":
            [owner] = {owner for _, owner, _ in await queue.pending()}
            await queue.abandon(owner)
            await queue.settle(await queue.fetch_one(), Verdict.RETRY, delay_ms=60_000)
        tick_ms = number * MINUTE_MS

        answer = await fired(queue, seen, job(id=before), tick_ms=tick_ms, overlap=False)

        assert answer == (Ticked.OVERLAP, "a"), before
        assert await stored(queue) == replace(seen, last_ms=tick_ms, job="a", skipped=number - 2)
        seen = await stored(queue)
        assert await queue.record(before) == {}
    assert await queue.counter("enqueued") == 1


@pytest.mark.parametrize("verdict", [Verdict.COMPLETED, Verdict.DEAD, Verdict.CANCELLED, None])
async def test_a_job_that_has_ended_is_in_nobodys_way(
    queue: QueueUnderTest, verdict: Verdict | None
) -> None:
    """Nor is one whose record has expired."""
    await fired(queue, await new_schedule(queue), job(id="a"), overlap=False)
    delivery = await queue.fetch_one()
    if verdict is Verdict.CANCELLED:
        await queue.cancel("a")
    await queue.settle(delivery, verdict or Verdict.COMPLETED, detail=b'"x"')
    if verdict is None:
        await queue.client.delete(queue.keys.job("a"))

    answer = await fired(
        queue, await stored(queue), job(id="b"), tick_ms=3 * MINUTE_MS, overlap=False
    )

    assert answer[0] is Ticked.READY
    assert (await stored(queue)).skipped == 0


async def test_jobs_that_may_overlap_do(queue: QueueUnderTest) -> None:
    await fired(queue, await new_schedule(queue), job(id="a"))

    answer = await fired(queue, await stored(queue), job(id="b"), tick_ms=3 * MINUTE_MS)

    assert answer[0] is Ticked.READY
    assert len(await queue.entries()) == 2


async def test_a_tick_takes_its_unique_slot_or_is_left_out(queue: QueueUnderTest) -> None:
    seen = await new_schedule(queue)
    await queue.add(job(id="holder", unique="u"))

    assert await fired(queue, seen, job(id="a", unique="u")) == (Ticked.TAKEN, "holder")

    moved = replace(seen, last_ms=2 * MINUTE_MS, skipped=1)
    assert await stored(queue) == moved
    await queue.settle(await queue.fetch_one(), Verdict.COMPLETED)
    new = job(id="b", unique="u", unique_ttl_ms=60_000)
    assert (await fired(queue, moved, new, tick_ms=3 * MINUTE_MS))[0] is Ticked.READY
    assert await queue.client.get(queue.keys.unique("u")) == b"b"
    assert 0 < await queue.client.pttl(queue.keys.unique("u")) <= 60_000
    assert (await queue.record("b"))["unique"] == "u"


async def test_what_is_half_removed_is_no_schedule(queue: QueueUnderTest) -> None:
    """A call that was broken off between its two writes; the same call carries it on."""
    await put(queue)
    await queue.client.hdel(queue.keys.schedule("s"), "version", "last_ms")

    assert (await read_timetable(queue.server, queue.keys)).schedules == ()
    await schedules.unschedule(queue.server, queue.keys, "s")
    assert await queue.client.exists(queue.keys.schedules, queue.keys.schedule("s")) == 0
