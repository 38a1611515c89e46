"""A script that breaks off after any of its writes loses no job, and the same call heals it.

Row 33 of the failure table. Redis does not roll a script back: what it has written stays. So
each script here is broken off after its first write, after its second one, and so on.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from streams.dead import purge
from streams.hurry import hurry
from streams.job import ALONE_LOSSES_MAX, SUSPECT_LOSSES
from streams.priority import Priority
from streams.progress import note_progress
from streams.remove import remove
from streams.schedules import fire, put_schedule, read_schedule
from streams.scripts.loader import Arg, Row, Script
from streams.server import BlockingServer, Server
from streams.settle import Outcome, Verdict
from streams.state import State
from streams.workers import retire
from tests.support.queues import QueueUnderTest, job, row

pytestmark = pytest.mark.leaves_jobs

#: Stands between a script and Redis; raises after the write of this number.
_BROKEN = """
local real_redis, writes_left = redis, {after}
local WRITES = {{ XADD = 1, XACK = 1, XDEL = 1, XCLAIM = 1, XAUTOCLAIM = 1, XREADGROUP = 1,
  HSET = 1, HDEL = 1, HINCRBY = 1, SET = 1, DEL = 1, ZADD = 1, ZREM = 1, SADD = 1, SREM = 1,
  RPUSH = 1, LSET = 1, LREM = 1, PEXPIRE = 1, PERSIST = 1, XGROUP = 1 }}
local function counted(name, answer)
  if WRITES[name] then
    writes_left = writes_left - 1
    if writes_left == 0 then error('broken off') end
  end
  return answer
end
local redis = {{
  call = function(name, ...) return counted(name, real_redis.call(name, ...)) end,
  pcall = function(name, ...) return counted(name, real_redis.pcall(name, ...)) end,
}}
"""
#: The next loss is the end.
BRINK = SUSPECT_LOSSES + ALONE_LOSSES_MAX - 1
#: More writes than any of the calls here has.
WRITES_MAX = 60


def broken(script: Script, after: int) -> Script:
    """*script*, with an error after so many writes; itself where that is 0."""
    return replace(script, text=_BROKEN.format(after=after) + script.text) if after else script


class BreakingServer(Server):
    """Breaks scripts off, if told to."""

    after = 0

    async def run(
        self,
        script: Script,
        keys: Mapping[str, str],
        args: Mapping[str, Arg],
        rows: Sequence[Row] = (),
    ) -> Any:
        return await super().run(broken(script, self.after), keys, args, rows)


class BlockingBreakingServer(BlockingServer):
    """The same for threads: all of them are broken off after the same write."""

    after = 0

    def run(
        self,
        script: Script,
        keys: Mapping[str, str],
        args: Mapping[str, Arg],
        rows: Sequence[Row] = (),
    ) -> Any:
        return super().run(broken(script, self.after), keys, args, rows)


@pytest.fixture
async def queue(client: Redis) -> QueueUnderTest:
    """A queue whose scripts can be broken off."""
    return QueueUnderTest(
        client, server=BreakingServer(client), blocking_server=BlockingBreakingServer
    )


def break_after(queue: QueueUnderTest, writes: int) -> None:
    """Break each script off after so many writes; none with 0."""
    assert isinstance(queue.server, BreakingServer)
    queue.server.after = BlockingBreakingServer.after = writes


Call = Callable[[], Awaitable[object]]
#: Prepares a queue with the job `a`, and returns the call that is to be broken off.
Scene = Callable[[QueueUnderTest], Awaitable[Call]]


async def enqueue_ready(queue: QueueUnderTest) -> Call:
    return lambda: queue.add(job(id="a", unique="u", unique_ttl_ms=60_000))


async def enqueue_delayed(queue: QueueUnderTest) -> Call:
    return lambda: queue.add(job(id="a", delay_ms=60_000, unique="u"))


async def fire_tick(queue: QueueUnderTest) -> Call:
    await put_schedule(queue.server, queue.keys, "s", b"{}", times="t")
    seen, _now_ms = await read_schedule(queue.server, queue.keys, "s")
    return lambda: fire(
        queue.server,
        queue.keys,
        seen,
        job(id="a", unique="u"),
        tick_ms=seen.last_ms + 60_000,
        overlap=False,
    )


async def fetch_new(queue: QueueUnderTest) -> Call:
    await queue.add(job(id="a"))
    return queue.fetch


async def fetch_handed_back(queue: QueueUnderTest) -> Call:
    await queue.add(job(id="a"))
    await queue.settle(await queue.fetch_one(), Verdict.RELEASED)
    return queue.fetch


def settle_as(verdict: Verdict, *, losses: int = 0, wanted: bool = False) -> Scene:
    async def scene(queue: QueueUnderTest) -> Call:
        await queue.add(job(id="a", unique="u"))
        delivery = await queue.lose(await queue.fetch_one(), losses)
        if wanted:
            await queue.cancel("a")
        return lambda: queue.settle(delivery, verdict, detail=b'"x"', delay_ms=60_000)

    scene.__name__ = f"settle_{verdict.value}_{losses}{'_wanted' * wanted}"
    return scene


def claim_after(losses: int, *, wanted: bool = False) -> Scene:
    async def scene(queue: QueueUnderTest) -> Call:
        await queue.add(job(id="a", unique="u"))
        await queue.lapse(await queue.lose(await queue.fetch_one(), losses))
        if wanted:
            await queue.cancel("a")
        return lambda: queue.claim("two")

    scene.__name__ = f"claim_{losses}{'_wanted' * wanted}"
    return scene


def abandon_after(losses: int, cause: str) -> Scene:
    async def scene(queue: QueueUnderTest) -> Call:
        await queue.add(job(id="a", unique="u"))
        held = await queue.lose(await queue.fetch_one(), losses)
        return lambda: queue.abandon(held.token.consumer, cause=cause)

    scene.__name__ = f"abandon_{losses}_{cause}"
    return scene


async def renew_lease(queue: QueueUnderTest) -> Call:
    await queue.add(job(id="a"))
    held = await queue.fetch_one()
    return lambda: queue.renew(held)


async def say_progress(queue: QueueUnderTest) -> Call:
    await queue.add_raw({"kind": "a", "payload": "{}", "id": "a"})
    held = await queue.fetch_one()
    return lambda: note_progress(queue.server, queue.keys, held, 0.5)


async def promote_due(queue: QueueUnderTest) -> Call:
    await queue.add(job(id="a", delay_ms=60_000, unique="u"))
    await queue.make_due("a")
    return queue.promote


async def promote_without_body(queue: QueueUnderTest) -> Call:
    await queue.add(job(id="a", delay_ms=60_000, unique="u"))
    await queue.make_due("a")
    await queue.client.delete(queue.keys.body("a"))
    return queue.promote


async def promote_expired(queue: QueueUnderTest) -> Call:
    await queue.add(job(id="a", delay_ms=60_000, unique="u", expires_ms=1))
    await queue.make_due("a")
    return queue.promote


async def cancel_ready(queue: QueueUnderTest) -> Call:
    await queue.add(job(id="a", unique="u"))
    return lambda: queue.cancel("a")


async def cancel_delayed(queue: QueueUnderTest) -> Call:
    await queue.add(job(id="a", delay_ms=60_000, unique="u"))
    return lambda: queue.cancel("a")


async def cancel_running(queue: QueueUnderTest) -> Call:
    await queue.add(job(id="a"))
    await queue.fetch_one()
    return lambda: queue.cancel("a")


async def reprioritise_ready(queue: QueueUnderTest) -> Call:
    await queue.add(job(id="a", unique="u"))
    return lambda: queue.reprioritise("a", Priority.HIGH)


async def hurry_ready(queue: QueueUnderTest) -> Call:
    await queue.add(job(id="a", unique="u"))
    return lambda: hurry(queue.server, queue.keys, [("a", Priority.HIGH)])


async def reprioritise_delayed(queue: QueueUnderTest) -> Call:
    await queue.add(job(id="a", unique="u", delay_ms=60_000))
    return lambda: queue.reprioritise("a", Priority.HIGH)


async def clear_ready(queue: QueueUnderTest) -> Call:
    await queue.add(job(id="a", unique="u"))
    return queue.clear


async def clear_delayed(queue: QueueUnderTest) -> Call:
    await queue.add(job(id="a", unique="u", delay_ms=60_000))
    return queue.clear


async def remove_ready(queue: QueueUnderTest) -> Call:
    await queue.add(job(id="a", unique="u"))
    return lambda: remove(queue.server, queue.keys, "a")


async def remove_delayed(queue: QueueUnderTest) -> Call:
    await queue.add(job(id="a", unique="u", delay_ms=60_000))
    return lambda: remove(queue.server, queue.keys, "a")


async def remove_dead(queue: QueueUnderTest) -> Call:
    await replay_dead(queue)
    return lambda: remove(queue.server, queue.keys, "a")


async def replay_dead(queue: QueueUnderTest) -> Call:
    await queue.add(job(id="a", unique="u"))
    await queue.settle(await queue.fetch_one(), Verdict.DEAD, detail="x")
    letter = await queue.letter("a")
    return lambda: queue.replay(letter)


async def purge_dead(queue: QueueUnderTest) -> Call:
    await queue.add(job(id="a"))
    await queue.settle(await queue.fetch_one(), Verdict.DEAD, detail="x")
    letter = await queue.letter("a")
    return lambda: purge(queue.server, queue.keys, [letter])


async def retire_consumer(queue: QueueUnderTest) -> Call:
    await queue.add(job(id="a"))
    await queue.fetch_one("busy")
    await queue.client.xgroup_createconsumer(queue.keys.stream(Priority.LOW), "millstream", "idle")
    return lambda: retire(queue.server, queue.keys, ["busy", "idle"])


SCENES: list[Scene] = [
    enqueue_ready,
    enqueue_delayed,
    fire_tick,
    fetch_new,
    fetch_handed_back,
    *(settle_as(verdict) for verdict in Verdict),
    settle_as(Verdict.CRASHED, losses=3),
    settle_as(Verdict.RELEASED, losses=2),
    settle_as(Verdict.RETRY, losses=2),
    settle_as(Verdict.RETRY, wanted=True),
    claim_after(0),
    claim_after(BRINK),
    claim_after(BRINK, wanted=True),
    abandon_after(0, ""),
    abandon_after(2, "killed by SIGKILL"),
    abandon_after(BRINK, "killed by SIGKILL"),
    renew_lease,
    say_progress,
    promote_due,
    promote_without_body,
    promote_expired,
    cancel_ready,
    cancel_delayed,
    cancel_running,
    reprioritise_ready,
    reprioritise_delayed,
    clear_ready,
    clear_delayed,
    remove_ready,
    remove_delayed,
    remove_dead,
    hurry_ready,
    hurry_ready,
    replay_dead,
    purge_dead,
    retire_consumer,
]


#: What takes a job away with its record.
GOING = (purge_dead, remove_ready, remove_delayed, remove_dead)


async def places(queue: QueueUnderTest) -> list[str]:
    """Where the job `a` is, as the structures say; the record counts where it has ended."""
    found: list[str] = []
    for name, stream in queue.keys.streams.items():
        found += [name] * await queue.client.xlen(stream)
    if await queue.client.zscore(queue.keys.delayed, "a") is not None:
        found.append("delayed")
    found += ["dead" for letter in await queue.letters() if letter.id == "a"]
    state = (await queue.record("a")).get("state", "")
    return found + [state] * (state in {State.COMPLETED, State.CANCELLED})


async def drain(queue: QueueUnderTest) -> None:
    """Run what there is to its end, whoever has it."""
    for _ in range(20):
        delayed: Any = await queue.client.zrange(queue.keys.delayed, 0, -1)
        await queue.make_due(*(each.decode() for each in delayed))
        await queue.promote()
        owners = {owner for _, owner, _ in await queue.pending()}
        for owner in owners - {"-", "-!"}:
            await queue.abandon(owner)
        held = [*await queue.fetch("last"), *(await queue.claim("last")).deliveries]
        await queue.settle_all(
            [Outcome(each, Verdict.COMPLETED, b"1", row(1)) for each in held], "last"
        )
        if not held and not delayed:
            return
    raise AssertionError("the queue is never empty")


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
async def test_a_script_that_breaks_off_loses_nothing_and_is_healed_by_the_same_call(
    queue: QueueUnderTest, scene: Scene
) -> None:
    """In at least one place after each write; and after the repetition it ends as it would have."""
    await queue.open()
    call = await scene(queue)
    await call()
    await drain(queue)
    end = (await queue.record("a")).get("state")
    for after in range(1, WRITES_MAX):
        await queue.client.flushdb()
        break_after(queue, 0)
        await queue.open()
        call = await scene(queue)
        accepted = bool(await places(queue))
        break_after(queue, after)
        try:
            await call()
        except ResponseError as error:
            if "broken off" not in str(error):
                raise
        else:
            assert after > 1, "this call writes nothing"
            return
        finally:
            break_after(queue, 0)
        if accepted and scene not in GOING:
            assert await places(queue), f"in no place after write {after}"

        await call()
        await drain(queue)

        record = await queue.record("a")
        if scene not in GOING:
            assert await places(queue), f"gone after write {after} and a repetition"
            assert record["state"] == end, f"another end after write {after}"
            assert await queue.client.ttl(queue.keys.job("a")) > 0
        assert await queue.client.exists(queue.keys.body("a"), queue.keys.delayed) == 0
        assert await queue.client.exists(queue.keys.unique("u")) == 0, f"taken after write {after}"
        assert await queue.client.exists(queue.keys.cancel) == 0, f"wanted after write {after}"
        assert not any([await queue.client.xlen(name) for name in queue.keys.streams.values()])
    raise AssertionError("it writes more often than was thought")


@pytest.mark.parametrize(("before", "after_it"), [(0, (1, 1)), (3, (4, 2))])
async def test_a_crash_that_was_recorded_in_part_is_charged_once(
    queue: QueueUnderTest, before: int, after_it: tuple[int, int]
) -> None:
    """Whether the job waits for its next run, or is dead of it."""
    for after in range(1, WRITES_MAX):
        await queue.client.flushdb()
        break_after(queue, 0)
        await queue.open()
        call = await settle_as(Verdict.CRASHED, losses=before)(queue)
        break_after(queue, after)
        try:
            await call()
        except ResponseError:
            break_after(queue, 0)
        else:
            return

        await call()

        view = await queue.look("a")
        assert (view.losses, view.solo) == after_it, f"broken off after write {after}"
        assert {letter.losses for letter in await queue.letters()} <= {after_it[0]}
    raise AssertionError("it writes more often than was thought")
