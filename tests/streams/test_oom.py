"""A server whose memory is full: nothing more comes in, and everything goes on to its end."""

from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ResponseError

from streams.backlog import admit, share
from streams.cancel import Cancellation
from streams.dead import purge
from streams.embedded import EmbeddedServer
from streams.inspection import inspect_queue
from streams.job import ALONE_LOSSES_MAX, SUSPECT_LOSSES, Delivery
from streams.priority import LEVELS, Priority
from streams.renew import Renewal
from streams.schedules import Ticked, fire, put_schedule, read_schedule
from streams.settle import Outcome, Settled, Verdict
from streams.state import State
from streams.workers import retire, seen_workers
from tests.support.queues import RETENTION, QueueUnderTest, job, row
from tests.support.sleep import taken_in_sleep

NO_ROOM = "command not allowed when used memory > 'maxmemory'"


@pytest.fixture
async def queue(any_binary: Path, tmp_path: Path) -> AsyncIterator[QueueUnderTest]:
    """A queue on a server of its own, of each version."""
    with EmbeddedServer(any_binary, tmp_path / "redis") as server:
        async with Redis.from_url(server.url, retry=Retry(NoBackoff(), 0)) as client:
            queue = QueueUnderTest(client)
            await queue.open()
            yield queue


async def fill_up(queue: QueueUnderTest) -> None:
    """Less memory than is used: from now on every command that needs some is refused."""
    await queue.client.config_set("maxmemory", "100kb")
    with pytest.raises(ResponseError, match=NO_ROOM):
        await queue.client.set("one", "more")


async def test_a_job_more_is_refused_with_the_reason_and_leaves_nothing(
    queue: QueueUnderTest,
) -> None:
    await queue.add(job(id="a"))
    before = await queue.contents()
    await fill_up(queue)

    for refused in (job(id="b", unique="u"), job(id="c", delay_ms=60_000)):
        with pytest.raises(ResponseError, match=NO_ROOM):
            await queue.add(refused)

    assert await queue.contents() == before
    await queue.client.config_set("maxmemory", "0")
    assert (await queue.add(job(id="b", unique="u")))[0].is_new


async def test_a_tick_is_refused_with_the_reason_and_comes_when_there_is_room(
    queue: QueueUnderTest,
) -> None:
    await put_schedule(queue.server, queue.keys, "s", b"{}", times="t")
    seen, now_ms = await read_schedule(queue.server, queue.keys, "s")
    before = await queue.contents()
    await fill_up(queue)

    with pytest.raises(ResponseError, match=NO_ROOM):
        await fire(queue.server, queue.keys, seen, job(id="a"), tick_ms=now_ms, overlap=True)

    assert await queue.contents() == before
    await queue.client.config_set("maxmemory", "0")
    fired = await fire(queue.server, queue.keys, seen, job(id="a"), tick_ms=now_ms, overlap=True)
    assert fired[0] is Ticked.READY


async def test_a_repeated_job_is_answered_because_nothing_is_added(queue: QueueUnderTest) -> None:
    await queue.add(job(id="a"))
    await fill_up(queue)

    assert [each.id for each in await queue.add(job(id="a"))] == ["a"]


@pytest.mark.parametrize(
    ("verdict", "state"),
    [
        (Verdict.COMPLETED, State.COMPLETED),
        (Verdict.RETRY, State.DELAYED),
        (Verdict.PARKED, State.DELAYED),
        (Verdict.CRASHED, State.DELAYED),
        (Verdict.DEAD, State.DEAD),
        (Verdict.RELEASED, State.READY),
        (Verdict.CANCELLED, State.CANCELLED),
    ],
)
async def test_every_outcome_is_recorded(
    queue: QueueUnderTest, verdict: Verdict, state: State
) -> None:
    """The server has forgotten the script, too: telling it again needs no memory."""
    await queue.add(job(id="a", payload=b"x" * 10_000, unique="u"))
    delivery = await queue.fetch_one()
    await fill_up(queue)
    await queue.client.script_flush()

    answer = await queue.settle(delivery, verdict, detail=b'"result"', delay_ms=60_000)

    assert answer is Settled.RECORDED
    assert (await queue.look("a")).state is state
    assert await queue.settle(delivery, verdict) is Settled.REPEATED


async def test_a_fenced_outcome_is_refused_and_counted(queue: QueueUnderTest) -> None:
    await queue.add(job(id="a"))
    delivery = await queue.fetch_one()
    await queue.lapse(delivery)
    await queue.claim("two")
    await fill_up(queue)

    assert await queue.settle(delivery, Verdict.COMPLETED) is Settled.LOST
    assert await queue.counter("fenced") == 1


async def test_leases_are_renewed_and_wishes_to_cancel_are_told(queue: QueueUnderTest) -> None:
    await queue.add(job(id="a"), job(id="b"))
    asked, lost = await queue.fetch()
    assert await queue.cancel("a") is Cancellation.ASKED
    await queue.lapse(asked, lost)
    await fill_up(queue)
    await queue.claim("two", [each for each in await queue.sweep() if each.id == "b"])

    renewal = await queue.renew(asked, lost)

    assert renewal == Renewal(frozenset({lost.token}), frozenset({asked.token}))
    assert await queue.sweep() == []


async def test_who_holds_nothing_says_that_it_lives(queue: QueueUnderTest) -> None:
    await fill_up(queue)

    await queue.renew(consumer="idle")

    assert [each.consumer for each in await seen_workers(queue.client, queue.keys)] == ["idle"]


async def lost_to_the_brink(queue: QueueUnderTest, delivery: Delivery) -> Delivery:
    """Its next loss is its end."""
    return await queue.lose(delivery, SUSPECT_LOSSES + ALONE_LOSSES_MAX - 1)


async def test_lapsed_jobs_are_claimed_or_die_of_it(queue: QueueUnderTest) -> None:
    await queue.add(*(job(id=name) for name in ("claimed", "poison", "deleted")))
    held = {each.id: each for each in await queue.fetch()}
    poison = await lost_to_the_brink(queue, held["poison"])
    await queue.lapse(held["claimed"], poison, held["deleted"])
    await queue.client.xdel(queue.stream(poison.token), held["deleted"].token.entry)
    await fill_up(queue)

    claimed = await queue.claim("last")

    assert [each.id for each in claimed.deliveries] == ["claimed"]
    assert {letter.cause for letter in await queue.letters()} == {"poison", "body lost"}


@pytest.mark.parametrize("cause", ["", "killed by SIGKILL"])
async def test_what_a_dead_consumer_had_is_handed_back_or_dies_of_it(
    queue: QueueUnderTest, cause: str
) -> None:
    await queue.add(*(job(id=name) for name in ("back", "suspect", "poison", "deleted")))
    held = {each.id: each for each in await queue.fetch()}
    await lost_to_the_brink(queue, held["poison"])
    await queue.lose(held["suspect"], SUSPECT_LOSSES)
    await queue.client.xdel(queue.stream(held["back"].token), held["deleted"].token.entry)
    owners = {owner for _, owner, _ in await queue.pending()}
    await fill_up(queue)

    abandoned = [await queue.abandon(owner, cause=cause) for owner in sorted(owners)]

    dead = {each.id for part in abandoned for each in part.dead} - {"poison", "back", "suspect"}
    assert dead == {f"normal-{held['deleted'].token.entry}"}
    assert {each.id for part in abandoned for each in part.handed_back} == {
        "back",
        "suspect",
        *(() if cause else ("poison",)),
    }


async def test_a_crash_of_a_child_is_recorded_or_the_end(queue: QueueUnderTest) -> None:
    await queue.add(job(id="a"), job(id="b"))
    first, second = await queue.fetch()
    await queue.settle(first, Verdict.CRASHED, detail="killed by SIGSEGV")
    await queue.promote()
    first = await queue.fetch_one()
    await fill_up(queue)

    for delivery in (first, second):
        answer = await queue.settle(delivery, Verdict.CRASHED, detail="killed by SIGSEGV")
        assert answer is Settled.RECORDED

    assert (await queue.look("a")).cause == "poison: killed by SIGSEGV"
    assert (await queue.look("b")).state is State.DELAYED


async def test_jobs_are_fetched_from_all_levels_and_those_handed_back_too(
    queue: QueueUnderTest,
) -> None:
    await queue.add(*(job(id=level.value, priority=level) for level in LEVELS))
    await queue.settle(await queue.fetch_one(), Verdict.RELEASED)
    await fill_up(queue)

    assert {each.id for each in await queue.fetch("two")} == {level.value for level in LEVELS}


async def test_an_idle_consumer_is_woken(queue: QueueUnderTest) -> None:
    await queue.add(job(id="a"))
    await fill_up(queue)

    delivery = await taken_in_sleep(queue.client, queue.keys, "one", block_ms=1)

    assert delivery is not None
    assert delivery.id == "a"


async def test_due_jobs_are_promoted_and_lost_bodies_reported(queue: QueueUnderTest) -> None:
    await queue.add(*(job(id=name, delay_ms=60_000) for name in "ab"))
    await queue.make_due("a", "b")
    await queue.client.delete(queue.keys.body("b"))
    await fill_up(queue)

    assert await queue.promote() == (1, None)
    assert [each.id for each in await queue.fetch()] == ["a"]
    assert [letter.id for letter in await queue.letters()] == ["b"]


async def test_jobs_whose_turn_has_come_are_let_in(queue: QueueUnderTest) -> None:
    await share(queue.server, queue.keys, window=1)
    await queue.add(*(job(id=name) for name in ("first", "a", "b")))
    await queue.client.delete(queue.keys.body("a"))
    await queue.fetch()
    await fill_up(queue)

    assert await admit(queue.server, queue.keys, RETENTION) == (1, False)
    assert await admit(queue.server, queue.keys, RETENTION) == (1, False)

    assert [each.id for each in await queue.fetch()] == ["b"]
    assert [letter.id for letter in await queue.letters()] == ["a"]


async def test_a_whole_queue_drains(queue: QueueUnderTest) -> None:
    """With a failure for each job on the way: every kind of write is needed."""
    await queue.add(*(job(id=str(n), payload=b"x" * 2_000) for n in range(50)))
    await fill_up(queue)

    ended: set[str] = set()
    while len(ended) < 50:
        await queue.promote()
        held = await queue.fetch(slots=10)
        outcomes = [
            Outcome(each, Verdict.RETRY if each.attempt == 1 else Verdict.COMPLETED, b"", row(1))
            for each in held
        ]
        assert set(await queue.settle_all(outcomes)) <= {Settled.RECORDED}
        ended |= {each.delivery.id for each in outcomes if each.verdict is Verdict.COMPLETED}
        await anyio.lowlevel.checkpoint()

    assert (await inspect_queue(queue.client, queue.keys)).is_idle


async def test_operators_may_look_and_make_room(queue: QueueUnderTest) -> None:
    await queue.add(job(id="a"), job(id="b", priority=Priority.LOW))
    await queue.settle(await queue.fetch_one(), Verdict.DEAD, detail="x")
    letter = await queue.letter("a")
    await fill_up(queue)

    assert (await queue.look("a")).state is State.DEAD
    assert (await inspect_queue(queue.client, queue.keys)).dead == 1
    assert await purge(queue.server, queue.keys, [letter]) == 1
    assert await retire(queue.server, queue.keys, ["one"]) == ["one"]


async def test_what_may_wait_for_room_is_refused_as_a_whole(queue: QueueUnderTest) -> None:
    await queue.add(job(id="dead"))
    await queue.settle(await queue.fetch_one(), Verdict.DEAD, detail="x")
    letter = await queue.letter("dead")
    await queue.add(job(id="runs"))
    await queue.fetch_one()
    await queue.add(job(id="waits"), job(id="later", delay_ms=60_000))
    before = await queue.contents()
    await fill_up(queue)

    for refused in (
        queue.replay(letter),
        queue.cancel("runs"),
        queue.cancel("waits"),
        queue.cancel("later"),
    ):
        with pytest.raises(ResponseError, match=NO_ROOM):
            await refused

    assert await queue.contents() == before
