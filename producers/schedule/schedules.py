"""Keeping the schedules of a queue."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Self

from producers.errors import ScheduleError
from producers.hearing import until_heard
from producers.schedule.due import next_moments
from producers.schedule.schedule import (
    Overlap,
    Schedule,
    require_known_payload,
    stored_schedule,
)
from streams import schedules as kept
from streams.connection import connected
from streams.errors import InvalidJobError
from streams.job import new_id
from streams.keys import Keys
from streams.schedules import StoredSchedule, Ticked
from streams.server import Server

#: Plans that may turn out old, one after the other, before a run by hand is given up.
PLANS_MAX = 10
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class KnownSchedule:
    """A schedule with what is known of it at one moment of the server's clock."""

    schedule: Schedule | None
    """None where it cannot be read here; `flaw` says why."""
    flaw: str
    stored: StoredSchedule
    now: datetime

    @property
    def name(self) -> str:
        """Its name."""
        return self.stored.name

    @property
    def last_tick(self) -> datetime:
        """The last tick that it was fired for, or the moment from which on it counts."""
        return moment_of(self.stored.last_ms)

    def next_runs(self, count: int) -> list[datetime]:
        """The next *count* moments at which it comes, as far as one can see; in UTC."""
        if self.schedule is None:
            return []
        return [*islice(next_moments(self.schedule, self.last_tick, self.now), count)]


class Schedules:
    """The schedules of one queue. A scheduler (`Scheduler`) makes them come true."""

    def __init__(self, server: Server, queue: str) -> None:
        self._server = server
        self._keys = Keys(queue)

    @classmethod
    @asynccontextmanager
    async def connect(cls, url: str, *, queue: str) -> AsyncGenerator[Self]:
        """The schedules of *queue* on the Redis at *url*.

        Raises:
            ServerUnavailableError: no Redis there.
            SettingsError: *url* is no Redis URL.
            InvalidJobError: *queue* is no name of a queue.
        """
        async with connected(url) as client:
            yield cls(Server(client), queue)

    @property
    def queue(self) -> str:
        """The queue whose schedules these are."""
        return self._keys.queue

    async def add(self, schedule: Schedule, *, replace: bool = False) -> None:
        """Keep *schedule*; it counts from now on.

        With *replace* it may take the place of one of the same name, which goes on from its
        last tick where cron expression and zone are the same, and from now on otherwise.

        Raises:
            ScheduleError: the payload does not fit the model of its kind.
            ScheduleExistsError: there is one of this name, and *replace* is False.
            TooManySchedulesError: the queue holds as many as it may.
        """
        require_known_payload(schedule)
        await kept.put_schedule(
            self._server,
            self._keys,
            schedule.name,
            schedule.definition(),
            times=f"{schedule.cron} {schedule.zone}",
            paused=schedule.paused,
            replace=replace,
        )

    async def all(self) -> list[KnownSchedule]:
        """All of them, by name."""
        timetable = await kept.read_timetable(self._server, self._keys)
        now = moment_of(timetable.now_ms)
        return [known_schedule(stored, now) for stored in timetable.schedules]

    async def get(self, name: str) -> KnownSchedule:
        """One of them.

        Raises:
            UnknownScheduleError: there is none of this name.
            InvalidJobError: no schedule can have this name.
        """
        stored, now_ms = await kept.read_schedule(self._server, self._keys, name)
        return known_schedule(stored, moment_of(now_ms))

    async def pause(self, name: str) -> bool:
        """Let it not come any more; False where it was paused before.

        Raises:
            UnknownScheduleError: there is none of this name.
            InvalidJobError: no schedule can have this name.
        """
        return await kept.suspend(self._server, self._keys, name, paused=True)

    async def resume(self, name: str) -> bool:
        """Let it come again, from now on; False where it was not paused.

        What it would have asked for meanwhile is not made up for.

        Raises:
            UnknownScheduleError: there is none of this name.
            InvalidJobError: no schedule can have this name.
        """
        return await kept.suspend(self._server, self._keys, name, paused=False)

    async def remove(self, name: str) -> None:
        """Keep it no more; the jobs that it has asked for stay.

        Raises:
            UnknownScheduleError: there is none of this name.
            InvalidJobError: no schedule can have this name.
        """
        await kept.unschedule(self._server, self._keys, name)

    async def run_now(self, name: str) -> str:
        """Enqueue a job of it beside its ticks, also while it is paused; returns its id.

        Where the answer is lost it is asked again, and the job is still one.

        Raises:
            AnswerLostError: Redis was not heard: the job may be there or not.
            UnknownScheduleError: there is none of this name.
            ScheduleError: it may not overlap, and its last job has not ended; another job holds
                its unique key; or it cannot be read here.
            InvalidJobError: no schedule can have this name.
        """
        job_id = f"cron:{name}:{new_id()}"
        for _ in range(PLANS_MAX):
            # A lost answer leaves an old plan behind, and the next one finds the job.
            (ticked, text), _again = await until_heard(
                lambda: self._fire(name, job_id), self.queue, [job_id]
            )
            if ticked in {Ticked.READY, Ticked.EXISTS}:
                return job_id
            if ticked is Ticked.CLOSED:
                raise ScheduleError(
                    f"the schedule '{name}' is not run now: the queue drains {text} "
                    f"(millstream queues reopen {self.queue} lets it take jobs again)"
                )
            if ticked is not Ticked.OLD_PLAN:
                why = (
                    f"its job '{text}' has not ended"
                    if ticked is Ticked.OVERLAP
                    else f"the job '{text}' holds its unique key"
                )
                raise ScheduleError(
                    f"the schedule '{name}' is not run now: {why} "
                    f"(millstream why {text} says where it is)"
                )
        raise ScheduleError(
            f"the schedule '{name}' changes all the time: try again when nobody edits it"
        )

    async def _fire(self, name: str, job_id: str) -> tuple[Ticked, str]:
        stored, _now_ms = await kept.read_schedule(self._server, self._keys, name)
        schedule = stored_schedule(stored)
        return await kept.fire(
            self._server,
            self._keys,
            stored,
            schedule.job(job_id),
            tick_ms=stored.last_ms,
            overlap=schedule.overlap is Overlap.ALLOW,
        )


def known_schedule(stored: StoredSchedule, now: datetime) -> KnownSchedule:
    """*stored* as far as it can be read here."""
    try:
        schedule = stored_schedule(stored)
    except (ScheduleError, InvalidJobError) as error:
        return KnownSchedule(None, str(error), stored, now)
    return KnownSchedule(schedule, "", stored, now)


def moment_of(unix_ms: int) -> datetime:
    """A moment of the server's clock; to the millisecond, which a float would not be."""
    return _EPOCH + unix_ms * _MS


def unix_ms_of(moment: datetime) -> int:
    """The same the other way round."""
    return (moment - _EPOCH) // _MS
