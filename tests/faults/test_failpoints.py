"""A worker that fails between any two of its steps: each job ends once, and nothing is lost.

Real processes, killed or frozen by themselves at a named place, with one other worker that
has to put things right. What a handler does outside Redis stands in a file of effects.
"""

import signal
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
from redis.asyncio import Redis

from consumers.failpoints import EXIT_STATUS, FAILPOINTS, Action, Fate
from producers.client import Producer
from producers.order import new_job
from streams.fetch import fetch
from streams.groups import ensure_groups
from streams.server import Server
from tests.consumers.support.fleet import (
    KEYS,
    Fleet,
    WorkerProcess,
    records,
    report,
    texts,
    until_idle,
)
from tests.consumers.support.kinds import Gate, Note
from tests.support.proxy import Mode, Proxy
from tests.support.waiting import wait_until

#: The shortest that a worker takes.
LEASE_MS = 1_000
JOBS = [f"job-{number}" for number in range(4)]

#: Where the handler had run to its end when the worker failed: its effect may come twice.
AFTER_THE_EFFECT = {"after_handler", "before_settle", "after_settle"}
#: Where something was recorded already, which may not run again.
AFTER_THE_RECORD = {"after_settle"}
#: A frozen worker is interesting where others may take its jobs meanwhile.
FROZEN = ("after_fetch", "before_handler", "after_handler", "before_settle")


class Scene:
    """A worker that is going to fail with jobs in hand."""

    def __init__(self, fleet: Fleet, client: Redis, url: str, gate: Path) -> None:
        self._fleet = fleet
        self._client = client
        self._url = url
        self._gate = gate

    async def play(self, jobs: Producer, name: str, action: str) -> WorkerProcess:
        """Let a worker with four jobs come to the failpoint *name*."""
        holds = name in {"before_renew", "after_renew", "before_release"}
        order = [new_job(Gate(path=self._gate) if holds else Note(), id=job_id) for job_id in JOBS]
        if name == "after_claim":
            await ensure_groups(self._client, KEYS)
            await jobs.enqueue_many(order)
            taken, *_ = await fetch(Server(self._client), KEYS, "ghost:1:aa", slots=8, served=0)
            assert len(taken) == len(JOBS)
        victim = await self._fleet.start(
            self._url,
            "victim",
            concurrency=8,
            lease_ms=LEASE_MS,
            # The first renewal of all comes before there is a job.
            environment={"MILLSTREAM_FAIL": f"{name}:{action}{'@3' if 'renew' in name else ''}"},
        )
        if name != "after_claim":
            await jobs.enqueue_many(order)
        if name == "before_release":
            await wait_until(lambda: len(self._fleet.effects.jobs("start")) == len(JOBS), "it runs")
            victim.send(signal.SIGTERM)
            victim.send(signal.SIGTERM)
        return victim

    def open_the_gate(self) -> None:
        """Let the handlers that wait come to their end."""
        self._gate.touch()


@pytest.fixture
def scene(fleet: Fleet, client: Redis, redis_url: str, tmp_path: Path) -> Scene:
    return Scene(fleet, client, redis_url, tmp_path / "gate")


@pytest.mark.parametrize("name", FAILPOINTS)
async def test_a_worker_killed_between_two_steps_loses_no_job_and_records_none_twice(
    name: str, scene: Scene, fleet: Fleet, jobs: Producer, client: Redis, redis_url: str
) -> None:
    victim = await scene.play(jobs, name, "kill")
    assert victim.program.wait() == -signal.SIGKILL
    scene.open_the_gate()
    healthy = fleet.launch(redis_url, "healthy", concurrency=8, lease_ms=LEASE_MS)
    await until_idle(client)

    await _require_one_end_each(jobs, client, fleet)
    for job_id in JOBS:
        runs = fleet.effects.jobs("end").count(job_id)
        assert runs == 1 if name not in AFTER_THE_EFFECT else runs in {1, 2}
    if name in AFTER_THE_RECORD:
        assert {row["pid"] for row in fleet.effects.rows("start")} <= {victim.pid, healthy.pid}
        recorded = {job for job in JOBS if fleet.effects.jobs("start").count(job) == 1}
        assert recorded, "what was recorded before the kill did not run again"


@pytest.mark.parametrize("name", FROZEN)
async def test_a_worker_frozen_between_two_steps_changes_nothing_when_it_thaws(
    name: str, scene: Scene, fleet: Fleet, jobs: Producer, client: Redis, redis_url: str
) -> None:
    victim = await scene.play(jobs, name, "stop")
    frozen = psutil.Process(victim.pid)
    await wait_until(lambda: frozen.status() == psutil.STATUS_STOPPED, "it is frozen")
    fleet.launch(redis_url, "healthy", concurrency=8, lease_ms=LEASE_MS)
    await until_idle(client)
    before = await records(client, JOBS, "state", "token", "last_attempt", "ended_ms")

    victim.send(signal.SIGCONT)
    late = await jobs.enqueue(Note(), id="late")
    await jobs.result(late.id, timeout=timedelta(seconds=15))
    victim.send(signal.SIGTERM)
    assert victim.program.wait() == 0

    assert await records(client, JOBS, "state", "token", "last_attempt", "ended_ms") == before
    await _require_one_end_each(jobs, client, fleet, and_also=1)


@pytest.mark.parametrize("action", [Action.EXIT, Action.RAISE])
async def test_a_worker_that_ends_by_its_own_defect_hands_nothing_to_the_void(
    action: Action, scene: Scene, fleet: Fleet, jobs: Producer, client: Redis, redis_url: str
) -> None:
    victim = await scene.play(jobs, "before_settle", action.value)
    status = victim.program.wait()
    fleet.launch(redis_url, "healthy", concurrency=8, lease_ms=LEASE_MS)
    await until_idle(client)

    assert status == EXIT_STATUS if action is Action.EXIT else status != 0
    assert victim.events("failpoint_armed")
    assert victim.events("failpoint_reached")[0]["failpoint"] == "before_settle"
    await _require_one_end_each(jobs, client, fleet)


async def test_a_worker_killed_before_it_hears_that_its_outcome_is_recorded_has_recorded_it(
    fleet: Fleet, jobs: Producer, client: Redis, redis_url: str, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    async with Proxy(redis_url) as proxy:
        victim = await fleet.start(proxy.url, "victim", concurrency=8, lease_ms=LEASE_MS)
        await _start_all(fleet, jobs, gate)
        proxy.set(Mode.DROP_REPLIES)
        gate.touch()
        await wait_until(lambda: _recorded(client), "the server has recorded what it was sent")
        victim.program.kill()
    recorded = await _recorded(client)
    await fleet.start(redis_url, "healthy", concurrency=8, lease_ms=LEASE_MS)
    await until_idle(client)

    await _require_one_end_each(jobs, client, fleet, and_also=1)
    assert all(fleet.effects.jobs("end").count(job_id) == 1 for job_id in recorded)


async def test_a_settle_that_is_repeated_after_a_lost_answer_changes_nothing(
    fleet: Fleet, jobs: Producer, client: Redis, redis_url: str, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    async with Proxy(redis_url) as proxy:
        worker = await fleet.start(proxy.url, "worker", concurrency=8)
        await _start_all(fleet, jobs, gate)
        proxy.set(Mode.DROP_REPLIES)
        gate.touch()
        await wait_until(lambda: _recorded(client), "the server has recorded what it was sent")
        await worker.says("settle_failed")
        proxy.set(Mode.RESET)  # the repeat goes over a new connection
        proxy.set(Mode.RELAY)
        await jobs.result((await jobs.enqueue(Note())).id, timeout=timedelta(seconds=15))

    assert worker.events("outcome_fenced") == []
    counters = (await report(client)).counters
    assert (counters["completed"], counters.get("fenced", 0)) == (len(JOBS) + 2, 0)
    await _require_one_end_each(jobs, client, fleet, and_also=2)


async def _start_all(fleet: Fleet, jobs: Producer, gate: Path) -> None:
    """All of `JOBS` run, after one that has brought the scripts to the server.

    Without it the answer that is lost would be that the server does not know the script.
    """
    await jobs.result((await jobs.enqueue(Note())).id, timeout=timedelta(seconds=15))
    await jobs.enqueue_many(new_job(Gate(path=gate), id=job_id) for job_id in JOBS)
    await wait_until(lambda: set(JOBS) <= set(fleet.effects.jobs("start")), "all run")


async def _recorded(client: Redis) -> list[str]:
    """Those of `JOBS` whose end the server has."""
    states = await records(client, JOBS, "state")
    return [job_id for job_id, state in zip(JOBS, states, strict=True) if state == ("completed",)]


async def _require_one_end_each(
    jobs: Producer, client: Redis, fleet: Fleet, *, and_also: int = 0
) -> None:
    """Completed, recorded once; each start has its end; the fence of the record is the last."""
    counters = (await report(client)).counters
    assert (counters["completed"], counters.get("dead", 0)) == (len(JOBS) + and_also, 0)
    for job_id in JOBS:
        view = await jobs.get(job_id)
        assert view.state.is_end
        assert view.attempt == 1
        outcomes = texts(view.history, "outcome")
        assert outcomes[-1] == "completed"
        assert set(outcomes[:-1]) <= {"lost", "released"}
        starts: list[Any] = [r for r in fleet.effects.rows("start") if r["job"] == job_id]
        assert starts
        assert len({row["fence"] for row in starts}) == len(starts) <= len(outcomes)


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("before_setle:kill", "there is no failpoint 'before_setle': did you mean before_settle?"),
        ("after_fetch:explode", "there is no action 'explode': known are kill, stop, raise, exit"),
        ("after_fetch:stopp", "there is no action 'stopp': did you mean stop?"),
        ("after_fetch", "a failpoint is written `name:action` or `name:action@pass`"),
        ("after_fetch:kill@0", "a failpoint is written `name:action` or `name:action@pass`"),
    ],
)
async def test_a_failpoint_that_does_not_exist_is_refused_at_start(text: str, advice: str) -> None:
    with pytest.raises(ValueError, match=r"failpoint|action") as caught:
        Fate.parse(text)

    assert str(caught.value).startswith(advice)


def test_a_failpoint_may_name_the_pass() -> None:
    assert Fate.parse("after_claim:stop@12") == Fate("after_claim", Action.STOP, 12)
    assert Fate.parse("after_claim:stop").at_pass == 1
