"""One run of the kit: a server, a fleet, jobs, faults, a drain, and the history of it all."""

import os
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
from redis.exceptions import RedisError

from consumers.chaos import unfenced
from consumers.chaos.crew import Crew, Slot, python
from consumers.chaos.faults import schedule
from consumers.chaos.history import History, assemble
from consumers.chaos.injector import Injector
from consumers.chaos.journal import Journal, read_journals
from consumers.chaos.member import DIRECTORY_VARIABLE, HANDLERS_VARIABLE, QUEUE
from consumers.chaos.plan import DRAIN_S, Plan
from consumers.chaos.proxy import Proxy
from consumers.chaos.sink import Sink
from consumers.chaos.traffic import Ordered, Traffic, given_jobs, own_jobs
from consumers.errors import ConsumerError
from streams.connection import connected
from streams.embedded import EmbeddedServer
from streams.errors import ServerUnavailableError, UnknownJobError
from streams.inspection import inspect_queue
from streams.jobs import look
from streams.keys import Keys
from streams.server import Server

#: The first member must take jobs within this time.
START_S = 60.0
#: Between two looks at the queue while it drains.
LOOK_S = 0.2
#: Variables that mean other installations of the same programs.
_FOREIGN = ("MILLSTREAM_WORKER_", "MILLSTREAM_CHAOS_", "MILLSTREAM_FAIL")
#: What a member is given to finish and to hand back.
GRACE_MS = 4_000


class CrewNotUpError(ConsumerError):
    """Raised where no worker came up; ends with what the first one said."""


@dataclass(frozen=True, slots=True)
class _Stage:
    """What a run plays on."""

    server: EmbeddedServer
    producer: Proxy
    crew: Crew
    journal: Journal


async def play(plan: Plan, binary: Path) -> History:
    """Run *plan* on a server of its own; its journals stay in the plan's folder.

    Raises:
        EmbeddedServerError: the server did not start.
        CrewNotUpError: no worker came up.
        PayloadsUnreadableError: the file of jobs cannot be read.
    """
    jobs = given_jobs(plan.payloads, plan) if plan.payloads else own_jobs(plan)
    async with _open_stage(plan, binary) as stage:
        stage.journal.write("setting", {"lease_ms": plan.lease_ms, "seed": plan.seed})
        stuck: list[str] = []
        async with anyio.create_task_group() as keeping:
            keeping.start_soon(stage.crew.keep)
            await _until_up(stage.crew)
            await _disturb(plan, stage, jobs)
            await _drain(stage.server.url)
            stuck = await stage.crew.leave()
            keeping.cancel_scope.cancel()
        await _write_finals(plan, stage, jobs, stuck)
    return assemble(read_journals(plan.directory / "journals"))


async def _disturb(plan: Plan, stage: _Stage, jobs: list[Ordered]) -> None:
    """Jobs and faults at the same time."""
    injector = Injector(stage.server, stage.producer, stage.crew, stage.journal)
    traffic = Traffic(stage.producer.url, QUEUE, stage.journal)
    planned = schedule(plan.seed, plan.seconds, plan.lease_s, plan.faults, every_s=plan.every_s)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(traffic.send, jobs, plan.seconds)
        tasks.start_soon(injector.inject, planned)


@asynccontextmanager
async def _open_stage(plan: Plan, binary: Path) -> AsyncGenerator[_Stage]:
    async with AsyncExitStack() as stack:
        journal = stack.enter_context(Journal(plan.directory / "journals", "kit"))
        server = EmbeddedServer(binary, plan.directory / "redis", config={"appendfsync": "always"})
        await anyio.to_thread.run_sync(server.__enter__)
        stack.callback(server.__exit__, None, None, None)
        producer = await stack.enter_async_context(Proxy(server.url))
        processes = [1] * plan.workers + ([plan.supervised] if plan.supervised else [])
        slots = [
            Slot(
                f"supervisor-{number}" if number > plan.workers else f"worker-{number}",
                python("consumers.chaos.member"),
                await stack.enter_async_context(Proxy(server.url)),
                supervises=count if number > plan.workers else 0,
            )
            for number, count in enumerate(processes, start=1)
        ]
        crew = Crew(slots, plan.directory, _environment(plan), journal)
        stack.callback(crew.kill)
        yield _Stage(server, producer, crew, journal)


def _environment(plan: Plan) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    return inherited | {
        "CONCURRENCY": str(plan.concurrency),
        "MILLSTREAM_WORKER_LEASE_MS": str(plan.lease_ms),
        "MILLSTREAM_WORKER_GRACE_MS": str(GRACE_MS),
        "MILLSTREAM_WORKER_QUEUE": QUEUE,
        "MILLSTREAM_WORKER_CHILDREN": "1",
        DIRECTORY_VARIABLE: str(plan.directory.resolve()),
        HANDLERS_VARIABLE: plan.handlers,
        unfenced.VARIABLE: "0" if plan.fenced else "1",
    }


async def _until_up(crew: Crew) -> None:
    with anyio.move_on_after(START_S):
        while len({each.slot.name for each in crew.victims()}) < len(crew.slots):  # noqa: ASYNC110 - no event
            await anyio.sleep(LOOK_S)
        return
    said = (crew.directory / "logs" / f"{crew.slots[0].name}.log").read_text(errors="replace")
    raise CrewNotUpError(
        f"no worker came up within {START_S:.0f} s; the first one said:\n{said[-2_000:]}"
    )


async def _drain(url: str) -> None:
    """Wait until the queue has nothing left, in a healthy system; gives up in the end."""
    with anyio.move_on_after(DRAIN_S):
        while True:
            try:
                async with connected(url) as client:
                    if (await inspect_queue(client, Keys(QUEUE))).is_idle:
                        return
            except (RedisError, OSError, ServerUnavailableError):
                pass
            await anyio.sleep(LOOK_S)


async def _write_finals(plan: Plan, stage: _Stage, jobs: list[Ordered], stuck: list[str]) -> None:
    """What is recorded of each job, and what is left in the queue."""
    keys, sink = Keys(QUEUE), Sink(plan.directory / "sink")
    async with connected(stage.server.url) as client:
        server = Server(client)
        for each in jobs:
            facts = await _final(server, keys, each.job.id)
            effects: list[Any] = list(sink.fences(each.job.id))
            stage.journal.write("final", {**facts, "job": each.job.id, "effects": effects})
        report = await inspect_queue(client, keys)
    left = {"waiting": report.undelivered, "running": report.running, "delayed": report.delayed}
    leftovers: list[Any] = [f"{count} jobs are {what}" for what, count in left.items() if count]
    leftovers += [f"{name} did not end when it was told to" for name in stuck]
    stage.journal.write("drained", {"counters": dict(report.counters), "leftovers": leftovers})


async def _final(server: Server, keys: Keys, job_id: str) -> dict[str, Any]:
    try:
        view = await look(server, keys, job_id)
    except UnknownJobError:
        return {"state": "", "cause": "", "attempt": 1, "losses": 0, "rows": []}
    rows = [{k: v for k, v in row.items() if k != "traceback"} for row in view.history]
    return {
        "state": view.state.value,
        "cause": view.cause,
        "attempt": view.attempt,
        "losses": view.losses,
        "rows": rows,
    }
