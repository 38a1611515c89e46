"""A supervisor and its processes: started, ended, started again; nothing is lost."""

import os
import signal
from pathlib import Path

from redis.asyncio import Redis

from consumers.supervisor.supervisor import EXIT_CONFIG
from producers.client import Producer
from producers.order import new_job
from streams.embedded import EmbeddedServer
from streams.state import State
from tests.consumers.support.crew import children, has_ended, start_supervisor, worker_of
from tests.consumers.support.fleet import ROOT, Fleet, records, report, texts, until_idle
from tests.consumers.support.kinds import Gate, Note, Sleep
from tests.support.processes import Processes
from tests.support.waiting import wait_until

#: So long that nothing in these tests can have waited for it.
LEASE_MS = 600_000
#: An idle worker looks for handed-back jobs every 0.9 s; the rest is for a busy machine.
RECOVERY_MS = 2_000
EXIT_STUCK = 70


async def test_all_processes_take_jobs_and_end_together_without_a_trace(
    fleet: Fleet, jobs: Producer, client: Redis, redis_url: str
) -> None:
    supervisor = await start_supervisor(fleet, redis_url, lease_ms=LEASE_MS)
    ids = [f"job-{number}" for number in range(60)]
    await jobs.enqueue_many(new_job(Sleep(ms=20), id=job_id) for job_id in ids)
    await until_idle(client)

    assert {row["pid"] for row in fleet.effects.rows("end")} == set(children(supervisor).values())
    assert set(await records(client, ids, "state")) == {("completed",)}
    assert sorted(fleet.effects.jobs("start")) == sorted(ids)
    consumers = {each.name for each in (await report(client)).consumers}
    assert {name.split(":")[0] for name in consumers} == {"worker-1", "worker-2"}

    assert supervisor.program.terminate() == 0
    assert (await report(client)).consumers == ()
    assert supervisor.events()[-1]["event"] == "supervisor_shutdown_complete"


async def test_what_a_killed_process_had_runs_elsewhere_long_before_its_lease_lapses(
    fleet: Fleet, jobs: Producer, client: Redis, redis_url: str, tmp_path: Path
) -> None:
    supervisor = await start_supervisor(fleet, redis_url, lease_ms=LEASE_MS)
    job = await jobs.enqueue(Gate(path=tmp_path / "gate"))
    await wait_until(lambda: fleet.effects.jobs("start"), "it runs")
    [first] = fleet.effects.rows("start")

    victim = worker_of(supervisor, int(str(first["pid"])))
    os.kill(int(str(first["pid"])), signal.SIGKILL)
    await wait_until(lambda: fleet.effects.jobs("start")[1:], "it runs elsewhere")
    (tmp_path / "gate").touch()
    await until_idle(client)

    view = await jobs.get(job.id)
    assert (view.state, view.attempt, view.losses) == (State.COMPLETED, 1, 1)
    assert texts(view.history, "outcome") == ["lost", "completed"]
    lost, completed = view.history
    assert (lost["consumer"], lost["reason"]) == (victim, "killed by SIGKILL")
    started_ms, lost_ms = completed["started_ms"], lost["ended_ms"]
    assert isinstance(started_ms, int)
    assert isinstance(lost_ms, int)
    assert started_ms - lost_ms < RECOVERY_MS
    # It has been replaced, and its name is gone.
    await supervisor.says_times("worker_started", 3)
    assert victim not in {each.name for each in (await report(client)).consumers}


async def test_the_first_signal_lets_jobs_finish_and_the_second_hands_them_back(
    fleet: Fleet, jobs: Producer, client: Redis, redis_url: str, tmp_path: Path
) -> None:
    supervisor = await start_supervisor(
        fleet, redis_url, concurrency=1, lease_ms=LEASE_MS, grace_ms=600_000
    )
    finishing = await jobs.enqueue(Gate(path=tmp_path / "gate"))
    waiting = await jobs.enqueue(Gate(path=tmp_path / "never"))
    await wait_until(lambda: fleet.effects.jobs("start")[1:], "both run")

    supervisor.send(signal.SIGTERM)
    await supervisor.says_times("worker_shutdown_started", 2)
    (tmp_path / "gate").touch()
    await wait_until(lambda: fleet.effects.jobs("end"), "one has finished")
    assert supervisor.program.is_running
    supervisor.send(signal.SIGINT)

    assert supervisor.program.wait() == 0
    assert (await jobs.get(finishing.id)).state is State.COMPLETED
    view = await jobs.get(waiting.id)
    assert (view.state, view.released, view.attempt, view.losses) == (State.READY, 1, 1, 0)
    assert (await report(client)).consumers == ()
    await jobs.cancel(waiting.id)


async def test_processes_whose_supervisor_is_killed_finish_and_end(
    fleet: Fleet, jobs: Producer, client: Redis, redis_url: str, tmp_path: Path
) -> None:
    supervisor = await start_supervisor(fleet, redis_url, lease_ms=LEASE_MS, grace_ms=600_000)
    job = await jobs.enqueue(Gate(path=tmp_path / "gate"))
    await wait_until(lambda: fleet.effects.jobs("start"), "it runs")

    supervisor.program.kill()
    await supervisor.says_times("supervisor_gone", 2)
    (tmp_path / "gate").touch()
    pids = children(supervisor).values()
    await wait_until(lambda: all(has_ended(pid) for pid in pids), "all have ended")

    view = await jobs.get(job.id)
    assert (view.state, view.attempt, view.losses) == (State.COMPLETED, 1, 0)
    assert (await report(client)).consumers == ()


async def test_a_process_that_is_told_to_end_by_somebody_else_is_replaced_at_no_cost(
    fleet: Fleet, jobs: Producer, redis_url: str
) -> None:
    supervisor = await start_supervisor(fleet, redis_url, processes=1, lease_ms=LEASE_MS)

    os.kill(children(supervisor)["worker-1"], signal.SIGTERM)
    await supervisor.says_times("worker_started", 2)

    assert supervisor.events("process_ended")[0]["how"] == "exit status 0"
    assert (await jobs.enqueue(Note())).id
    await supervisor.says("job_completed")


async def test_processes_that_crash_at_every_start_end_the_supervisor(
    fleet: Fleet, redis_url: str
) -> None:
    supervisor = fleet.launch(
        redis_url,
        environment={
            "MILLSTREAM_WORKER_SUPERVISE": "yes",
            "MILLSTREAM_FAIL": "before_renew:exit",
        },
    )

    assert supervisor.program.wait(60) == EXIT_STUCK

    [gave_up] = supervisor.events("supervisor_gave_up")
    assert gave_up["crashes"] == 3
    assert [event["crashes"] for event in supervisor.events("process_crash_loop")] == [2]


def test_a_mistake_that_only_a_worker_can_see_is_said_once(
    processes: Processes, redis_url: str, tmp_path: Path
) -> None:
    program = processes.start(
        "python",
        "-m",
        "consumers.cli",
        "tiles",
        "--processes",
        "4",
        environment={
            "PYTHONPATH": str(ROOT),
            "REDIS_URL": redis_url,
            "MILLSTREAM_DATA_DIR": str(tmp_path / "data"),
            "MILLSTREAM_TILES_NONSENSE": "1",
        },
    )

    assert program.wait(60) == EXIT_CONFIG
    lines = program.output().splitlines()
    said = [line for line in lines if line.startswith("millstream-worker: ")]
    assert len(said) == 1
    assert "MILLSTREAM_TILES_NONSENSE" in said[0]
    assert "Traceback" not in program.output()


async def test_one_port_serves_the_health_and_the_metrics_of_all(
    fleet: Fleet, jobs: Producer, client: Redis, redis_url: str
) -> None:
    supervisor = await start_supervisor(
        fleet, redis_url, environment={"MILLSTREAM_WORKER_METRICS_PORT": "0"}
    )
    await jobs.enqueue_many(new_job(Note()) for _ in range(20))
    await until_idle(client)

    async def is_ready() -> bool:
        return (await supervisor.get("/ready"))[0] == 200

    await wait_until(is_ready, "it is ready")
    status, page = await supervisor.get("/metrics")

    assert status == 200
    for process in ("worker-1", "worker-2"):
        assert f'millstream_process_up{{process="{process}"}} 1.0' in page
        assert f'millstream_slots{{process="{process}",queue="work"}} 4.0' in page
        assert f'millstream_process_starts_total{{process="{process}",queue="work"}} 1.0' in page
    assert page.count("# TYPE millstream_slots gauge") == 1
    completed = [
        float(line.rpartition(" ")[2])
        for line in page.splitlines()
        if line.startswith("millstream_deliveries_ended_total") and 'outcome="completed"' in line
    ]
    assert sum(completed) == 20


async def test_a_supervisor_whose_server_is_gone_ends_all_the_same(
    fleet: Fleet, own_server: EmbeddedServer
) -> None:
    supervisor = await start_supervisor(
        fleet, own_server.url, processes=1, lease_ms=LEASE_MS, grace_ms=1_000
    )
    own_server.stop()
    await supervisor.says("fetch_failed")

    assert supervisor.program.terminate() in {0, EXIT_STUCK}

    assert supervisor.events("estate_left")
    assert "Traceback" not in supervisor.program.output()
