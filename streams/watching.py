"""Any number of listeners over one connection that waits for events.

One task reads for all of them and hands each event to those who listen for its job. It runs
while somebody listens. A listener that does not keep up, or whose events were missed by all
(the connection was away for too long, the stream was cut), is told so, and looks at the
records of its jobs.
"""

import asyncio
from collections import deque
from collections.abc import Collection, Iterable
from typing import NamedTuple, Self

import anyio
from redis.exceptions import ConnectionError as LostConnectionError
from redis.exceptions import RedisError

from streams.events import (
    ALL_JOBS,
    READ_MAX,
    WATCH_MAX,
    Place,
    Told,
    has_entry,
    read_events,
    watch,
)
from streams.keys import Keys
from streams.server import Server

#: Events that wait for one listener.
QUEUED_MAX = 1_000
#: Ids that one listener may listen for.
LISTENED_MAX = 10_000
#: One read, shorter than the time after which an answer counts as lost; and how often a
#: watch is renewed, so that it lives through a lost connection.
BLOCK_MS, RENEW_S = 2_000, 4.0
#: Waits between two tries at a server that does not answer.
BACKOFF_FIRST_S, BACKOFF_LAST_S = 0.1, 2.0


class Heard(NamedTuple):
    """What a listener hears at once."""

    told: list[Told]
    has_gap: bool
    """Events were missed before these."""


class Listener:
    """What one of those who watch has not heard yet: an asynchronous context manager."""

    def __init__(self, watching: "Watching", ids: Iterable[str]) -> None:
        self._watching = watching
        self.ids = set(ids)
        self._told: deque[Told] = deque()
        self._has_gap = False
        self._error: Exception | None = None
        self._arrived = asyncio.Event()

    async def __aenter__(self) -> Self:
        """Listen; see `Watching.begin`."""
        await self._watching.begin(self)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Hear nothing any more."""
        self._watching.forget(self, self.ids.copy())

    def tell(self, told: Told) -> None:
        """One more event; beyond `QUEUED_MAX` all that wait are dropped."""
        if len(self._told) == QUEUED_MAX:
            self.miss()
        self._told.append(told)
        self._arrived.set()

    def miss(self) -> None:
        """Events were missed: what waits is older than what a look shows."""
        self._told.clear()
        self._has_gap = True
        self._arrived.set()

    def fail(self, error: Exception) -> None:
        """Nothing will come any more."""
        self._error = error
        self._arrived.set()

    async def hear(self, *, timeout_s: float) -> Heard:
        """Wait for events, and return all that are there; nothing after *timeout_s*."""
        with anyio.move_on_after(timeout_s):
            await self._arrived.wait()
        if self._error is not None:
            raise self._error
        heard = Heard(list(self._told), self._has_gap)
        self._told.clear()
        self._has_gap = False
        self._arrived.clear()
        return heard


class Watching:
    """The events of one partition, for any number of listeners."""

    def __init__(self, server: Server, keys: Keys) -> None:
        self._server = server
        self._keys = keys
        self._listeners: dict[str, set[Listener]] = {}
        self._watched: set[str] = set()
        # A scope cancels again and again: the client library may swallow the first time.
        self._reading: anyio.CancelScope | None = None
        self._reader: asyncio.Task[None] | None = None
        self._place = Place(0, 0)
        self._renew_at_s = 0.0
        self._starting = anyio.Lock()

    def listen(self, ids: Collection[str]) -> Listener:
        """A listener for the jobs *ids*; `[ALL_JOBS]` is all of the queue.

        Every event that comes after a look at the record, made once it is entered, is heard.

        Raises:
            ValueError: more than `LISTENED_MAX` ids.
        """
        if len(ids) > LISTENED_MAX:
            raise ValueError(f"one listener takes {LISTENED_MAX} ids, got {len(ids)}")
        return Listener(self, ids)

    async def begin(self, listener: Listener) -> None:
        """Have *listener* hear of its jobs; what has failed is as if it never began.

        Raises:
            RedisError: what the server or the network says; later it is waited for.
        """
        for each in listener.ids:
            self._listeners.setdefault(each, set()).add(listener)
        try:
            await self._begin(listener.ids)
        except BaseException:
            self.forget(listener, listener.ids.copy())
            raise

    def forget(self, listener: Listener, ids: Iterable[str]) -> None:
        """*listener* does not listen for *ids* any more."""
        for each in ids:
            listener.ids.discard(each)
            others = self._listeners.get(each, set())
            others.discard(listener)
            if not others:
                self._listeners.pop(each, None)
                self._watched.discard(each)
        if not self._listeners:
            self._end()

    async def close(self) -> None:
        """End the reading; whoever still listens is told so by an error."""
        for listener in self._all():
            listener.fail(LostConnectionError("the producer was closed"))
        self._end()
        if self._reader is not None:
            await asyncio.wait({self._reader})

    def _end(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    async def _begin(self, ids: Collection[str]) -> None:
        if self._reading is not None:
            await self._begin_to_watch(ids)
            return
        async with self._starting:
            place = await self._begin_to_watch(ids)
            if self._reading is None:
                self._place = place
                self._renew_at_s = anyio.current_time() + RENEW_S
                self._reading = anyio.CancelScope()
                reading = self._read(self._reading, self._reader)
                self._reader = asyncio.get_running_loop().create_task(reading)

    async def _begin_to_watch(self, ids: Collection[str]) -> Place:
        place, _ = await self._watch(ids)
        self._watched |= self._listeners.keys() & ids
        return place

    async def _watch(self, ids: Collection[str]) -> tuple[Place, int]:
        """Watch *ids*, in as many calls as it takes; the place is that before the first."""
        waiting = sorted(ids)
        first, added = await watch(self._server, self._keys, waiting[:WATCH_MAX])
        for at in range(WATCH_MAX, len(waiting), WATCH_MAX):
            _, more = await watch(self._server, self._keys, waiting[at : at + WATCH_MAX])
            added += more
        return first, added

    async def _read(self, scope: anyio.CancelScope, before: asyncio.Task[None] | None) -> None:
        """Read for all, until *scope* is cancelled; begins when the reader *before* has ended."""
        wait_s = BACKOFF_FIRST_S
        try:
            with scope:
                if before is not None:
                    await asyncio.wait({before})
                while True:
                    try:
                        if anyio.current_time() >= self._renew_at_s:
                            await self._renew()
                        await self._read_once()
                    except (RedisError, OSError):
                        # What is missed meanwhile the renewal tells.
                        self._renew_at_s = 0.0
                        await anyio.sleep(wait_s)
                        wait_s = min(wait_s * 2, BACKOFF_LAST_S)
                    else:
                        wait_s = BACKOFF_FIRST_S
        except Exception as error:  # noqa: BLE001 - or those who listen would wait for ever
            self._reading = None
            for listener in self._all():
                listener.fail(error)

    async def _renew(self) -> None:
        """Watch on. Who had been forgotten meanwhile has missed something.

        So has everybody where the events begin anew: the server has lost them.
        """
        place, added = await self._watch(self._watched.copy())
        if place < self._place:
            self._place = place
            added = 1
        if added:
            self._miss()
        self._renew_at_s = anyio.current_time() + RENEW_S

    async def _read_once(self) -> None:
        client, keys, before = self._server.client, self._keys, self._place
        told = await read_events(client, keys, before, block_ms=BLOCK_MS)
        if not told:
            return
        # Only who is so late may find that events were cut off before these.
        if len(told) == READ_MAX and not await has_entry(client, keys, before):
            self._miss()
        self._place = told[-1].place
        for each in told:
            for name in (each.event.id, ALL_JOBS):
                for listener in self._listeners.get(name, ()):
                    listener.tell(each)

    def _miss(self) -> None:
        for listener in self._all():
            listener.miss()

    def _all(self) -> set[Listener]:
        return set[Listener]().union(*self._listeners.values())
