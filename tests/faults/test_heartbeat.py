"""A heartbeat that dies of a defect: the worker ends, says so, and loses nothing."""

from datetime import timedelta
from pathlib import Path

from producers.client import Producer
from streams.state import State
from tests.consumers.support.fleet import Fleet, texts
from tests.consumers.support.kinds import Gate
from tests.support.waiting import wait_until

SOON = timedelta(seconds=20)


async def test_a_worker_whose_heartbeat_has_died_hands_its_jobs_back_and_ends_with_an_error(
    fleet: Fleet, jobs: Producer, redis_url: str, tmp_path: Path
) -> None:
    broken = await fleet.start(
        redis_url,
        "broken",
        lease_ms=2_000,
        grace_ms=500,
        environment={"MILLSTREAM_FAIL": "before_renew:raise@4"},
    )
    job = await jobs.enqueue(Gate(path=tmp_path / "gate"))
    await wait_until(lambda: fleet.effects.jobs("start"), "it runs")

    died = await broken.says("heartbeat_died")
    status = broken.program.wait()

    assert "Traceback" in died["exception"]
    assert "FailpointError" in died["error"]
    assert status != 0
    assert "a part of it has failed" in broken.program.output()
    view = await jobs.get(job.id)
    assert (view.state, view.released, view.losses) == (State.READY, 1, 0)
    (tmp_path / "gate").touch()
    await fleet.start(redis_url, "other", lease_ms=2_000)
    await jobs.result(job.id, timeout=SOON)
    assert texts((await jobs.get(job.id)).history, "outcome") == ["released", "completed"]


async def test_a_worker_whose_heartbeat_has_died_fences_itself_before_its_leases_lapse(
    fleet: Fleet, jobs: Producer, redis_url: str, tmp_path: Path
) -> None:
    """The grace period is longer than the lease: nobody renews in it any more."""
    broken = await fleet.start(
        redis_url,
        "broken",
        lease_ms=1_000,
        grace_ms=600_000,
        environment={"MILLSTREAM_FAIL": "before_renew:raise@4"},
    )
    job = await jobs.enqueue(Gate(path=tmp_path / "gate"))
    await wait_until(lambda: fleet.effects.jobs("start"), "it runs")

    await broken.says("heartbeat_died")
    await broken.says("worker_fenced_itself")
    assert broken.program.wait() != 0

    (tmp_path / "gate").touch()
    await fleet.start(redis_url, "other", lease_ms=1_000)
    await jobs.result(job.id, timeout=SOON)
    assert len(fleet.effects.jobs("end")) == 1
