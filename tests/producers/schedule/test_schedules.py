"""Keeping schedules: what is seen of them, and what is said where that fails."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from redis.asyncio import Redis

from producers.errors import ScheduleError
from producers.schedule.schedule import Overlap, Schedule, schedule_of
from producers.schedule.schedules import PLANS_MAX, Schedules, moment_of, unix_ms_of
from streams.errors import InvalidJobError, ScheduleExistsError, UnknownScheduleError
from streams.scripts.loader import Script
from streams.server import Server
from streams.settle import Verdict
from tests.support.queues import QueueUnderTest, job

pytestmark = pytest.mark.leaves_jobs


def daily(name: str = "daily", **fields: Any) -> Schedule:
    return schedule_of({"name": name, "cron": "@daily", "kind": "test.echo", **fields})


@pytest.fixture
async def kept(redis_url: str) -> AsyncIterator[Schedules]:
    """Its schedules."""
    async with Schedules.connect(redis_url, queue="test") as kept:
        yield kept


async def test_what_was_added_is_seen_with_its_next_runs(kept: Schedules) -> None:
    await kept.add(daily("b", zone="Europe/Berlin"))
    await kept.add(daily("a", paused=True))

    first, second = await kept.all()

    assert (first.name, second.name, kept.queue) == ("a", "b", "test")
    assert second.schedule == daily("b", zone="Europe/Berlin")
    assert second.flaw == ""
    runs = second.next_runs(3)
    assert len(runs) == 3
    assert second.last_tick <= second.now < runs[0] <= second.now + timedelta(days=1, hours=1)
    assert first.next_runs(3) == []
    assert (await kept.get("a")).schedule == daily("a", paused=True)


async def test_a_schedule_is_replaced_only_where_that_is_wanted(kept: Schedules) -> None:
    await kept.add(daily())

    with pytest.raises(ScheduleExistsError):
        await kept.add(daily(attempts=9))
    await kept.add(daily(attempts=9), replace=True)

    assert (await kept.get("daily")).schedule == daily(attempts=9)


async def test_a_payload_that_its_kind_does_not_know_is_refused(kept: Schedules) -> None:
    with pytest.raises(ScheduleError, match=r"does not fit 'tiles.render'"):
        await kept.add(daily(kind="tiles.render"))

    assert await kept.all() == []


async def test_a_schedule_pauses_and_goes_on(kept: Schedules) -> None:
    await kept.add(daily())

    assert [await kept.pause("daily"), await kept.pause("daily")] == [True, False]
    assert (await kept.get("daily")).next_runs(1) == []
    assert [await kept.resume("daily"), await kept.resume("daily")] == [True, False]
    assert len((await kept.get("daily")).next_runs(1)) == 1


async def test_a_schedule_that_is_removed_is_gone(kept: Schedules) -> None:
    await kept.add(daily())

    await kept.remove("daily")

    assert await kept.all() == []


async def test_an_unknown_name_and_one_that_is_none_are_told_apart(kept: Schedules) -> None:
    for call in (kept.get, kept.pause, kept.resume, kept.remove, kept.run_now):
        with pytest.raises(UnknownScheduleError, match="has no schedule 'nobody'"):
            await call("nobody")
        with pytest.raises(InvalidJobError, match="a schedule's name has 1 to 64"):
            await call("no body")


async def test_a_run_by_hand_is_a_job_beside_the_ticks(
    kept: Schedules, queue: QueueUnderTest
) -> None:
    await kept.add(daily(payload={"n": 1}, paused=True))
    before = await kept.get("daily")

    names = [await kept.run_now("daily") for _ in range(2)]

    assert len(set(names)) == 2
    assert all(name.startswith("cron:daily:") for name in names)
    assert [each.id for each in await queue.fetch()] == names
    after = await kept.get("daily")
    assert (after.stored.fired, after.stored.job) == (2, names[-1])
    assert after.last_tick == before.last_tick


async def test_a_run_by_hand_does_not_overlap_where_no_run_may(
    kept: Schedules, queue: QueueUnderTest
) -> None:
    await kept.add(daily(overlap=Overlap.SKIP))
    first = await kept.run_now("daily")

    with pytest.raises(ScheduleError, match=f"is not run now: its job '{first}' has not ended"):
        await kept.run_now("daily")

    await queue.settle(await queue.fetch_one(), Verdict.COMPLETED)
    assert await kept.run_now("daily") != first


async def test_a_run_by_hand_says_whose_unique_key_is_in_its_way(
    kept: Schedules, queue: QueueUnderTest
) -> None:
    await queue.add(job(id="other", unique="u"))
    await kept.add(daily(unique="u"))

    with pytest.raises(ScheduleError, match="not run now: the job 'other' holds its unique key"):
        await kept.run_now("daily")


class EditedMeanwhile(Server):
    """One on which somebody edits the schedule between each reading and each firing."""

    edits_left = 0

    async def run(self, script: Script, *args: Any, **kwargs: Any) -> Any:
        if script.name == "tick" and self.edits_left:
            self.edits_left -= 1
            await Schedules(Server(self.client), "test").add(daily(), replace=True)
        return await super().run(script, *args, **kwargs)


async def test_a_run_by_hand_copes_with_edits_up_to_a_bound(
    client: Redis, queue: QueueUnderTest
) -> None:
    server = EditedMeanwhile(client)
    kept = Schedules(server, "test")
    await kept.add(daily())

    server.edits_left = PLANS_MAX - 1
    name = await kept.run_now("daily")
    server.edits_left = PLANS_MAX
    with pytest.raises(ScheduleError, match="changes all the time"):
        await kept.run_now("daily")

    assert [each.id for each in await queue.fetch()] == [name]


async def test_what_cannot_be_read_here_is_shown_with_its_flaw(
    kept: Schedules, queue: QueueUnderTest
) -> None:
    await kept.add(daily())
    await queue.client.hset(queue.keys.schedule("daily"), "definition", '{"moon": "full"}')

    known = await kept.get("daily")

    assert known.schedule is None
    assert "moon" in known.flaw
    assert known.next_runs(3) == []


def test_a_moment_is_kept_to_the_millisecond() -> None:
    for unix_ms in (0, 1, 1_772_323_200_001, 4_102_444_799_999):
        assert unix_ms_of(moment_of(unix_ms)) == unix_ms
