"""Entries that the server gave to this worker and that this worker never learned of.

The answer to a read can be lost: the connection breaks, or the network swallows it. The
entry is then pending under our name, nobody runs it, and nobody would miss it before its
lease lapses. So after every failed read, and now and then without one, what is pending is
compared with what runs, and the rest is handed back. It is never renewed, and it costs the
job nothing.
"""

from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio

from consumers.inflight import Inflight
from consumers.logs import Logger
from consumers.metrics import Metrics
from streams.abandon import abandon, owned_rows
from streams.claim import Lapsed
from streams.job import Token
from streams.keys import Keys
from streams.server import Server
from streams.settle import Retention

#: Entries that are remembered as left to their lease.
LEFT_MAX = 1000


class Orphans:
    """Compares the own pending entries with what is in hand, and hands the rest back."""

    def __init__(
        self,
        server: Server,
        keys: Keys,
        consumer: str,
        retention: Retention,
        inflight: Inflight,
        metrics: Metrics,
        log: Logger,
    ) -> None:
        self._server = server
        self._keys = keys
        self._consumer = consumer
        self._retention = retention
        self._inflight = inflight
        self._metrics = metrics
        self._log = log
        self._reading = anyio.Lock()
        self._doubted = anyio.Event()
        self._left: deque[tuple[int, str]] = deque(maxlen=LEFT_MAX)

    @asynccontextmanager
    async def reading(self) -> AsyncGenerator[None]:
        """Around a read, up to the moment when its jobs are in hand.

        No comparison comes between: what the answer brings would look like an orphan.
        """
        async with self._reading:
            yield

    def doubt(self) -> None:
        """A read or a claim has failed: it may have been carried out, or still be."""
        self._doubted.set()

    def leave(self, token: Token) -> None:
        """The server refuses to record the end of this delivery: it is left to its lease.

        Handed back it would run again at once, be refused again, and so on for ever.
        """
        self._left.append((token.level, token.entry))

    async def doubted(self) -> None:
        """Wait until a read fails; forgets those before."""
        await self._doubted.wait()
        self._doubted = anyio.Event()

    async def hand_back(self) -> int:
        """Compare once; returns how many entries were given up.

        Raises:
            RedisError: what the server or the network says.
        """
        async with self._reading:
            # Looked at first, or an entry that is settled meanwhile would be one.
            owned = await owned_rows(self._server, self._keys, self._consumer)
            orphans = [each for each in owned if self._is_orphan(each)]
            if not orphans:
                return 0
            given_up = await abandon(
                self._server, self._keys, self._consumer, orphans, self._retention
            )
        for each in given_up.handed_back:
            self._log.warning("orphan_handed_back", job_id=each.id, entry=each.entry)
        for each in given_up.dead:
            self._log.error("job_failed", job_id=each.id, cause="body lost")
        self._metrics.orphaned(len(given_up.handed_back))
        return len(given_up.handed_back) + len(given_up.dead)

    def _is_orphan(self, row: Lapsed) -> bool:
        """False for what is in hand, also under an older token: its handler ends first."""
        return not (
            self._inflight.has_entry(row.level, row.entry)
            or (row.level, row.entry) in self._inflight.expected
            or (row.level, row.entry) in self._left
        )
