"""The clock of the Redis server is changed by an hour: nothing live is stolen, nothing is stuck.

Row 27 of the failure table.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from producers.client import Producer
from streams.embedded import EmbeddedServer
from streams.keys import GROUP, NOBODY, NOBODY_SUSPECT
from streams.priority import Priority
from streams.restamp import RESTAMP_ROWS, restamp
from streams.settle import Outcome, Retention, Settled, Verdict
from streams.state import State
from tests.consumers.support.fleet import Fleet, WorkerProcess, until_idle
from tests.consumers.support.kinds import Gate
from tests.faults.support.pending import owners
from tests.faults.support.wallclock import WallClock, compiler_of_this_machine
from tests.support.queues import QueueUnderTest, job
from tests.support.waiting import wait_until

pytestmark = pytest.mark.skipif(
    compiler_of_this_machine() is None, reason="this machine has no C compiler"
)

HOUR_S = 3600
LEASE_MS = 1_000
RETENTION = Retention(LEASE_MS, ended_ttl_ms=600_000, dead_ttl_ms=600_000)


@pytest.fixture
def clock(tmp_path: Path) -> WallClock:
    return WallClock(tmp_path)


@pytest.fixture
def server(server_binary: Path, tmp_path: Path, clock: WallClock) -> Iterator[EmbeddedServer]:
    """A server whose clock is ours; the workers have the true one."""
    with ExitStack() as stack:
        with clock.worn():
            server = stack.enter_context(EmbeddedServer(server_binary, tmp_path / "redis"))
        yield server


@pytest.fixture
async def client(server: EmbeddedServer) -> AsyncIterator[Redis]:
    """A client of that server."""
    async with Redis.from_url(server.url, retry=Retry(NoBackoff(), 0)) as client:
        yield client


@pytest.fixture
async def queue(client: Redis) -> QueueUnderTest:
    """An empty queue on that server."""
    queue = QueueUnderTest(client)
    await queue.open()
    return queue


async def server_s(client: Redis) -> int:
    """The time of day, as the server has it."""
    seconds, _ = await client.time()
    return int(seconds)


async def until_the_server_is_older(client: Redis, seconds: int) -> None:
    """Wait until so much time has passed for the server."""
    end_s = await server_s(client) + seconds

    async def is_older() -> bool:
        return await server_s(client) >= end_s

    await wait_until(is_older, f"{seconds} s have passed on the server")


async def two_workers(fleet: Fleet, server: EmbeddedServer) -> tuple[WorkerProcess, WorkerProcess]:
    """Both have looked at the clock."""
    first, second = [
        await fleet.start(server.url, name, concurrency=2, lease_ms=LEASE_MS)
        for name in ("first", "second")
    ]
    return first, second


async def test_a_clock_put_forward_makes_every_lease_look_lapsed(
    queue: QueueUnderTest, clock: WallClock
) -> None:
    """What the other tests are about is there."""
    await queue.add(job(id="a"))
    held = await queue.fetch_one()
    assert await queue.sweep(RETENTION) == []

    clock.put(HOUR_S)

    [lapsed] = await queue.sweep(RETENTION)
    assert HOUR_S * 1000 <= lapsed.idle_ms < HOUR_S * 1000 + 60_000
    await queue.settle(held, Verdict.COMPLETED)


async def test_a_renewal_between_look_and_claim_counts_although_the_clock_jumps(
    queue: QueueUnderTest, clock: WallClock
) -> None:
    await queue.add(job(id="a"))
    held = await queue.fetch_one()
    await queue.lapse(held)
    found = await queue.sweep(RETENTION)
    await queue.renew(held)

    clock.put(HOUR_S)

    assert (await queue.claim("two", found, RETENTION)).deliveries == []
    assert await queue.settle(held, Verdict.COMPLETED) is Settled.RECORDED


async def test_rows_from_the_future_begin_anew_and_keep_owner_and_count(
    queue: QueueUnderTest, clock: WallClock
) -> None:
    """And what was handed back can be taken at once."""
    await queue.add(*(job(id=name) for name in ("lost", "suspect", "deleted")))
    held = {each.id: each for each in await queue.fetch()}
    suspect = await queue.lose(held["suspect"], 2)
    await queue.settle(suspect, Verdict.RELEASED, retention=RETENTION)
    await queue.client.xdel(queue.stream(suspect.token), held["deleted"].token.entry)
    clock.put(-HOUR_S)
    before = await queue.pending()

    async def found() -> set[str]:
        return {each.id for each in await queue.sweep(RETENTION)}

    async def lost_is_found() -> bool:
        return "lost" in await found()

    assert await found() == set()
    assert await restamp(queue.server, queue.keys, lease_ms=LEASE_MS) == 2
    assert await found() == {"suspect"}
    assert await queue.pending() == before
    assert (suspect.token.entry, NOBODY_SUSPECT, 3) in before
    await wait_until(lost_is_found, "the lease of the lost one lapses")


async def test_every_window_of_rows_from_the_future_is_repaired(
    queue: QueueUnderTest, clock: WallClock
) -> None:
    """What was heard of since is left alone, and so is a stream without its group."""
    for _ in range(2):
        await queue.add(*(job() for _ in range(RESTAMP_ROWS)))
    await queue.fetch()
    held = await queue.fetch("back")
    await queue.add(job())
    new = await queue.fetch_one("new")
    await queue.settle_all([Outcome(each, Verdict.RELEASED) for each in held], "back")
    clock.put(-HOUR_S)
    await queue.lapse(new, by_ms=LEASE_MS // 2)
    await queue.client.xgroup_destroy(queue.keys.stream(Priority.HIGH), GROUP)
    before = await queue.pending()

    stamped = await restamp(queue.server, queue.keys, lease_ms=LEASE_MS)

    assert stamped == 2 * RESTAMP_ROWS
    assert await queue.pending() == before
    rows: Any = await queue.client.xpending_range(
        queue.keys.stream(Priority.NORMAL), GROUP, "-", "+", 1000
    )
    idle_ms = {row["consumer"].decode(): row["time_since_delivered"] for row in rows}
    assert idle_ms["one"] < LEASE_MS // 2 <= idle_ms["new"] < LEASE_MS <= idle_ms[NOBODY]


async def test_an_hour_forward_steals_no_live_job(
    fleet: Fleet, client: Redis, server: EmbeddedServer, clock: WallClock, tmp_path: Path
) -> None:
    workers = await two_workers(fleet, server)
    async with Producer.connect(server.url, queue="work") as jobs:
        ids = [(await jobs.enqueue(Gate(path=tmp_path / "gate"))).id for _ in range(4)]
        await wait_until(lambda: len(fleet.effects.jobs("start")) == 4, "all run")

        clock.put(HOUR_S)

        for worker in workers:
            said = await worker.says("server_clock_jumped")
            assert said["direction"] == "forward"
        await until_the_server_is_older(client, 3 * LEASE_MS // 1000)
        (tmp_path / "gate").touch()
        await until_idle(client)
        views = [await jobs.get(each) for each in ids]
    assert {(view.state, view.losses, len(view.history)) for view in views} == {
        (State.COMPLETED, 0, 1)
    }
    assert len(fleet.effects.jobs("start")) == 4
    assert [worker.events("job_claimed") for worker in workers] == [[], []]


@pytest.mark.parametrize("shift_s", [HOUR_S, -HOUR_S], ids=["forward", "back"])
async def test_after_a_jump_lost_jobs_are_claimed_and_live_ones_are_not(
    fleet: Fleet,
    client: Redis,
    server: EmbeddedServer,
    clock: WallClock,
    tmp_path: Path,
    shift_s: int,
) -> None:
    """Put back, the leases from before would not lapse for an hour."""
    first, second = await two_workers(fleet, server)
    async with Producer.connect(server.url, queue="work") as jobs:
        for _ in range(4):
            await jobs.enqueue(Gate(path=tmp_path / "gate"))
        await wait_until(lambda: len(fleet.effects.jobs("start")) == 4, "all run")
        first.program.kill()
        lost = {entry for entry, owner in (await owners(client)).items() if owner == first.consumer}

        clock.put(shift_s)

        await second.says("server_clock_jumped")
        (tmp_path / "gate").touch()
        await until_idle(client)

    claimed = second.events("job_claimed")
    assert {each["lost_by"] for each in claimed} == {first.consumer}
    assert len(claimed) == len(lost)
    assert len(fleet.effects.jobs("end")) == 4
