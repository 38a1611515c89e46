"""One queue on a real server, and short words for what a test does to it."""

from collections.abc import Callable, Sequence
from typing import Any

import orjson
import redis
from redis.asyncio import Redis

from streams.abandon import Abandoned, abandon, owned_rows
from streams.cancel import Cancellation, cancel
from streams.claim import Claimed, Lapsed, claim, sweep
from streams.clear import Cleared, clear
from streams.connection import open_blocking_client
from streams.dead import dead_letters, find_dead
from streams.delayed import promote_due
from streams.enqueue import Enqueued, enqueue
from streams.fetch import fetch
from streams.gate import pause, resume
from streams.groups import ensure_groups
from streams.job import Delivery, NewJob, Token
from streams.jobs import JobView, look
from streams.keys import GROUP, Keys
from streams.letter import DeadLetter
from streams.priority import LEVELS, Priority
from streams.renew import Renewal, renew
from streams.replay import Replayed, replay
from streams.reprioritise import Reprioritised, reprioritise
from streams.server import BlockingServer, Server
from streams.settle import Outcome, Retention, Settled, Verdict, settle
from streams.state import State

#: Longer than any test: a lease lapses when a test says so (`QueueUnderTest.lapse`).
RETENTION = Retention(lease_ms=600_000, ended_ttl_ms=600_000, dead_ttl_ms=900_000)


def row(number: int, outcome: str = "error") -> bytes:
    """A row of a history, as a worker writes it."""
    return orjson.dumps({"attempt": number, "outcome": outcome, "error": "E", "message": "m"})


def job(kind: str = "test.echo", payload: bytes = b"{}", **options: Any) -> NewJob:
    """A job that nothing is wrong with."""
    return NewJob(kind=kind, payload=payload, **options)


class QueueUnderTest:
    """One partition of one queue, its server, and the consumers that a test invents."""

    def __init__(
        self,
        client: Redis,
        name: str = "test",
        server: Server | None = None,
        blocking_server: Callable[[redis.Redis], BlockingServer] = BlockingServer,
    ) -> None:
        self.client = client
        self.keys = Keys(name)
        self.server = server or Server(client)
        self._blocking_server = blocking_server

    async def open(self) -> None:
        """Create the groups."""
        await ensure_groups(self.client, self.keys)

    async def add(self, *jobs: NewJob, length_max: int = 0) -> list[Enqueued]:
        """Enqueue."""
        return await enqueue(self.server, self.keys, jobs, length_max=length_max)

    async def add_raw(self, fields: dict[Any, Any], priority: Priority = Priority.NORMAL) -> str:
        """A plain XADD, as another service sends it; returns the entry."""
        entry: Any = await self.client.xadd(self.keys.stream(priority), dict(fields))
        return str(entry.decode())

    async def fetch(
        self, consumer: str = "one", *, slots: int = 100, served: int = 0
    ) -> list[Delivery]:
        """Take what is there."""
        found = await fetch(self.server, self.keys, consumer, slots=slots, served=served)
        return found.deliveries

    async def fetch_one(self, consumer: str = "one") -> Delivery:
        """Take the one job that is to come next."""
        [delivery] = await self.fetch(consumer, slots=1)
        return delivery

    async def settle(
        self,
        delivery: Delivery,
        verdict: Verdict,
        *,
        detail: bytes | str = "",
        attempt: bytes = b"",
        delay_ms: int = 0,
        retention: Retention = RETENTION,
    ) -> Settled:
        """End one delivery, as its own consumer."""
        outcome = Outcome(delivery, verdict, detail, attempt or row(delivery.attempt), delay_ms)
        [answer] = await settle(
            self.server, self.keys, delivery.token.consumer, [outcome], retention
        )
        return answer

    async def settle_all(
        self, outcomes: Sequence[Outcome], consumer: str = "one", retention: Retention = RETENTION
    ) -> list[Settled]:
        """End several deliveries of one consumer in one call."""
        return await settle(self.server, self.keys, consumer, outcomes, retention)

    async def renew(self, *held: Delivery, consumer: str = "one") -> Renewal:
        """Renew as a worker's heartbeat does, over a blocking connection of its own."""
        with open_blocking_client(url_of(self.client)) as client:
            pairs = [(each.token, each.id) for each in held]
            server = self._blocking_server(client)
            return renew(server, self.keys, consumer, '{"name":"w"}', pairs)

    async def lapse(self, *held: Delivery, by_ms: int = RETENTION.lease_ms + 1000) -> None:
        """Make it so that the consumers of *held* have been silent for a lease and a second."""
        for delivery in held:
            token = delivery.token
            await self.client.xclaim(
                self.stream(token), GROUP, token.consumer, 0, [token.entry], idle=by_ms, justid=True
            )

    async def windows(self, retention: Retention = RETENTION) -> list[list[Lapsed]]:
        """Every lapsed entry, window by window."""
        found = sweep(self.server, self.keys, lease_ms=retention.lease_ms)
        return [window.rows async for window in found if window.rows]

    async def sweep(self, retention: Retention = RETENTION) -> list[Lapsed]:
        """Every lapsed entry."""
        return [each for window in await self.windows(retention) for each in window]

    async def claim(
        self,
        consumer: str = "two",
        lapsed: Sequence[Lapsed] | None = None,
        retention: Retention = RETENTION,
    ) -> Claimed:
        """Take over *lapsed*, by default whatever a sweep finds, window by window."""
        found = Claimed([], [])
        for window in [lapsed] if lapsed is not None else await self.windows(retention):
            part = await claim(self.server, self.keys, consumer, window, retention)
            found.deliveries.extend(part.deliveries)
            found.dead.extend(part.dead)
        return found

    async def abandon(
        self, consumer: str = "one", *, cause: str = "", released: str = ""
    ) -> Abandoned:
        """Give up whatever *consumer* has."""
        rows = await owned_rows(self.server, self.keys, consumer)
        return await abandon(
            self.server, self.keys, consumer, rows, RETENTION, cause=cause, released=released
        )

    async def lose(self, delivery: Delivery, times: int = 1) -> Delivery:
        """Have *delivery* lost again and again, each time by another consumer."""
        for number in range(times):
            await self.lapse(delivery)
            [delivery] = (await self.claim(f"{delivery.token.consumer}-{number}")).deliveries
        return delivery

    async def promote(self, retention: Retention = RETENTION) -> tuple[int, int | None]:
        """Move what is due."""
        return await promote_due(self.server, self.keys, retention)

    async def make_due(self, *job_ids: str) -> None:
        """Make it so that the time of delayed jobs has come."""
        for job_id in job_ids:
            await self.client.zadd(self.keys.delayed, {job_id: 1}, xx=True)

    async def cancel(self, job_id: str) -> Cancellation:
        """Ask for the end of a job."""
        return await cancel(self.server, self.keys, job_id, ended_ttl_ms=RETENTION.ended_ttl_ms)

    async def reprioritise(self, job_id: str, priority: Priority) -> Reprioritised:
        """Make a job more or less urgent."""
        return await reprioritise(self.server, self.keys, job_id, priority)

    async def pause(self, *levels: Priority, by: str = "", reason: str = "") -> set[Priority]:
        """Let nothing be taken of *levels*, by default of all."""
        chosen = levels or LEVELS
        return {*await pause(self.server, self.keys, chosen, by=by, reason=reason)}

    async def resume(self, *levels: Priority) -> set[Priority]:
        """End a pause."""
        return {*await resume(self.server, self.keys, levels or LEVELS)}

    async def clear(self, *states: State) -> Cleared:
        """End what waits, or what is in *states*."""
        chosen, ttl_ms = states or (State.READY, State.DELAYED), RETENTION.ended_ttl_ms
        found = clear(self.server, self.keys, states=chosen, ended_ttl_ms=ttl_ms)
        return [each async for each in found][-1]

    async def look(self, job_id: str) -> JobView:
        """Everything about one job."""
        return await look(self.server, self.keys, job_id)

    async def replay(self, letter: DeadLetter) -> Replayed:
        """Make a dead job run again."""
        return await replay(self.server, self.keys, letter)

    async def letters(self) -> list[DeadLetter]:
        """All dead letters."""
        return [letter async for letter in dead_letters(self.client, self.keys)]

    async def letter(self, name: str) -> DeadLetter:
        """The dead letter of one job."""
        found = await find_dead(self.client, self.keys, name)
        assert found is not None, f"no dead letter of {name}"
        return found

    async def pending(self, priority: Priority = Priority.NORMAL) -> list[tuple[str, str, int]]:
        """Entry, owner and delivery count of all that is pending in a stream."""
        rows: Any = await self.client.xpending_range(
            self.keys.stream(priority), GROUP, "-", "+", 10_000
        )
        return [
            (each["message_id"].decode(), each["consumer"].decode(), each["times_delivered"])
            for each in rows
        ]

    async def entries(self, priority: Priority = Priority.NORMAL) -> list[str]:
        """All entries of a stream."""
        found: Any = await self.client.xrange(self.keys.stream(priority))
        return [entry.decode() for entry, _ in found]

    async def counter(self, name: str) -> int:
        """How often something happened."""
        value: Any = await self.client.hget(self.keys.counters, name)
        return int(value or 0)

    async def record(self, job_id: str) -> dict[str, str]:
        """The record of a job as it is written; empty where there is none."""
        found: Any = await self.client.hgetall(self.keys.job(job_id))
        return {name.decode(): value.decode() for name, value in found.items()}

    async def contents(self) -> dict[str, bytes]:
        """Everything that the server holds, key by key, to be compared before and after."""
        names: Any = await self.client.keys("*")
        return {key.decode(): await self.client.dump(key) or b"" for key in sorted(names)}

    def stream(self, token: Token) -> str:
        """The stream of a delivery."""
        return self.keys.stream(LEVELS[token.level - 1])


def url_of(client: Redis) -> str:
    """Where *client* is connected to."""
    place = client.connection_pool.connection_kwargs
    return f"redis://{place['host']}:{place['port']}/{place.get('db') or 0}"
