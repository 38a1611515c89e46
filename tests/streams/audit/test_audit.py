"""The audit of a real queue: each breakage is made by hand and found, and nothing else is."""

from collections.abc import Awaitable, Callable

import anyio
import pytest
from redis.asyncio import Redis

from streams.audit.audit import audit
from streams.audit.places import Breakage, SeenEntry, places_of
from streams.backlog import share
from streams.job import Delivery
from streams.keys import GROUP
from streams.priority import Priority
from streams.settle import Verdict
from streams.state import State
from tests.support.queues import QueueUnderTest, job, row

pytestmark = pytest.mark.leaves_jobs

Damage = Callable[[QueueUnderTest, Delivery], Awaitable[object]]


async def every_state(queue: QueueUnderTest) -> Delivery:
    """A job in each state there is; returns the one that runs."""
    for end in (Verdict.COMPLETED, Verdict.DEAD, Verdict.CANCELLED, Verdict.RETRY, Verdict.PARKED):
        await queue.add(job(id=end.value, unique=end.value))
        delivery = await queue.fetch_one()
        await queue.settle(delivery, end, detail=b"1", attempt=row(1), delay_ms=60_000)
    await queue.add(job(id="released"))
    await queue.settle(await queue.fetch_one(), Verdict.RELEASED)
    await queue.add(
        job(id="running", unique="running", priority=Priority.CRITICAL),
        job(id="ready", unique="ready", priority=Priority.LOW),
        job(id="later", delay_ms=60_000),
    )
    await queue.add_raw({"kind": "test.echo", "payload": "{}"}, Priority.LOW)
    first, second = await queue.fetch(slots=2)
    running = first if first.id == "running" else second
    other = second if first.id == "running" else first
    await queue.settle(other, Verdict.RELEASED)
    await share(queue.server, queue.keys, window=1)
    await queue.add(job(id="queued", priority=Priority.LOW))
    return running


async def test_a_queue_with_a_job_in_each_state_is_clean(queue: QueueUnderTest) -> None:
    await every_state(queue)

    report = await audit(queue.client, queue.keys)

    assert report.is_clean, report
    assert report.seen == {
        "records": 10,
        "bodies": 4,
        "slots": 4,
        "pending": 2,
        "entries": 4,
        "delayed": 3,
        "queued": 1,
        "letters": 1,
    }


async def _drop_ready(queue: QueueUnderTest, _running: Delivery) -> None:
    [entry, _raw] = await queue.entries(Priority.LOW)
    await queue.client.xdel(queue.keys.stream(Priority.LOW), entry)


async def _drop_running(queue: QueueUnderTest, running: Delivery) -> None:
    await queue.client.xdel(queue.stream(running.token), running.token.entry)


async def _drop_and_acknowledge(queue: QueueUnderTest, running: Delivery) -> None:
    await queue.client.xack(queue.stream(running.token), GROUP, running.token.entry)
    await queue.client.xdel(queue.stream(running.token), running.token.entry)


DAMAGES: dict[str, tuple[Damage, str, Breakage]] = {
    "entry deleted": (_drop_ready, "ready", Breakage.NOWHERE),
    "entry deleted while it runs": (_drop_running, "running", Breakage.ENTRY_GONE),
    "entry taken out by hand": (_drop_and_acknowledge, "running", Breakage.NOWHERE),
    "acknowledged by hand": (
        lambda queue, running: queue.client.xack(
            queue.stream(running.token), GROUP, running.token.entry
        ),
        "running",
        Breakage.STRANDED,
    ),
    "its consumer removed": (
        lambda queue, running: queue.client.xgroup_delconsumer(
            queue.stream(running.token), GROUP, running.token.consumer
        ),
        "running",
        Breakage.STRANDED,
    ),
    "taken out of the delayed set": (
        lambda queue, _: queue.client.zrem(queue.keys.delayed, "later"),
        "later",
        Breakage.NOWHERE,
    ),
    "taken out of the backlog": (
        lambda queue, _: queue.client.zrem(queue.keys.backlog, "queued"),
        "queued",
        Breakage.NOWHERE,
    ),
    "body of a queued job deleted": (
        lambda queue, _: queue.client.delete(queue.keys.body("queued")),
        "queued",
        Breakage.BODY_GONE,
    ),
    "body deleted": (
        lambda queue, _: queue.client.delete(queue.keys.body("later")),
        "later",
        Breakage.BODY_GONE,
    ),
    "body without a job": (
        lambda queue, _: queue.client.set(queue.keys.body("nobody"), b"x"),
        "nobody",
        Breakage.BODY_LEFT,
    ),
    "record deleted": (
        lambda queue, _: queue.client.delete(queue.keys.job("later")),
        "later",
        Breakage.RECORD_GONE,
    ),
    "sent a second time by XADD": (
        lambda queue, _: queue.add_raw({"kind": "k", "payload": "{}", "id": "ready"}),
        "ready",
        Breakage.TWO_PLACES,
    ),
    "sent again after its end": (
        lambda queue, _: queue.add_raw({"kind": "k", "payload": "{}", "id": "completed"}),
        "completed",
        Breakage.ENDED_BUT_QUEUED,
    ),
    "dead letters trimmed": (
        lambda queue, _: queue.client.xtrim(queue.keys.dead, maxlen=0),
        "dead",
        Breakage.LETTER_GONE,
    ),
    "record made to stay": (
        lambda queue, _: queue.client.persist(queue.keys.job("completed")),
        "completed",
        Breakage.ENDLESS,
    ),
    "marked to be cancelled": (
        lambda queue, _: queue.client.sadd(queue.keys.cancel, "ready"),
        "ready",
        Breakage.CANCEL_LEFT,
    ),
    "a slot that stayed": (
        lambda queue, _: queue.client.set(queue.keys.unique("slot"), "completed"),
        "completed",
        Breakage.SLOT_LEFT,
    ),
    "a slot of a job that was never there": (
        lambda queue, _: queue.client.set(queue.keys.unique("slot"), "nobody"),
        "nobody",
        Breakage.SLOT_LEFT,
    ),
    "a record that names another entry": (
        lambda queue, _: queue.client.hset(queue.keys.job("ready"), "entry", "1-1"),
        "ready",
        Breakage.WRONG_PLACE,
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
async def test_each_damage_is_found_and_nothing_else_is(queue: QueueUnderTest, name: str) -> None:
    damage, job_id, breakage = DAMAGES[name]
    running = await every_state(queue)
    await damage(queue, running)

    report = await audit(queue.client, queue.keys)

    assert [(each.id, each.breakage) for each in report.broken] == [(job_id, breakage)], report
    assert report.counts == {breakage.value: 1}
    await queue.client.delete(queue.keys.job("completed"))


async def test_the_second_look_sees_all_places_of_one_job(queue: QueueUnderTest) -> None:
    running = await every_state(queue)

    async def seen(name: str) -> tuple[State | None, bool, bool, bool, int]:
        found = await places_of(queue.server, queue.keys, name, set())
        return found.state, found.has_letter, found.is_due, found.has_body, len(found.entries)

    assert await seen("dead") == (State.DEAD, True, False, False, 0)
    assert await seen("later") == (State.DELAYED, False, True, True, 0)
    assert await seen("ready") == (State.READY, False, False, False, 1)
    assert await seen("completed") == (State.COMPLETED, False, False, False, 0)
    assert await seen("nobody") == (None, False, False, False, 0)
    place = (running.token.level, running.token.entry)
    found = await places_of(queue.server, queue.keys, "running", {place})
    assert found.entries == (SeenEntry(*place, has_body=True, owner="one"),)
    await queue.client.xtrim(queue.keys.dead, maxlen=0)
    assert await seen("dead") == (State.DEAD, False, False, False, 0)


def test_every_breakage_is_made() -> None:
    assert {breakage for _, _, breakage in DAMAGES.values()} == set(Breakage)


async def test_an_audit_changes_nothing(queue: QueueUnderTest) -> None:
    running = await every_state(queue)
    await _drop_running(queue, running)
    before = await queue.contents()

    await audit(queue.client, queue.keys)

    assert await queue.contents() == before


async def test_windows_are_followed_to_the_end(queue: QueueUnderTest) -> None:
    for _ in range(5):
        await queue.add(*(job() for _ in range(50)))
    heard: list[tuple[str, int]] = []

    report = await audit(queue.client, queue.keys, lambda what, count: heard.append((what, count)))

    assert (report.is_clean, report.seen["entries"], report.seen["records"]) == (True, 250, 250)
    assert ("entries", 100) in heard


async def test_a_queue_that_nobody_has_used_is_clean(client: Redis) -> None:
    report = await audit(client, QueueUnderTest(client, "nothing").keys)

    assert report.is_clean


async def test_other_queues_are_left_out(queue: QueueUnderTest, client: Redis) -> None:
    other = QueueUnderTest(client, "test2")
    await other.add(job(id="one"))
    await client.delete(other.keys.stream(Priority.NORMAL))

    assert (await audit(client, queue.keys)).is_clean
    assert not (await audit(client, other.keys)).is_clean


async def test_jobs_in_motion_are_not_taken_for_lost(queue: QueueUnderTest) -> None:
    """The windows see a job before and after it has moved; the second look sees it whole."""
    await queue.add(*(job() for _ in range(100)))
    over = anyio.Event()

    async def work() -> None:
        while not over.is_set():
            await queue.add(*(job(unique=f"slot-{number}") for number in range(10)))
            for delivery in await queue.fetch(slots=20):
                await queue.settle(delivery, Verdict.RETRY, attempt=row(1), delay_ms=1)
            await queue.promote()
            for delivery in await queue.fetch(slots=20):
                await queue.settle(delivery, Verdict.COMPLETED, detail=b"1")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(work)
        for _ in range(10):
            report = await audit(queue.client, queue.keys)
            assert report.is_clean, report
        over.set()
