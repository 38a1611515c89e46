"""Workers whose clocks are wrong by an hour: no decision about a job looks at them."""

from pathlib import Path

import pytest
from redis.asyncio import Redis

from producers.client import Producer
from producers.order import new_job
from streams.state import State
from tests.consumers.support.fleet import Fleet, records, report, until_idle
from tests.consumers.support.kinds import Failing, Gate, Sleep
from tests.faults.support.wallclock import WallClock, compiler_of_this_machine
from tests.support.waiting import wait_until

pytestmark = pytest.mark.skipif(
    compiler_of_this_machine() is None,
    reason="a wrong clock needs a library between program and C library, and a C compiler for it",
)

HOUR_S = 3_600
LEASE_MS = 1_000


async def test_workers_an_hour_ahead_and_an_hour_behind_share_a_queue_in_peace(
    fleet: Fleet, jobs: Producer, client: Redis, redis_url: str, tmp_path: Path
) -> None:
    """Leases, retries, claims: all by the server's clock."""
    for name, shift_s in (("ahead", HOUR_S), ("behind", -HOUR_S)):
        (tmp_path / name).mkdir()
        clock = WallClock(tmp_path / name)
        clock.put(shift_s)
        with clock.worn():
            fleet.launch(redis_url, name, lease_ms=LEASE_MS)
    ahead, behind = fleet.workers
    for worker in (ahead, behind):
        await worker.says("worker_started", timeout_s=30)

    long = await jobs.enqueue(Gate(path=tmp_path / "gate"))
    ids = [f"job-{number}" for number in range(80)]
    await jobs.enqueue_many(new_job(Sleep(ms=50), id=job_id) for job_id in ids)
    retried = await jobs.enqueue(Failing(times=2))
    await wait_until(lambda: fleet.effects.jobs("end")[60:], "most is done")
    running = fleet.effects.rows("start")
    [owner] = {row["pid"] for row in running if row["job"] == long.id}
    victim = ahead if owner == ahead.pid else behind
    victim.program.kill()
    await wait_until(
        lambda: fleet.effects.jobs("start").count(long.id) == 2, "it runs elsewhere, after a lease"
    )
    (tmp_path / "gate").touch()
    await until_idle(client)

    assert set(await records(client, ids, "state")) == {("completed",)}
    view = await jobs.get(long.id)
    assert (view.state, view.losses) == (State.COMPLETED, 1)
    silent_ms = view.history[0]["silent_ms"]
    assert isinstance(silent_ms, int)
    assert LEASE_MS <= silent_ms < 60_000
    assert (await jobs.get(retried.id)).attempt == 3
    assert fleet.effects.jobs("start").count(retried.id) == 3
    counters = (await report(client)).counters
    assert (counters["completed"], counters.get("dead", 0)) == (82, 0)
    # The clocks were wrong indeed.
    hours = {worker.events("worker_started")[0]["timestamp"][:13] for worker in (ahead, behind)}
    assert len(hours) == 2
