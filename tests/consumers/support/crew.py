"""Supervisors as processes: the workers that they have started."""

from typing import Any

import psutil

from tests.consumers.support.fleet import Fleet, WorkerProcess


async def start_supervisor(
    fleet: Fleet, url: str, processes: int = 2, **options: Any
) -> WorkerProcess:
    """Start a supervisor and wait until all of its processes take jobs; see `Fleet.launch`."""
    environment = {
        "MILLSTREAM_WORKER_PROCESSES": str(processes),
        "MILLSTREAM_WORKER_SUPERVISE": "yes",
        **options.pop("environment", {}),
    }
    supervisor = fleet.launch(url, environment=environment, **options)
    await supervisor.says("supervisor_started", timeout_s=30)
    await supervisor.says_times("worker_started", processes)
    return supervisor


def children(supervisor: WorkerProcess) -> dict[str, int]:
    """The worker processes that it has started last, by name."""
    return {event["process"]: event["pid"] for event in supervisor.events("process_started")}


def has_ended(pid: int) -> bool:
    """True where no such process runs."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def worker_of(supervisor: WorkerProcess, pid: int) -> str:
    """The consumer that process *pid* was."""
    [consumer] = [
        event["consumer"]
        for event in supervisor.events("process_ready")
        if f":{pid}:" in event["consumer"]
    ]
    return str(consumer)
