"""Managing a queue: stopping it, emptying it, looking into it, and changing what waits."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

import anyio

from producers.handle import ENDED_TTL
from streams import gate as stops
from streams.clear import Cleared, clear
from streams.connection import connected
from streams.dead import dead_letters, last_letter
from streams.depth import Depth, read_depth
from streams.gate import Gate, read_gate
from streams.keys import Keys
from streams.letterfilter import LetterFilter
from streams.listed import JobPage
from streams.listing import list_jobs
from streams.priority import LEVELS, Priority
from streams.remove import Removal, remove
from streams.replay import Replayed, replay
from streams.reprioritise import Reprioritised, reprioritise
from streams.server import Server
from streams.state import State
from streams.statistics import Statistics, read_statistics
from streams.workers import hostname

#: Between two looks at a queue that is to become empty.
LOOK_S = 0.25
#: Dead jobs that one call retries at most.
RETRIES_MAX = 100_000
#: Minutes that statistics look back where nobody says otherwise.
MINUTES_DEFAULT = 15

Level = Priority | str | int


@dataclass(frozen=True, slots=True)
class RetryReport:
    """What became of dead jobs that were to run again."""

    retried: int = 0
    left: int = 0
    """Those that could not: they live again already, their body was lost, or another job holds
    their unique key."""


@dataclass(frozen=True, slots=True)
class QueueStatistics:
    """What a queue holds, and how its jobs have run lately."""

    queue: str
    depth: Depth
    runs: Statistics


class QueueManager:
    """Changes and shows one queue. Every call is one round trip, where nothing else is said.

    Levels are named as priorities are everywhere: a level, a word, or a number 0-255.
    """

    def __init__(self, server: Server, queue: str) -> None:
        self._server = server
        self._keys = Keys(queue)

    @classmethod
    @asynccontextmanager
    async def connect(cls, url: str, *, queue: str) -> AsyncGenerator[Self]:
        """The manager of *queue* on the Redis at *url*.

        Raises:
            ServerUnavailableError: no Redis there.
            SettingsError: *url* is no Redis URL.
            InvalidJobError: *queue* is no name of a queue.
        """
        async with connected(url) as client:
            yield cls(Server(client), queue)

    @property
    def queue(self) -> str:
        """The queue that is managed."""
        return self._keys.queue

    async def pause(self, *levels: Level, by: str = "", reason: str = "") -> frozenset[Priority]:
        """Let workers take nothing of *levels* (all, without any named).

        From the answer on no job of them begins; jobs still arrive, and those that run go on.
        Returns the levels that were not paused before.

        Raises:
            InvalidJobError: *by* or *reason* is too long, or has characters that do not print.
            ValueError: a level is none.
        """
        return await stops.pause(self._server, self._keys, _levels(levels), by=by, reason=reason)

    async def resume(self, *levels: Level) -> frozenset[Priority]:
        """Let workers take jobs of *levels* again, within a second; returns those that changed.

        Raises:
            ValueError: a level is none.
        """
        return await stops.resume(self._server, self._keys, _levels(levels))

    async def drain(self, *, by: str = "", reason: str = "") -> bool:
        """Take no new jobs, so that workers empty the queue; False where it was so before.

        Whoever enqueues gets a `QueueDrainingError`; ticks of schedules are left out. Retries
        and replays go on, and a plain XADD of another service cannot be refused.

        Raises:
            InvalidJobError: *by* or *reason* is too long, or has characters that do not print.
        """
        return await stops.drain(self._server, self._keys, by=by, reason=reason)

    async def reopen(self) -> bool:
        """Take new jobs again; False where it did."""
        return await stops.reopen(self._server, self._keys)

    async def gate(self) -> Gate:
        """What is paused, and whether the queue drains; by whom, when and why."""
        return await read_gate(self._server.client, self._keys)

    async def emptying(self, *, with_delayed: bool = True) -> AsyncIterator[Depth]:
        """What the queue holds, four times a second, until it is empty; ends with that look.

        Without *with_delayed* jobs that wait for their time do not count.
        """
        while True:
            depth = await read_depth(self._server, self._keys)
            yield depth
            if not depth.waiting + depth.active + (depth.delayed if with_delayed else 0):
                return
            await anyio.sleep(LOOK_S)

    async def wait_until_empty(
        self,
        *,
        timeout: timedelta,  # noqa: ASYNC109 - a wait without a bound is no interface
        with_delayed: bool = True,
    ) -> None:
        """Wait until nothing waits, runs or is delayed.

        Raises:
            TimeoutError: it is not empty in time.
        """
        with anyio.fail_after(timeout.total_seconds()):
            async for _ in self.emptying(with_delayed=with_delayed):
                pass

    async def clear(
        self,
        *levels: Level,
        states: Collection[State] = (State.READY, State.DELAYED),
        progress: Callable[[Cleared], None] | None = None,
    ) -> Cleared:
        """End the jobs of *states* in *levels* (all, without any named), fifty a call.

        Their records say cancelled, as if each had been cancelled. Running jobs are left alone;
        with `State.RUNNING` their workers are asked to end them. What comes in meanwhile stays.

        Raises:
            ValueError: a state whose jobs cannot be ended, or a level that is none.
        """
        done = Cleared()
        async for done in clear(
            self._server,
            self._keys,
            states=states,
            levels=_levels(levels),
            ended_ttl_ms=round(ENDED_TTL.total_seconds() * 1000),
        ):
            if progress is not None:
                progress(done)
        return done

    async def remove(self, job_id: str) -> Removal:
        """Remove a job with its record, history and dead letter (two round trips).

        A running one is not removed: cancel it first.

        Raises:
            InvalidJobError: no job can have this id.
        """
        return await remove(self._server, self._keys, job_id)

    async def reprioritise(self, job_id: str, priority: Level) -> Reprioritised:
        """Give a job another level while it waits: it goes to the end of that one.

        A job that was begun keeps its level, for its retries too.

        Raises:
            InvalidJobError: no job can have this id.
            ValueError: *priority* is none.
        """
        return await reprioritise(self._server, self._keys, job_id, Priority.of(priority))

    async def retry_failed(
        self,
        wanted: LetterFilter | None = None,
        *,
        by: str = "",
        limit: int = RETRIES_MAX,
        progress: Callable[[RetryReport], None] | None = None,
    ) -> RetryReport:
        """Make dead jobs run again, the oldest *limit* of those that *wanted* means.

        Each from its first attempt and with its history, in which *by* stands; one round trip
        a job. Those that die meanwhile are left out. *progress* hears of each.

        Raises:
            InvalidJobError: *by* is no printable text of up to 100 characters.
            ValueError: *limit* is not 1 to 100,000.
        """
        if not 1 <= limit <= RETRIES_MAX:
            raise ValueError(f"one call retries 1 to {RETRIES_MAX} jobs, got {limit}")
        chosen, report = wanted or LetterFilter(), RetryReport()
        newest = await last_letter(self._server.client, self._keys)
        if not newest:
            return report
        async for letter in dead_letters(
            self._server.client, self._keys, first=chosen.first, last=newest
        ):
            if not chosen.matches(letter):
                continue
            answer = await replay(self._server, self._keys, letter, by=by, host=hostname())
            runs = answer is Replayed.READY
            report = RetryReport(report.retried + runs, report.left + (not runs))
            if progress is not None:
                progress(report)
            if report.retried + report.left == limit:
                break
        return report

    async def list(
        self,
        state: State,
        *,
        priority: Level | None = None,
        limit: int = 50,
        cursor: str = "",
    ) -> JobPage:
        """A page of the jobs in one state, of one priority or of all.

        Waiting and running jobs come by level, the oldest first, delayed ones by the moment
        they are due, dead ones the newest first. A page costs what it holds (a round trip for
        a hundred jobs). Jobs that have completed or were cancelled are in no list.

        Raises:
            ListingError: the state has no list, or *limit* or *cursor* is none of its own.
            ValueError: *priority* is none.
        """
        level = None if priority is None else Priority.of(priority)
        return await list_jobs(
            self._server, self._keys, state, priority=level, limit=limit, cursor=cursor
        )

    async def statistics(self, *, minutes: int = MINUTES_DEFAULT) -> QueueStatistics:
        """What the queue holds, and how jobs have run in the last *minutes* (two round trips).

        Raises:
            ValueError: not 1 to 60 minutes.
        """
        runs = await read_statistics(self._server, self._keys, minutes=minutes)
        return QueueStatistics(self.queue, await read_depth(self._server, self._keys), runs)


def _levels(named: Collection[Level]) -> tuple[Priority, ...]:
    return tuple(dict.fromkeys(map(Priority.of, named))) or LEVELS
