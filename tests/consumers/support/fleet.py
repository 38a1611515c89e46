"""Workers as processes, and what they say, do and leave behind."""

import signal
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import anyio
import orjson
from redis.asyncio import Redis

from streams.dead import dead_letters
from streams.inspection import QueueReport, inspect_queue
from streams.keys import Keys
from streams.letter import DeadLetter
from streams.priority import Priority
from tests.consumers.support.kinds import Effects
from tests.consumers.support.probe import http_get
from tests.support.processes import Processes, RunningProgram
from tests.support.waiting import TIMEOUT_S, wait_until

ROOT = Path(__file__).parents[3]
KEYS = Keys("work")

Event = Mapping[str, Any]


class WorkerProcess:
    """A worker that runs the kinds of the tests."""

    def __init__(self, program: RunningProgram, name: str) -> None:
        self.program = program
        self.name = name

    def events(self, name: str = "") -> list[Event]:
        """The lines of its log, or only those of the event *name*."""
        found: list[Event] = []
        for line in self.program.output().splitlines():
            if line.startswith("{") and line.endswith("}"):
                event: Event = orjson.loads(line)
                if name in {"", event["event"]}:
                    found.append(event)
        return found

    async def says(self, event: str, timeout_s: float = TIMEOUT_S) -> Event:
        """Wait until it has said *event*; returns the first such line."""

        def said() -> list[Event]:
            # Looked at first: what it says with its last breath counts.
            running = self.program.is_running
            found = self.events(event)
            assert found or running, f"{self.name} has ended and not said {event}"
            return found

        await wait_until(said, f"{self.name} says {event}", timeout_s)
        return said()[0]

    async def says_times(self, event: str, times: int, timeout_s: float = 30) -> None:
        """Wait until it has said *event* so many times."""
        await wait_until(
            lambda: len(self.events(event)) >= times, f"{times} times {event}", timeout_s
        )

    @property
    def consumer(self) -> str:
        """Its name in the group."""
        consumer: str = self.events("worker_started")[0]["consumer"]
        return consumer

    @property
    def pid(self) -> int:
        """Its process."""
        return self.program.pid

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.program.send(number)

    async def get(self, path: str) -> tuple[int, str]:
        """Ask its port for health and metrics; returns status and body."""
        served = await self.says("metrics_served")
        return await anyio.to_thread.run_sync(http_get, served["port"], path)


def ended_by_fence(worker: WorkerProcess) -> int:
    """Handlers that a worker has ended because their leases were gone.

    Either its own look at the clock came first, or the answer to its next renewal.
    """
    said = worker.events("worker_fenced_itself") + worker.events("leases_lost")
    return sum(event["handlers_ended"] for event in said)


class Fleet:
    """Starts workers of one queue and looks at what they have done."""

    def __init__(self, processes: Processes, directory: Path) -> None:
        self._processes = processes
        self._workers: list[WorkerProcess] = []
        self.effects = Effects(directory / "effects.jsonl")

    @property
    def workers(self) -> list[WorkerProcess]:
        """All that were started, in this order."""
        return list(self._workers)

    def launch(
        self,
        url: str,
        name: str = "worker",
        *,
        concurrency: int = 4,
        lease_ms: int = 10_000,
        grace_ms: int = 4_000,
        environment: Mapping[str, str] | None = None,
        module: str = "tests.consumers.support.program",
    ) -> WorkerProcess:
        """Start a worker and do not wait for it."""
        program = self._processes.start(
            "python",
            "-m",
            module,
            str(self.effects.path),
            environment={
                "PYTHONPATH": str(ROOT),
                "REDIS_URL": url,
                "WORKER_NAME": name,
                "CONCURRENCY": str(concurrency),
                "MILLSTREAM_WORKER_LEASE_MS": str(lease_ms),
                "MILLSTREAM_WORKER_GRACE_MS": str(grace_ms),
                **(environment or {}),
            },
        )
        worker = WorkerProcess(program, name)
        self._workers.append(worker)
        return worker

    async def start(self, url: str, name: str = "worker", **options: Any) -> WorkerProcess:
        """Start a worker and wait until it takes jobs; see `launch`."""
        worker = self.launch(url, name, **options)
        await worker.says("worker_started", timeout_s=30)
        return worker

    def kill(self) -> None:
        """End all that still run, without a word."""
        for worker in self._workers:
            if worker.program.is_running:
                worker.program.kill()

    def hurry(self) -> None:
        """End all that still run, by two signals; what they have is handed back at once."""
        running = [worker for worker in self._workers if worker.program.is_running]
        for _ in range(2):
            for worker in running:
                worker.send(signal.SIGTERM)
        for worker in running:
            worker.program.wait()

    def stop(self) -> None:
        """End all that still run, together; each must end well."""
        running = [worker for worker in self._workers if worker.program.is_running]
        for worker in running:
            worker.send(signal.SIGTERM)
        endings = {worker.name: worker.program.wait() for worker in running}
        assert endings == dict.fromkeys(endings, 0)


async def send(client: Redis, fields: Mapping[str, str]) -> str:
    """A plain XADD at normal priority, as anybody may send it; returns the entry."""
    named: dict[Any, Any] = dict(fields)
    entry: Any = await client.xadd(KEYS.stream(Priority.NORMAL), named)
    return str(entry.decode())


async def report(client: Redis) -> QueueReport:
    """The queue of the fleet."""
    return await inspect_queue(client, KEYS)


async def until_idle(client: Redis, timeout_s: float = TIMEOUT_S) -> None:
    """Wait until nothing waits, runs or is delayed.

    Looked at in one transaction: between two looks a job can move from a place that has
    not been seen yet to one that has.
    """

    async def is_idle() -> bool:
        async with client.pipeline(transaction=True) as pipe:
            pipe.zcard(KEYS.delayed)
            for stream in KEYS.streams.values():
                pipe.xlen(stream)
            return not any(await pipe.execute())

    await wait_until(is_idle, "the queue is idle", timeout_s)


async def letters(client: Redis) -> list[DeadLetter]:
    """The dead letters of the fleet's queue."""
    return [letter async for letter in dead_letters(client, KEYS)]


async def records(client: Redis, ids: Iterable[str], *fields: str) -> list[tuple[str, ...]]:
    """*fields* of the records of *ids*, as text."""
    async with client.pipeline(transaction=False) as pipe:
        for job_id in ids:
            pipe.hmget(KEYS.job(job_id), list(fields))
        rows = await pipe.execute()
    return [tuple((value or b"").decode() for value in row) for row in rows]


def texts(rows: Iterable[Mapping[str, Any]], name: str) -> list[str]:
    """One field of each row."""
    return [str(row.get(name, "")) for row in rows]
