"""Making schedules come true. Any number of schedulers may run, and none is elected."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import anyio
from redis.exceptions import RedisError

from producers.schedule.cron import tick_id
from producers.schedule.due import due, next_moments
from producers.schedule.schedule import Overlap, Schedule
from producers.schedule.schedules import KnownSchedule, known_schedule, moment_of, unix_ms_of
from streams.keys import Keys
from streams.schedules import StoredSchedule, Ticked, fire, read_timetable
from streams.server import Server
from streams.trouble import Trouble, trouble_of

#: How long an edit may stay unseen.
REREAD = timedelta(seconds=5)
#: The first wait while Redis does not answer; each is twice as long, up to the last.
BACKOFF_FIRST_S, BACKOFF_LAST_S = 0.1, 5.0
#: Where the server's clock is slow, the same moment is waited for again: not in a busy loop.
WAIT_MIN_S = 0.005


def _as_told(server_ms: int) -> int:
    return server_ms


def _to_nobody(_line: str) -> None:
    return


class Scheduler:
    """Fires the schedules of one queue by the server's clock.

    Each tick becomes one job, whoever else runs a scheduler and wherever one dies: the script
    that enqueues the job moves the schedule on, and refuses a plan that is old by then.
    *clock* makes the present of what the server says, for tests; *say* is told what happened,
    a line at a time; an edit stays unseen for *reread* at most.
    """

    def __init__(
        self,
        server: Server,
        queue: str,
        *,
        clock: Callable[[int], int] = _as_told,
        say: Callable[[str], None] = _to_nobody,
        reread: timedelta = REREAD,
    ) -> None:
        self._server = server
        self._keys = Keys(queue)
        self._clock = clock
        self._say = say
        self._reread = reread
        self._flawed: dict[str, int] = {}

    async def run(self, stopping: anyio.Event) -> None:
        """Fire what is due until *stopping* is set, also over outages of the server.

        Raises:
            RedisError: the server refuses a call, and always would.
        """
        failures = 0
        while not stopping.is_set():
            try:
                wait_s = (await self.turn()).total_seconds()
            except (RedisError, OSError) as error:
                if trouble_of(error) is Trouble.REFUSED:
                    raise
                if not failures:
                    self._say(f"Redis does not answer, trying again ({error})")
                wait_s = min(BACKOFF_FIRST_S * 2 ** min(failures, 16), BACKOFF_LAST_S)
                failures += 1
            else:
                if failures:
                    self._say("Redis answers again")
                failures = 0
            with anyio.move_on_after(max(wait_s, WAIT_MIN_S)):
                await stopping.wait()

    async def turn(self) -> timedelta:
        """Read all schedules, fire what is due, and say how long nothing more is to do.

        That is the time of *reread* at most: by then somebody may have edited one.

        Raises:
            RedisError: what the server or the network says; the next turn makes up for it.
        """
        timetable = await read_timetable(self._server, self._keys)
        now = moment_of(self._clock(timetable.now_ms))
        wait = self._reread
        known = [known_schedule(stored, now) for stored in timetable.schedules]
        self._tell_flaws(known)
        for each in known:
            if each.schedule is None:
                continue
            moved_on = await self._fire(each.schedule, each.stored, now)
            if not moved_on:
                wait = timedelta(0)
            upcoming = next(next_moments(each.schedule, each.last_tick, now), None)
            if upcoming is not None:
                wait = min(wait, upcoming - now)
        return wait

    async def _fire(self, schedule: Schedule, stored: StoredSchedule, now: datetime) -> bool:
        """Fire what is due of one schedule; False where the plan was old: look again."""
        for tick in due(schedule, moment_of(stored.last_ms), now):
            job_id = tick_id(schedule.name, tick)
            tick_ms = unix_ms_of(tick)
            ticked, text = await fire(
                self._server,
                self._keys,
                stored,
                schedule.job(job_id),
                tick_ms=tick_ms,
                overlap=schedule.overlap is Overlap.ALLOW,
            )
            if ticked is Ticked.OLD_PLAN:
                return False
            self._say(_told(schedule.name, ticked, job_id, text))
            is_job = ticked in {Ticked.READY, Ticked.EXISTS}
            stored = replace(stored, last_ms=tick_ms, job=job_id if is_job else stored.job)
        return True

    def _tell_flaws(self, known: Sequence[KnownSchedule]) -> None:
        """Say what cannot be read here, once for each version of it."""
        flawed = {each.name: each.stored.version for each in known if each.schedule is None}
        for each in known:
            if each.flaw and self._flawed.get(each.name) != each.stored.version:
                self._say(f"{each.name}: cannot be read here and does not come: {each.flaw}")
        self._flawed = flawed


def _told(name: str, ticked: Ticked, job_id: str, text: str) -> str:
    match ticked:
        case Ticked.OVERLAP:
            return f"{name}: {job_id} is left out, {text} has not ended"
        case Ticked.TAKEN:
            return f"{name}: {job_id} is left out, {text} holds its unique key"
        case Ticked.CLOSED:
            return f"{name}: {job_id} is left out, the queue drains {text}"
        case Ticked.EXISTS:
            return f"{name}: {job_id} was enqueued before"
        case _:
            return f"{name}: {job_id} enqueued"
