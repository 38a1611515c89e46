"""Pausing levels, and draining a queue."""

from collections.abc import Awaitable, Callable

import anyio
import pytest
from redis.asyncio import Redis

from streams.claim import claim
from streams.embedded import EmbeddedServer
from streams.enqueue import Acceptance
from streams.errors import InvalidJobError
from streams.fetch import fetch
from streams.gate import Gate, Stop, drain, pause, read_gate, reopen
from streams.inspection import inspect_queue
from streams.priority import LEVELS, Priority
from streams.settle import Settled, Verdict
from streams.state import State
from tests.support.queues import RETENTION, QueueUnderTest, job
from tests.support.sleep import taken_in_sleep
from tests.support.waiting import wait_until

pytestmark = pytest.mark.leaves_jobs


async def test_while_a_queue_is_paused_jobs_arrive_and_none_is_handed_out(
    queue: QueueUnderTest,
) -> None:
    await queue.add(job(id="runs"), job(id="back"))
    runs, back = await queue.fetch()
    await queue.settle(back, Verdict.RELEASED)

    assert await queue.pause() == {*LEVELS}

    answers = await queue.add(*(job(id=level.value, priority=level) for level in LEVELS))
    assert all(each.is_new for each in answers)
    found = await fetch(queue.server, queue.keys, "two", slots=50, served=0)
    assert (found.deliveries, found.paused) == ([], LEVELS)
    assert await queue.settle(runs, Verdict.COMPLETED) is Settled.RECORDED

    assert await queue.resume() == {*LEVELS}
    assert {each.id for each in await queue.fetch("two")} == {"back", *LEVELS}
    assert await queue.client.exists(queue.keys.gate) == 0


@pytest.mark.parametrize("paused", LEVELS)
async def test_a_level_is_paused_alone_whatever_the_turn(
    queue: QueueUnderTest, paused: Priority
) -> None:
    await queue.add(*(job(id=f"{level}-{n}", priority=level) for level in LEVELS for n in range(9)))
    await queue.pause(paused)

    taken = await queue.fetch(slots=100, served=9)

    assert {each.token.level for each in taken} == {1, 2, 3, 4} - {paused.level}
    assert len(taken) == 27


async def test_of_a_paused_level_nothing_is_claimed_and_nothing_charged(
    queue: QueueUnderTest,
) -> None:
    """Not even where it was seen before the pause."""
    await queue.add(job(id="a"), job(id="b", priority=Priority.HIGH))
    held = await queue.fetch()
    await queue.lapse(*held)
    seen = await queue.sweep()
    await queue.pause(Priority.NORMAL)

    assert [each.id for each in await queue.sweep()] == ["b"]
    claimed = await claim(queue.server, queue.keys, "two", seen, RETENTION)
    assert [each.id for each in claimed.deliveries] == ["b"]
    assert (await queue.look("a")).losses == 0

    await queue.resume()
    assert [each.id for each in (await queue.claim("two")).deliveries] == ["a"]


async def test_what_a_process_had_that_was_seen_to_end_is_handed_back_in_a_pause_too(
    queue: QueueUnderTest,
) -> None:
    await queue.add(job(id="a"))
    await queue.fetch_one()
    await queue.pause()

    assert len((await queue.abandon("one", cause="killed by SIGKILL")).handed_back) == 1

    assert await queue.fetch("two") == []


async def test_a_read_that_waited_when_the_pause_came_hands_back_what_it_took(
    queue: QueueUnderTest, client: Redis
) -> None:
    """An idle worker sleeps in such a read; the job that ends it must not begin."""
    got: list[object] = []

    async def sleep() -> None:
        got.append(await taken_in_sleep(client, queue.keys, "one", block_ms=10_000))

    async with anyio.create_task_group() as sleeping:
        sleeping.start_soon(sleep)
        await wait_until(_is_blocked(client), "the read sleeps at the server")
        await queue.pause()
        await queue.add(job(id="a"))

    assert got == [None]
    assert (await queue.look("a")).state is State.READY
    assert await queue.fetch("two") == []
    await queue.resume()
    assert (await queue.fetch_one("two")).id == "a"


def _is_blocked(client: Redis) -> Callable[[], Awaitable[bool]]:
    async def blocked() -> bool:
        return bool((await client.info("clients"))["blocked_clients"])

    return blocked


async def test_an_idle_worker_of_a_queue_that_is_paused_in_part_reads_the_rest(
    queue: QueueUnderTest, client: Redis
) -> None:
    await queue.pause(Priority.CRITICAL)
    await queue.add(
        job(id="urgent", priority=Priority.CRITICAL), job(id="low", priority=Priority.LOW)
    )

    one = await taken_in_sleep(client, queue.keys, "one", block_ms=1, levels=LEVELS[1:])

    assert one is not None
    assert one.id == "low"
    assert await queue.pending(Priority.CRITICAL) == []


async def test_who_paused_first_stays_on_record_level_by_level(queue: QueueUnderTest) -> None:
    await queue.pause(Priority.LOW, by="ada", reason="the disk is full")

    assert await queue.pause(by="bob") == {*LEVELS} - {Priority.LOW}

    gate = await read_gate(queue.client, queue.keys)
    assert gate.is_paused
    assert {level: stop.by for level, stop in gate.paused.items()} == {
        **dict.fromkeys(LEVELS, "bob"),
        Priority.LOW: "ada",
    }
    assert gate.paused[Priority.LOW].reason == "the disk is full"
    assert "low paused since 20" in str(gate)
    assert "by ada (the disk is full)" in str(gate)
    assert await queue.pause(by="eve") == set()
    assert await queue.resume(Priority.LOW) == {Priority.LOW}
    assert set((await read_gate(queue.client, queue.keys)).paused) == {*LEVELS} - {Priority.LOW}


async def test_a_queue_that_drains_takes_no_new_job_and_finishes_what_it_has(
    queue: QueueUnderTest,
) -> None:
    await queue.add(job(id="a"), job(id="later", delay_ms=60_000, unique="u"))
    assert await drain(queue.server, queue.keys, by="ada", reason="moving house")
    assert not await drain(queue.server, queue.keys, by="bob")

    [new, again, taken] = await queue.add(job(id="b"), job(id="a"), job(id="c", unique="u"))

    assert new.acceptance is Acceptance.CLOSED
    assert new.stop is not None
    assert (new.stop.by, new.stop.reason) == ("ada", "moving house")
    assert again.acceptance is Acceptance.EXISTS, "a repeated call learns of its job"
    assert (taken.acceptance, taken.id) == (Acceptance.UNIQUE_TAKEN, "later")
    await queue.settle(await queue.fetch_one(), Verdict.RETRY, delay_ms=60_000)
    await queue.make_due("a", "later")
    assert (await queue.promote())[0] == 2
    assert len(await queue.fetch()) == 2

    assert await reopen(queue.server, queue.keys)
    assert not await reopen(queue.server, queue.keys)
    assert (await queue.add(job(id="b")))[0].is_new


async def test_what_is_stopped_survives_a_restart_and_stands_in_the_report(
    own_server: EmbeddedServer,
) -> None:
    async with Redis.from_url(own_server.url) as client:
        queue = QueueUnderTest(client)
        await queue.open()
        await queue.pause(by="ada")
        await drain(queue.server, queue.keys, by="bob")
        own_server.kill()
        own_server.restart()
    async with Redis.from_url(own_server.url) as client:
        gate = (await inspect_queue(client, queue.keys)).gate

    assert gate.is_paused
    assert gate.draining is not None
    assert (gate.paused[Priority.LOW].by, gate.draining.by) == ("ada", "bob")


@pytest.mark.parametrize(("by", "reason"), [("a" * 101, ""), ("", "a" * 201), ("a\n", "")])
async def test_names_and_reasons_have_a_bound_and_no_control_characters(
    queue: QueueUnderTest, by: str, reason: str
) -> None:
    before = await queue.contents()

    with pytest.raises(InvalidJobError, match="printable characters"):
        await pause(queue.server, queue.keys, by=by, reason=reason)
    with pytest.raises(InvalidJobError, match="printable characters"):
        await drain(queue.server, queue.keys, by=by, reason=reason)

    assert await queue.contents() == before


def test_a_gate_in_words_says_nothing_where_nothing_is_stopped() -> None:
    stop = Stop("ada", "", 0)

    assert str(Gate()) == ""
    assert str(Gate(dict.fromkeys(LEVELS, stop))) == "paused since 1970-01-01 00:00:00 UTC by ada"
    assert "low paused" in str(Gate({Priority.LOW: stop}))
    assert str(Gate(draining=stop)).startswith("draining since")
