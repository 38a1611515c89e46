"""Scripts touch the keys that they declare, and no other.

Each call runs as a user who may touch exactly its declared keys: the server itself refuses
what is undeclared. On Redis Cluster such a key may live on another node.
"""

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import redis
from redis import asyncio as aioredis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ResponseError

from streams.audit.audit import _Audit
from streams.audit.places import places_of
from streams.cancel import Cancellation
from streams.dead import purge
from streams.delayed import _PROMOTE, _row, promote_due
from streams.doctor.queue import take_queue_vitals
from streams.embedded import EmbeddedServer
from streams.errors import UnknownJobError
from streams.events import ALL_JOBS, glance, tell_started, watch
from streams.gate import drain, reopen
from streams.hurry import hurry
from streams.job import ALONE_LOSSES_MAX, SUSPECT_LOSSES
from streams.keys import GROUP, Keys
from streams.listing import list_jobs
from streams.priority import LEVELS, Priority
from streams.progress import note_progress
from streams.remove import remove
from streams.renew import Renewal
from streams.replay import Replayed
from streams.schedules import (
    Ticked,
    fire,
    put_schedule,
    read_schedule,
    read_timetable,
    suspend,
    unschedule,
)
from streams.scripts.loader import Call, Script
from streams.server import BlockingServer, Server, server_facts
from streams.settle import Outcome, Settled, Verdict
from streams.state import State
from streams.why.explain import why
from streams.workers import retire
from tests.support.queues import RETENTION, QueueUnderTest, job, row

USER = "tester"
VERDICTS = list(Verdict)
#: The next loss is the end.
TO_THE_BRINK = SUSPECT_LOSSES + ALONE_LOSSES_MAX - 1


def rules(call: Call) -> list[str]:
    """What the user may touch during *call*: its keys, none of them read as a pattern."""
    special = str.maketrans({char: f"\\{char}" for char in "\\*?[]"})
    return [
        "ACL",
        "SETUSER",
        USER,
        "resetkeys",
        *(f"~{key.translate(special)}" for key in call.keys),
    ]


class OnlyDeclaredKeys(Server):
    """Runs each script as a user who may touch only the keys of the call."""

    def __init__(self, client: aioredis.Redis, restricted: aioredis.Redis) -> None:
        super().__init__(client)
        self._restricted = restricted

    async def _send(self, call: Call) -> Any:
        admin: Any = self.client
        await admin.execute_command(*rules(call))
        sha = call.script.sha(shebang=bool(self._shebang))
        return await self._restricted.evalsha(sha, len(call.keys), *call.keys, *call.args)


class BlockingOnlyDeclaredKeys(BlockingServer):
    """The same for threads."""

    def _send(self, call: Call) -> Any:
        admin: Any = self.client
        admin.execute_command(*rules(call))
        sha = call.script.sha(shebang=bool(self._shebang))
        kwargs = admin.connection_pool.connection_kwargs
        place = {"host": kwargs["host"], "port": kwargs["port"]}
        with redis.Redis(**place, username=USER, password=USER) as restricted:
            return restricted.evalsha(sha, len(call.keys), *call.keys, *call.args)


@pytest.fixture
async def queue(own_server: EmbeddedServer) -> AsyncIterator[QueueUnderTest]:
    """A queue whose scripts run restricted."""
    retry = Retry(NoBackoff(), 0)
    async with aioredis.Redis.from_url(own_server.url, retry=retry) as client:
        facts = await server_facts(client)
        if facts.release < (7, 0):
            pytest.skip(f"Redis {facts.version} does not check the keys inside of scripts by user")
        admin: Any = client
        await admin.execute_command("ACL", "SETUSER", USER, "on", f">{USER}", "+@all")
        async with aioredis.Redis(
            port=own_server.port, username=USER, password=USER, retry=retry
        ) as restricted:
            queue = QueueUnderTest(
                client,
                server=OnlyDeclaredKeys(client, restricted),
                blocking_server=BlockingOnlyDeclaredKeys,
            )
            await queue.open()
            yield queue


@pytest.mark.parametrize(
    "body",
    [
        "redis.call('SET', KEYS[1] .. 'x', 1)",
        "redis.call('GET', 'millstream:{test:0}:counters')",
        "redis.call('XLEN', 'other')",
    ],
)
async def test_a_script_that_touches_an_undeclared_key_is_found_out(
    queue: QueueUnderTest, body: str
) -> None:
    """So that the other tests here mean something."""
    script = Script("bad", ("key",), (), (), (), (), body)

    with pytest.raises(ResponseError, match="can't access at least one of the keys"):
        await queue.server.run(script, keys={"key": queue.keys.delayed}, args={})


async def test_enqueue(queue: QueueUnderTest) -> None:
    answers = await queue.add(
        *(job(id=level.value, priority=level) for level in LEVELS),
        job(id="a[*]?\\"),
        job(id="later", delay_ms=60_000),
        job(id="timed", unique="t", unique_ttl_ms=60_000),
        job(id="unique", unique="u"),
        job(id="taken", unique="u"),
        job(id="later"),
        job(id="full"),
        length_max=8,
    )

    assert [each.acceptance.value for each in answers] == [1, 1, 1, 1, 1, 2, 1, 1, 4, 3, 5]


async def test_fetch_with_turns_and_entries_that_were_handed_back(queue: QueueUnderTest) -> None:
    for level in LEVELS:
        await queue.add(*(job(priority=level) for _ in range(6)))
    held = await queue.fetch(slots=3)
    for delivery in held:
        await queue.settle(delivery, Verdict.RELEASED)
    await queue.client.xdel(queue.stream(held[0].token), held[0].token.entry)

    taken = await queue.fetch("two", slots=12, served=8)
    await queue.settle(taken[0], Verdict.RELEASED)
    all_handed_back = await queue.fetch("two", slots=2, served=8)

    assert {each.token.level for each in taken} == {1, 2, 3}
    assert len(taken) == 12
    assert taken[0].id in {each.id for each in all_handed_back}
    assert await queue.fetch("two", slots=0) == []


@pytest.mark.parametrize("deleted", [False, True], ids=["", "body lost"])
@pytest.mark.parametrize("wanted", [False, True], ids=["", "cancel wanted"])
async def test_settle(queue: QueueUnderTest, *, deleted: bool, wanted: bool) -> None:
    await queue.add(
        *(job(id=f"{n}", unique=f"u-{n}", priority=LEVELS[n % 4]) for n in range(len(VERDICTS) + 1))
    )
    held = {each.id: each for each in await queue.fetch()}
    for name, delivery in held.items():
        if wanted:
            await queue.cancel(name)
        if deleted:
            await queue.client.xdel(queue.stream(delivery.token), delivery.token.entry)
    lost = held[str(len(VERDICTS))]
    outcomes = [
        Outcome(held[str(n)], verdict, b'"x"', row(1)) for n, verdict in enumerate(VERDICTS)
    ]
    await queue.client.xack(queue.stream(lost.token), "millstream", lost.token.entry)
    lost_outcome = Outcome(lost, Verdict.COMPLETED)

    answers = await queue.settle_all([*outcomes, lost_outcome, *outcomes])
    repeated = await queue.settle_all(outcomes)

    count = len(VERDICTS)
    assert answers[:count] == [Settled.RECORDED] * count
    assert answers[count] is Settled.LOST
    assert {*answers[count + 1 :], *repeated} == {Settled.REPEATED}


async def test_settle_with_a_history_that_is_cut(queue: QueueUnderTest) -> None:
    await queue.add(job(id="a", attempts_max=1000))
    await queue.client.rpush(queue.keys.history("a"), *(row(n) for n in range(50)))

    assert await queue.settle(await queue.fetch_one(), Verdict.RETRY) is Settled.RECORDED
    assert len((await queue.look("a")).history) == 50


async def test_claim(queue: QueueUnderTest) -> None:
    names = ("claimed", "poison", "deleted", "back", "alive", "own")
    await queue.add(*(job(id=name, unique=name) for name in names))
    await queue.add_raw({"kind": "a", "payload": "{}"})
    held = {each.id: each for each in await queue.fetch()}
    poison = await queue.lose(held.pop("poison"), TO_THE_BRINK)
    await queue.settle(held.pop("back"), Verdict.RELEASED)
    await queue.lapse(poison, *(each for name, each in held.items() if name != "alive"))
    await queue.client.xdel(queue.stream(poison.token), held["deleted"].token.entry)
    found = await queue.sweep()
    await queue.renew(held["own"])

    claimed = await queue.claim("three", found)

    assert {each.id for each in claimed.deliveries} == {"claimed", "back", "normal-" + _raw(held)}
    assert {letter.cause for letter in await queue.letters()} == {"poison", "body lost"}
    await queue.lapse(*claimed.deliveries)
    assert len((await queue.claim("three")).deliveries) == 3


@pytest.mark.parametrize("cause", ["", "killed by SIGKILL"])
async def test_abandon(queue: QueueUnderTest, cause: str) -> None:
    names = ("back", "suspect", "poison", "deleted")
    await queue.add(*(job(id=name, unique=name) for name in names))
    held = {each.id: each for each in await queue.fetch()}
    await queue.lose(held["poison"], TO_THE_BRINK)
    await queue.lose(held["suspect"], 2)
    await queue.client.xdel(queue.stream(held["back"].token), held["deleted"].token.entry)
    owners = {owner for _, owner, _ in await queue.pending()}

    abandoned = [await queue.abandon(owner, cause=cause) for owner in sorted(owners)]

    assert sum(len(part.dead) for part in abandoned) == (2 if cause else 1)
    assert sum(len(part.handed_back) for part in abandoned) == (2 if cause else 3)


def _raw(held: dict[str, Any]) -> str:
    [name] = [name for name in held if name.startswith("normal-")]
    return name.removeprefix("normal-")


async def test_claim_where_streams_are_gone(queue: QueueUnderTest) -> None:
    await queue.client.delete(*queue.keys.streams.values())

    assert (await queue.claim("two")).deliveries == []


async def test_where_the_groups_are_gone(queue: QueueUnderTest) -> None:
    await queue.add(job(id="a"), job(id="b"))
    held = await queue.fetch()
    await queue.lapse(*held)
    found = await queue.sweep()
    await queue.client.xgroup_destroy(queue.keys.stream(Priority.NORMAL), GROUP)

    assert await queue.settle(held[0], Verdict.COMPLETED) is Settled.LOST
    assert (await queue.renew(*held)).lost == {each.token for each in held}
    assert (await queue.claim("two", found)).deliveries == []
    assert (await queue.look("a")).state is State.READY
    assert await queue.cancel("a") is Cancellation.CANCELLED


async def test_renew(queue: QueueUnderTest) -> None:
    await queue.add(*(job(id=name) for name in ("kept", "asked", "lost", "deleted")))
    kept, asked, lost, deleted = await queue.fetch()
    await queue.cancel("asked")
    await queue.settle(lost, Verdict.COMPLETED)
    await queue.client.xdel(queue.stream(deleted.token), deleted.token.entry)

    renewal = await queue.renew(kept, asked, lost, deleted)

    assert renewal == Renewal(frozenset({lost.token}), frozenset({asked.token}))


async def test_promote(queue: QueueUnderTest) -> None:
    await queue.add(
        *(job(id=name, delay_ms=60_000) for name in ("due", "deleted", "later", "gone"))
    )
    await queue.make_due("due", "deleted", "gone")
    await queue.client.delete(queue.keys.body("deleted"), queue.keys.job("gone"))

    moved, wait_ms = await queue.promote()

    assert (moved, wait_ms is not None) == (2, True)
    assert await promote_due(queue.server, Keys("empty"), RETENTION) == (0, None)


async def test_promote_what_is_not_due_any_more(queue: QueueUnderTest) -> None:
    """Another worker was faster, or a canceller."""
    await queue.add(job(id="later", delay_ms=60_000))
    names = ["later", "nobody", "later"]

    codes = await queue.server.run(
        _PROMOTE,
        keys={
            **queue.keys.streams,
            "delayed": queue.keys.delayed,
            "dead": queue.keys.dead,
            "events": queue.keys.events,
            "watchers": queue.keys.watchers,
            "counters": queue.keys.counters,
        },
        args={"ended_ttl_ms": 1, "dead_ttl_ms": 1},
        rows=[_row(queue.keys, name, "") for name in names],
    )

    assert codes == [0, 0, 0]


async def test_cancel(queue: QueueUnderTest) -> None:
    await queue.add(job(id="runs"), job(id="back", priority=Priority.LOW))
    _, back = await queue.fetch()
    await queue.settle(back, Verdict.RELEASED)
    await queue.add(job(id="waits", unique="u"), job(id="later", delay_ms=60_000, unique="v"))

    answers = {name: await queue.cancel(name) for name in ("runs", "back", "waits", "later", "no")}

    assert answers == {
        "runs": Cancellation.ASKED,
        "back": Cancellation.CANCELLED,
        "waits": Cancellation.CANCELLED,
        "later": Cancellation.CANCELLED,
        "no": Cancellation.UNKNOWN,
    }
    assert await queue.cancel("waits") is Cancellation.ENDED


async def test_reprioritise(queue: QueueUnderTest) -> None:
    await queue.add(job(id="runs"))
    await queue.fetch_one()
    await queue.add(job(id="waits"), job(id="hollow"), job(id="later", delay_ms=60_000))
    [_, _, hollow] = await queue.entries()
    await queue.client.xdel(queue.keys.stream(Priority.NORMAL), hollow)

    answers = {
        name: (await queue.reprioritise(name, Priority.HIGH)).value
        for name in ("no", "waits", "later", "runs", "hollow")
    }

    assert answers == {"no": 0, "waits": 1, "later": 1, "runs": 3, "hollow": 5}
    assert (await queue.reprioritise("waits", Priority.HIGH)).value == 2
    await queue.cancel("waits")
    assert (await queue.reprioritise("waits", Priority.LOW)).value == 4


async def test_list_clear_and_remove(queue: QueueUnderTest) -> None:
    await queue.add(*(job(id=f"{n}", unique=f"{n}") for n in range(6)))
    runs, back, suspect, dead = await queue.fetch(slots=4)
    await queue.settle(await queue.lose(suspect, 2), Verdict.RELEASED)
    await queue.settle(back, Verdict.RELEASED)
    await queue.settle(dead, Verdict.DEAD, detail="x")
    await queue.add(*(job(id=name, delay_ms=60_000) for name in ("later", "latest")))

    removed = [await remove(queue.server, queue.keys, name) for name in ("4", "later", "3", "0")]

    assert [each.value for each in removed] == [1, 1, 1, 2]
    for state in (State.READY, State.DELAYED, State.RUNNING):
        page = await list_jobs(queue.server, queue.keys, state, limit=1)
        if page.next_cursor:
            await list_jobs(queue.server, queue.keys, state, cursor=page.next_cursor)
    assert (await queue.clear()).cancelled == 4
    assert (await queue.clear(State.RUNNING)).asked == 1
    assert runs.id == "0"


async def test_pause_and_drain(queue: QueueUnderTest) -> None:
    await queue.add(job(id="a"))
    assert await queue.pause() == {*LEVELS}
    assert await queue.fetch() == []
    assert await queue.resume(Priority.NORMAL) == {Priority.NORMAL}
    held = await queue.fetch_one()
    assert await queue.pause() == {Priority.NORMAL}
    await queue.lapse(held)
    assert (await queue.claim("two")).deliveries == []
    assert await queue.resume() == {*LEVELS}
    assert await drain(queue.server, queue.keys)
    assert not (await queue.add(job(id="b")))[0].is_new
    assert await reopen(queue.server, queue.keys)


async def test_hurry(queue: QueueUnderTest) -> None:
    await queue.add(job(id="runs"))
    await queue.fetch_one()
    await queue.add(job(id="waits"), job(id="later", delay_ms=60_000), job(id="over"))
    await queue.cancel("over")
    names = ("no", "waits", "later", "runs", "over")

    moved = await hurry(queue.server, queue.keys, [(name, Priority.HIGH) for name in names])

    assert moved == [False, True, True, False, False]
    assert await hurry(queue.server, queue.keys, [("waits", Priority.NORMAL)]) == [False]


async def test_replay_and_purge(queue: QueueUnderTest) -> None:
    await queue.add(*(job(id=name) for name in ("kept", "expired", "live", "bare", "purged")))
    for delivery in await queue.fetch():
        if delivery.id == "bare":
            await queue.client.xdel(queue.stream(delivery.token), delivery.token.entry)
        await queue.settle(delivery, Verdict.DEAD, detail="x")
    letters = {letter.id: letter for letter in await queue.letters()}
    await queue.client.delete(queue.keys.job("expired"), queue.keys.history("expired"))
    rows = tuple({"attempt": number} for number in range(51))
    letters["expired"] = replace(letters["expired"], history=rows)
    await queue.client.delete(queue.keys.job("live"))
    await queue.add(job(id="live"))

    answers = {
        name: await queue.replay(letters[name]) for name in ("kept", "expired", "live", "bare")
    }

    assert answers == {
        "kept": Replayed.READY,
        "expired": Replayed.READY,
        "live": Replayed.LIVE,
        "bare": Replayed.BODY_LOST,
    }
    assert await queue.replay(letters["kept"]) is Replayed.UNKNOWN
    assert await purge(queue.server, queue.keys, list(letters.values())) == 3


async def test_schedules(queue: QueueUnderTest) -> None:
    server, keys = queue.server, queue.keys
    await put_schedule(server, keys, "a", b"{}", times="t")
    seen, now_ms = await read_schedule(server, keys, "a")
    answers = [
        await fire(server, keys, replace(seen, job=last), new, tick_ms=now_ms, overlap=False)
        for last, new in (("", job(id="one", unique="slot")), ("one", job(id="two")))
    ]

    assert [ticked for ticked, _ in answers] == [Ticked.READY, Ticked.OLD_PLAN]
    moved = replace(seen, job="one", last_ms=now_ms)
    answer = await fire(server, keys, moved, job(id="two"), tick_ms=now_ms, overlap=False)
    assert answer == (Ticked.OVERLAP, "one")
    assert await suspend(server, keys, "a", paused=True)
    await unschedule(server, keys, "a")
    assert (await read_timetable(server, keys)).schedules == ()


async def test_everything_while_all_is_watched(queue: QueueUnderTest) -> None:
    server, keys = queue.server, queue.keys
    await watch(server, keys, [ALL_JOBS])
    await queue.add(*(job(id=verdict.value, unique=verdict.value) for verdict in VERDICTS))
    await queue.add(job(id="soon", delay_ms=1_000), job(id="lost"), job(id="killed"))
    *held, lost, _killed = await queue.fetch()
    await tell_started(server, keys, held)
    assert await note_progress(server, keys, held[0], 0.5)
    for delivery in held:
        await queue.settle(delivery, Verdict(delivery.id))
    await queue.lapse(lost)
    assert [each.id for each in (await queue.claim()).deliveries] == ["released", "lost"]
    await queue.abandon(cause="killed by SIGKILL")
    await queue.cancel("lost")
    await queue.cancel("soon")
    await queue.make_due("retry")
    await queue.promote()
    await queue.replay(await queue.letter("dead"))

    place, seen = await glance(server, keys, ["lost", "nobody"])

    found: Any = await queue.client.xrange(keys.events)
    told = Counter(fields[b"event"].decode() for _, fields in found)
    assert place.ms > 0
    assert told == {
        "enqueued": len(VERDICTS) + 3,
        "started": len(held) + 2,
        "lost": 2,
        "retried": 1,
        "promoted": 4,
        "cancelled": 3,
        **dict.fromkeys(("progress", "completed", "parked", "snoozed", "crashed"), 1),
        **dict.fromkeys(("released", "dead", "cancel_asked", "replayed"), 1),
    }
    assert [each and each.state for each in seen] == [State.RUNNING, None]


async def test_look(queue: QueueUnderTest) -> None:
    await queue.add(job(id="runs"), job(id="waits"))
    await queue.fetch_one()

    assert (await queue.look("runs")).state is State.RUNNING
    assert (await queue.look("waits")).state is State.READY
    with pytest.raises(UnknownJobError):
        await queue.look("nobody")


async def test_retire(queue: QueueUnderTest) -> None:
    await queue.add(job(), job())
    await queue.settle(await queue.fetch_one("done"), Verdict.COMPLETED)
    await queue.fetch_one("busy")
    await queue.renew(consumer="done")

    assert await retire(queue.server, queue.keys, ["done", "busy", "nobody"]) == ["done", "nobody"]
    await queue.client.delete(*queue.keys.streams.values())
    assert await retire(queue.server, queue.keys, ["busy"]) == ["busy"]


async def test_why_doctor_and_audit(queue: QueueUnderTest) -> None:
    await queue.add(
        job(id="waits", unique="slot"), job(id="runs"), job(id="later", delay_ms=60_000)
    )
    await queue.fetch_one()

    for job_id in ("waits", "runs", "later", "normal-1-0"):
        assert (await why(queue.server, queue.keys, job_id)).id == job_id
    assert (await take_queue_vitals(queue.server, queue.keys)).groupless == ()
    assert (await places_of(queue.server, queue.keys, "runs", {(3, "1-0")})).state is State.READY
    report = await _Audit(queue.server, queue.keys, lambda _what, _count: None).run()
    assert (report.is_clean, report.seen["entries"]) == (True, 2)
