"""What becomes of jobs is told while somebody watches, and costs nothing while nobody does."""

from dataclasses import replace

import orjson
import pytest

from streams.clear import clear
from streams.events import (
    ALL_JOBS,
    EVENTS_MAX,
    EVENTS_TTL_MS,
    WATCH_TTL_MS,
    Happening,
    JobEvent,
    Place,
    Told,
    glance,
    has_entry,
    read_events,
    tell_started,
    watch,
)
from streams.priority import Priority
from streams.progress import note_progress
from streams.remove import remove
from streams.reprioritise import reprioritise
from streams.settle import Outcome, Settled, Verdict
from streams.state import State
from tests.support.queues import QueueUnderTest, job, row

pytestmark = pytest.mark.leaves_jobs

BEGINNING = Place(0, 0)


async def told(queue: QueueUnderTest) -> list[Told]:
    """All events that were written."""
    return await read_events(queue.client, queue.keys, BEGINNING, block_ms=1)


async def happened(queue: QueueUnderTest, job_id: str = "") -> list[tuple[str, str]]:
    """What was told of a job, or of all of them, and where it was by that."""
    found = [each.event for each in await told(queue)]
    return [(each.happening.value, each.state.value) for each in found if job_id in {"", each.id}]


async def watch_all(queue: QueueUnderTest) -> None:
    await watch(queue.server, queue.keys, [ALL_JOBS])


async def test_nothing_is_written_while_nobody_watches(queue: QueueUnderTest) -> None:
    await queue.add(job(id="a"), job(id="later", delay_ms=60_000))
    await queue.settle(await queue.fetch_one(), Verdict.COMPLETED)
    await queue.cancel("later")

    assert await queue.client.exists(queue.keys.events, queue.keys.watchers) == 0


async def test_only_the_jobs_that_are_watched_are_told_of(queue: QueueUnderTest) -> None:
    await watch(queue.server, queue.keys, ["a", "c"])

    await queue.add(*(job(id=name) for name in "abc"))

    assert [each.event.id for each in await told(queue)] == ["a", "c"]


async def test_a_watch_ends_by_itself_and_the_events_after_it(queue: QueueUnderTest) -> None:
    _, added = await watch(queue.server, queue.keys, ["a", "b"])
    _, again = await watch(queue.server, queue.keys, ["b", "c"])
    ttls = [await queue.client.pttl(key) for key in (queue.keys.watchers, queue.keys.events)]
    await queue.client.zadd(queue.keys.watchers, {"a": 1})
    await watch(queue.server, queue.keys, ["c"])

    assert (added, again) == (2, 1)
    assert [0 < ttl <= most for ttl, most in zip(ttls, (WATCH_TTL_MS, EVENTS_TTL_MS), strict=True)]
    assert await queue.client.zrange(queue.keys.watchers, 0, -1) == [b"b", b"c"]


async def test_a_watch_says_after_which_event_it_begins(queue: QueueUnderTest) -> None:
    place, _ = await watch(queue.server, queue.keys, [ALL_JOBS])
    await queue.add(job(id="a"))
    [first] = await told(queue)
    again, _ = await watch(queue.server, queue.keys, [ALL_JOBS])

    assert place < first.place == again
    assert await has_entry(queue.client, queue.keys, first.place)
    assert not await has_entry(queue.client, queue.keys, place)


async def test_the_life_of_a_job_that_fails_once_and_completes(queue: QueueUnderTest) -> None:
    await watch_all(queue)
    await queue.add(job(id="a", delay_ms=60_000, meta={"tenant_id": "acme"}))
    await queue.make_due("a")
    await queue.promote()
    delivery = await queue.fetch_one()
    await tell_started(queue.server, queue.keys, [delivery])
    await note_progress(queue.server, queue.keys, delivery, 0.5, "half")
    await queue.settle(delivery, Verdict.RETRY, delay_ms=60_000)
    await queue.make_due("a")
    await queue.promote()
    await queue.settle(await queue.fetch_one(), Verdict.COMPLETED, detail=b"1")

    assert await happened(queue) == [
        ("enqueued", "delayed"),
        ("promoted", "ready"),
        ("started", "running"),
        ("progress", "running"),
        ("retried", "delayed"),
        ("promoted", "ready"),
        ("completed", "completed"),
    ]
    events = [each.event for each in await told(queue)]
    assert {(each.id, each.kind, each.tenant) for each in events} == {("a", "test.echo", "acme")}
    assert [each.attempt for each in events] == [1, 1, 1, 1, 2, 2, 2]
    assert [each.due_ms is not None for each in events] == [1, 0, 0, 0, 1, 0, 0]
    progress = events[3].progress
    assert progress is not None
    assert (progress.fraction, progress.message) == (0.5, "half")


@pytest.mark.parametrize(
    ("verdict", "event"),
    [
        (Verdict.COMPLETED, ("completed", "completed")),
        (Verdict.RETRY, ("retried", "delayed")),
        (Verdict.PARKED, ("parked", "delayed")),
        (Verdict.SNOOZED, ("snoozed", "delayed")),
        (Verdict.CRASHED, ("crashed", "delayed")),
        (Verdict.RELEASED, ("released", "ready")),
        (Verdict.CANCELLED, ("cancelled", "cancelled")),
        (Verdict.EXPIRED, ("cancelled", "cancelled")),
        (Verdict.DEAD, ("dead", "dead")),
    ],
)
async def test_each_way_to_end_a_delivery_is_told_and_once(
    queue: QueueUnderTest, verdict: Verdict, event: tuple[str, str]
) -> None:
    """A call that is repeated, because its answer was lost, tells nothing again."""
    await queue.add(job(id="a"))
    delivery = await queue.fetch_one()
    await watch_all(queue)
    outcome = Outcome(delivery, verdict, b"7" if verdict is Verdict.COMPLETED else "why", row(1))

    answers = [await queue.settle_all([outcome]) for _ in range(2)]

    assert answers[0] == [Settled.RECORDED]
    assert await happened(queue) == [event]
    [only] = await told(queue)
    causes = {Verdict.DEAD: "why", Verdict.EXPIRED: "expired"}
    assert only.event.cause == causes.get(verdict, "")


async def test_losses_and_hand_backs_are_told(queue: QueueUnderTest) -> None:
    await queue.add(*(job(id=name) for name in ("claimed", "killed", "unheard")))
    claimed, _, _ = await queue.fetch()
    await watch_all(queue)
    await queue.lapse(claimed)

    await queue.claim("two")
    await queue.abandon("one", cause="killed by SIGKILL")

    assert await happened(queue, "claimed") == [("lost", "ready"), ("started", "running")]
    assert await happened(queue, "killed") == [("lost", "ready")]


async def test_cancels_deaths_and_replays_are_told(queue: QueueUnderTest) -> None:
    await queue.add(job(id="runs"), job(id="waits"))
    runs = await queue.fetch_one()
    await watch_all(queue)

    await queue.cancel("runs")
    await queue.cancel("waits")
    await queue.settle(runs, Verdict.DEAD, detail="no luck")
    await queue.replay(await queue.letter("runs"))

    assert await happened(queue, "waits") == [("cancelled", "cancelled")]
    assert await happened(queue, "runs") == [
        ("cancel_asked", "running"),
        ("dead", "dead"),
        ("replayed", "ready"),
    ]


async def test_what_an_operator_does_to_waiting_jobs_is_told(queue: QueueUnderTest) -> None:
    await queue.add(*(job(id=name) for name in ("moved", "removed")), job(id="later", due_ms=2**50))
    await watch_all(queue)

    await reprioritise(queue.server, queue.keys, "moved", Priority.HIGH)
    await reprioritise(queue.server, queue.keys, "later", Priority.HIGH)
    await remove(queue.server, queue.keys, "removed")
    async for _ in clear(queue.server, queue.keys, ended_ttl_ms=600_000):
        pass

    assert await happened(queue) == [
        ("reprioritised", "ready"),
        ("reprioritised", "delayed"),
        ("removed", "cancelled"),
        ("cancelled", "cancelled"),
        ("cancelled", "cancelled"),
    ]


async def test_a_twin_is_not_told_of(queue: QueueUnderTest) -> None:
    """The record belongs to the other one."""
    await queue.add(job(id="a"))
    await queue.add_raw({"kind": "test.echo", "payload": "{}", "id": "a"})
    first, twin = await queue.fetch()
    await watch_all(queue)

    await queue.settle(twin, Verdict.DEAD, detail="x")
    await queue.settle(first, Verdict.COMPLETED)

    assert await happened(queue) == [("completed", "completed")]


async def test_a_job_sent_by_a_plain_xadd_is_told_of_too(queue: QueueUnderTest) -> None:
    await watch_all(queue)
    entry = await queue.add_raw(
        {"kind": "test.echo", "payload": "{}", "meta": orjson.dumps({"tenant_id": 7})}
    )
    delivery = await queue.fetch_one()
    await tell_started(queue.server, queue.keys, [delivery])
    await queue.settle(delivery, Verdict.COMPLETED)

    started, completed = [each.event for each in await told(queue)]
    assert started.id == completed.id == f"normal-{entry}"
    assert (started.kind, started.tenant, completed.kind) == ("test.echo", "7", "test.echo")


async def test_a_look_tells_where_jobs_are_and_which_events_it_covers(
    queue: QueueUnderTest,
) -> None:
    await watch_all(queue)
    await queue.add(job(id="runs", meta={"tenant_id": "acme"}), job(id="back"), job(id="dies"))
    runs, back, dies = await queue.fetch()
    await queue.add(job(id="waits"), job(id="later", due_ms=2**50))
    await note_progress(queue.server, queue.keys, runs, 0.25)
    await queue.settle(back, Verdict.RELEASED)
    await queue.settle(dies, Verdict.DEAD, detail="no luck")

    place, seen = await glance(
        queue.server, queue.keys, ["runs", "back", "dies", "waits", "later", "nobody"]
    )

    assert place == (await told(queue))[-1].place
    assert seen.pop() is None
    found = {each.id: each for each in seen if each is not None}
    assert {name: each.state for name, each in found.items()} == {
        "runs": State.RUNNING,
        "back": State.READY,
        "dies": State.DEAD,
        "waits": State.READY,
        "later": State.DELAYED,
    }
    assert {each.happening for each in found.values()} == {Happening.SEEN}
    assert found["runs"].tenant == "acme"
    assert found["runs"].progress is not None
    assert (found["dies"].cause, found["later"].due_ms) == ("no luck", 2**50)


async def test_an_event_that_cannot_be_written_breaks_no_transition(
    queue: QueueUnderTest,
) -> None:
    await watch_all(queue)
    await queue.client.set(queue.keys.events, "not a stream")

    await queue.add(job(id="a"))
    answer = await queue.settle(await queue.fetch_one(), Verdict.COMPLETED)

    assert answer is Settled.RECORDED
    assert (await queue.look("a")).state is State.COMPLETED


async def test_the_events_are_bounded(queue: QueueUnderTest) -> None:
    await watch(queue.server, queue.keys, ["a"])
    async with queue.client.pipeline(transaction=False) as pipe:
        for _ in range(EVENTS_MAX + 500):
            pipe.xadd(queue.keys.events, {"x": "y"})
        await pipe.execute()

    await queue.add(job(id="a"))

    assert await queue.client.xlen(queue.keys.events) <= EVENTS_MAX + 100


async def test_an_event_of_a_newer_version_is_heard_as_something_else(
    queue: QueueUnderTest,
) -> None:
    await queue.client.xadd(
        queue.keys.events,
        {"id": "a", "event": "teleported", "state": "ready", "kind": "k", "attempt": 1},
    )

    [event] = [each.event for each in await told(queue)]

    assert replace(event, at_ms=0) == JobEvent("a", Happening.OTHER, State.READY, "k", 1, 0)
