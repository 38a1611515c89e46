"""Several schedulers that race, stop anywhere and start again: each tick is one job.

Every round trip of a scheduler has two moments at which it can stand still, or end for good:
before the server has the call, and before its answer is read. Which scheduler goes on at
which of them, which one ends, and how far time moves meanwhile is drawn at random. Jobs end
and their records expire all the time, so that nothing but the schedule itself remembers.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from producers.schedule.schedule import schedule_of
from producers.schedule.scheduler import Scheduler
from producers.schedule.schedules import Schedules, unix_ms_of
from streams.keys import Keys
from streams.priority import Priority
from streams.scripts.loader import Arg, Row, Script
from streams.server import Server

pytestmark = pytest.mark.leaves_jobs

KEYS = Keys("race")
STREAM = KEYS.stream(Priority.NORMAL)
BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"


def utc(*moments: str) -> list[datetime]:
    return [datetime.strptime(each, "%Y-%m-%d %H:%M").replace(tzinfo=UTC) for each in moments]


#: Zone, when the window begins and ends, and by hand what 01:30 and 02:30 are in it. In a gap
#: the first moment after it; where an hour comes twice, its first showing.
CHANGES: dict[str, tuple[str, list[datetime], dict[str, list[datetime]]]] = {
    "Berlin, spring": (
        BERLIN,
        utc("2025-03-29 00:00", "2025-03-31 12:00"),
        {
            "30 1 * * *": utc("2025-03-29 00:30", "2025-03-30 00:30", "2025-03-30 23:30"),
            "30 2 * * *": utc("2025-03-29 01:30", "2025-03-30 01:00", "2025-03-31 00:30"),
        },
    ),
    "Berlin, autumn": (
        BERLIN,
        utc("2025-10-25 00:00", "2025-10-27 12:00"),
        {
            "30 1 * * *": utc("2025-10-25 23:30", "2025-10-27 00:30"),
            "30 2 * * *": utc("2025-10-25 00:30", "2025-10-26 00:30", "2025-10-27 01:30"),
        },
    ),
    "New York, spring": (
        NEW_YORK,
        utc("2025-03-08 00:00", "2025-03-10 12:00"),
        {
            "30 1 * * *": utc("2025-03-08 06:30", "2025-03-09 06:30", "2025-03-10 05:30"),
            "30 2 * * *": utc("2025-03-08 07:30", "2025-03-09 07:00", "2025-03-10 06:30"),
        },
    ),
    "New York, autumn": (
        NEW_YORK,
        utc("2025-11-01 00:00", "2025-11-03 12:00"),
        {
            "30 1 * * *": utc("2025-11-01 05:30", "2025-11-02 05:30", "2025-11-03 06:30"),
            "30 2 * * *": utc("2025-11-01 06:30", "2025-11-02 07:30", "2025-11-03 07:30"),
        },
    ),
}
EVERY_HALF_HOUR = "*/30 * * * *"


def expected(change: str) -> dict[str, list[datetime]]:
    """What each cron expression is to fire in the window of a change."""
    _zone, (start, end), daily = CHANGES[change]
    halves = range(1, (end - start) // timedelta(minutes=30) + 1)
    real_time = [start + number * timedelta(minutes=30) for number in halves]
    return {**daily, EVERY_HALF_HOUR: real_time}


class Stepped(Server):
    """One whose calls stand still before they are sent and before their answers are read."""

    def __init__(self, client: Redis) -> None:
        super().__init__(client)
        self.standing: asyncio.Future[None] | None = None
        self.stands = asyncio.Event()

    async def run(
        self,
        script: Script,
        keys: Mapping[str, str],
        args: Mapping[str, Arg],
        rows: Sequence[Row] = (),
    ) -> Any:
        await self._stand()
        answer = await super().run(script, keys, args, rows)
        await self._stand()
        return answer

    async def _stand(self) -> None:
        self.standing = asyncio.get_running_loop().create_future()
        self.stands.set()
        await self.standing


class Racer:
    """A scheduler that makes one turn after the other, a step at a time."""

    def __init__(self, client: Redis, world: "World") -> None:
        self._server = Stepped(client)
        self._scheduler = Scheduler(self._server, "race", clock=lambda _: unix_ms_of(world.now))
        self._turn: asyncio.Task[timedelta] | None = None

    async def step(self) -> bool:
        """Go on until the next place to stand, or to the end of the turn: True there."""
        self._server.stands.clear()
        if self._turn is None:
            self._turn = asyncio.ensure_future(self._scheduler.turn())
        elif self._server.standing is not None and not self._server.standing.done():
            self._server.standing.set_result(None)
        stands = asyncio.ensure_future(self._server.stands.wait())
        await asyncio.wait({self._turn, stands}, return_when=asyncio.FIRST_COMPLETED)
        if not self._turn.done():
            return False
        stands.cancel()
        self._turn.result()
        self._turn = None
        return True

    async def die(self) -> None:
        """End where it stands: nothing more is sent, and no answer is read."""
        if self._turn is not None:
            self._turn.cancel()
            await asyncio.wait({self._turn})


class World:
    """The time, and all jobs that there ever were."""

    def __init__(self, client: Redis, now: datetime) -> None:
        self.now = now
        self._client = client
        self.seen: list[str] = []

    async def end_jobs(self) -> None:
        """Every job ends, and its record expires at once."""
        entries: Any = await self._client.xrange(STREAM)
        for entry, fields in entries:
            self.seen.append(fields[b"id"].decode())
            await self._client.xdel(STREAM, entry)
            await self._client.delete(KEYS.job(self.seen[-1]))


#: A racer and what it does; or how many minutes pass; or all jobs end.
EVENT = st.one_of(
    st.tuples(st.integers(0, 4), st.sampled_from(["go", "go", "go", "turn", "turn", "die"])),
    st.integers(1, 400),
    st.none(),
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    change=st.sampled_from(sorted(CHANGES)),
    racers=st.integers(2, 5),
    events=st.lists(EVENT, min_size=5, max_size=80),
)
async def test_each_tick_is_one_job_whoever_races_dies_and_starts_again(
    client: Redis, change: str, racers: int, events: list[tuple[int, str] | int | None]
) -> None:
    await client.flushdb()
    zone, (start, end), _daily = CHANGES[change]
    wanted = expected(change)
    for number, cron in enumerate(wanted):
        name = f"s{number}"
        fields = {"name": name, "cron": cron, "zone": zone, "kind": "a", "missed": "all"}
        await Schedules(Server(client), "race").add(schedule_of({**fields, "missed_max": 1000}))
        await client.hset(KEYS.schedule(name), "last_ms", str(unix_ms_of(start)))
    world = World(client, start)
    crew = [Racer(client, world) for _ in range(racers)]

    for event in events:
        if event is None:
            await world.end_jobs()
        elif isinstance(event, int):
            world.now = min(end, world.now + timedelta(minutes=event))
        else:
            number, deed = event[0] % racers, event[1]
            if deed == "die":
                await crew[number].die()
                crew[number] = Racer(client, world)
            while not await crew[number].step() and deed == "turn":
                pass
    world.now = end
    for racer in [*crew, Racer(client, world)]:
        await world.end_jobs()
        while not await racer.step():
            pass
    await world.end_jobs()

    assert sorted(world.seen) == sorted(
        f"cron:s{number}:{tick:%Y%m%dT%H%MZ}"
        for number, ticks in enumerate(wanted.values())
        for tick in ticks
    )
