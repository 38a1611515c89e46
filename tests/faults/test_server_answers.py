"""Answers that are lost on their way: to an enqueue, a read, a claim, a settle."""

from pathlib import Path
from typing import Any

import anyio
import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from producers.client import Producer
from producers.order import new_job
from streams.connection import connected
from streams.enqueue import Acceptance
from streams.keys import GROUP
from streams.server import Server
from tests.consumers.support.fleet import (
    KEYS,
    ROOT,
    Fleet,
    records,
    report,
    until_idle,
)
from tests.consumers.support.kinds import Gate, Note
from tests.faults.support.unheard import unheard_job
from tests.support.processes import Processes, RunningProgram
from tests.support.proxy import Mode, Proxy
from tests.support.waiting import wait_until

#: A producer that loses its answers waits no longer than this for one.
REPLY_TIMEOUT_S = 0.3


async def lose_the_answer_of(jobs: Producer, proxy: Proxy, *ids: str) -> None:
    """Enqueue so that the server does it and the producer never hears of it."""
    proxy.set(Mode.DROP_REPLIES)
    with pytest.raises(RedisError):
        await jobs.enqueue_many(new_job(Note(), id=job_id) for job_id in ids)
    proxy.set(Mode.RELAY)


@pytest.mark.leaves_jobs
async def test_an_enqueue_whose_answer_was_lost_is_repeated_and_adds_nothing(
    redis_url: str, client: Redis
) -> None:
    async with (
        Proxy(redis_url) as proxy,
        connected(proxy.url, reply_timeout_s=REPLY_TIMEOUT_S) as through,
    ):
        jobs = Producer(Server(through), "work")
        await jobs.enqueue(Note(), id="first")
        await lose_the_answer_of(jobs, proxy, "a", "b")
        assert await client.exists(KEYS.job("a"), KEYS.job("b")) == 2

        again = await jobs.enqueue_many(new_job(Note(), id=job_id) for job_id in ("a", "b", "c"))

        assert (again.accepted, again.existing) == (1, 2)
        assert (await jobs.enqueue(Note(), id="a")).acceptance is Acceptance.EXISTS
        assert (await report(client)).undelivered == 4


@pytest.mark.leaves_jobs
@pytest.mark.parametrize(
    ("mode", "again"), [(Mode.BLACKHOLE, "READY"), (Mode.DROP_REPLIES, "EXISTS")]
)
async def test_a_producer_killed_around_its_enqueue_can_send_the_same_id_again(
    processes: Processes, redis_url: str, client: Redis, tmp_path: Path, mode: Mode, again: str
) -> None:
    """Before the server has heard of it, or after, when only the answer was missing."""
    book, sign = tmp_path / "book", tmp_path / "sign"

    def send(url: str) -> RunningProgram:
        sender = ("python", "-m", "tests.faults.support.sender", url, book, sign)
        return processes.start(*sender, environment={"PYTHONPATH": str(ROOT)})

    async with Proxy(redis_url) as proxy:
        first = send(proxy.url)
        await wait_until(book.exists, "it has written down what it will send")
        proxy.set(mode)
        sign.touch()
        if mode is Mode.DROP_REPLIES:
            await wait_until(lambda: client.exists(KEYS.job("kept")), "the server has done it")
        await anyio.to_thread.run_sync(first.kill)
        assert first.output() == ""

    second = send(redis_url)
    assert await anyio.to_thread.run_sync(second.wait) == 0
    assert second.output().split() == [again]
    entries: Any = await client.xrange(KEYS.streams["normal"])
    assert [fields[b"id"] for _, fields in entries] == [b"before", b"kept"]


@pytest.mark.leaves_jobs
async def test_a_plain_xadd_that_is_repeated_is_a_second_job(redis_url: str, client: Redis) -> None:
    """As `docs/wire.md` says: only the clients of Millstream can repeat a call."""
    stream = KEYS.streams["normal"]
    async with (
        Proxy(redis_url) as proxy,
        connected(proxy.url, reply_timeout_s=REPLY_TIMEOUT_S) as through,
    ):
        proxy.set(Mode.DROP_REPLIES)
        with pytest.raises(RedisError):
            await through.xadd(stream, {"kind": "test.note", "payload": "{}"})
        proxy.set(Mode.RELAY)
        await through.xadd(stream, {"kind": "test.note", "payload": "{}"})

    assert await client.xlen(stream) == 2


async def assert_it_cost_nothing(jobs: Producer, job_id: str) -> None:
    view = await jobs.get(job_id)
    assert (view.attempt, view.losses) == (1, 0)
    assert [row["outcome"] for row in view.history] == ["completed"]


@pytest.mark.parametrize("mode", [Mode.DROP_REPLIES, Mode.BLACKHOLE])
async def test_a_job_that_a_half_open_connection_swallowed_is_handed_back_for_nothing(
    fleet: Fleet, jobs: Producer, client: Redis, redis_url: str, mode: Mode
) -> None:
    """The worker waits for a read that has ended, gives it up, and compares."""
    async with Proxy(redis_url) as proxy:
        deaf, unheard = await unheard_job(fleet, jobs, client, proxy, mode)
        await deaf.says("fetch_failed")
        await until_idle(client)

        assert [each["job_id"] for each in deaf.events("orphan_handed_back")] == [unheard]
        await assert_it_cost_nothing(jobs, unheard)
        assert fleet.effects.jobs("start").count(unheard) == 1


async def test_connections_that_went_deaf_are_given_up_before_a_lease_is_over(
    fleet: Fleet, jobs: Producer, client: Redis, redis_url: str, tmp_path: Path
) -> None:
    """All of a worker's, at once, as when a router forgets them; new ones work."""
    gate = tmp_path / "gate"
    async with Proxy(redis_url) as proxy:
        worker = await fleet.start(proxy.url, lease_ms=6_000)
        await jobs.enqueue(Gate(path=gate), id="running")
        await wait_until(lambda: fleet.effects.jobs("start"), "it runs")
        proxy.forget()
        await worker.says("renewal_failed")
        gate.touch()
        await jobs.enqueue(Note(), id="after")
        await until_idle(client)

        assert fleet.effects.jobs("start") == ["running", "after"]
        assert worker.events("job_lost") == []
        counters = (await report(client)).counters
        assert (counters["completed"], counters.get("lost", 0)) == (2, 0)


async def test_a_job_whose_read_was_cut_off_runs_long_before_its_lease_is_over(
    fleet: Fleet, jobs: Producer, client: Redis, redis_url: str
) -> None:
    """The lease is a minute, and nothing is charged."""
    async with Proxy(redis_url) as proxy:
        deaf, unheard = await unheard_job(fleet, jobs, client, proxy, Mode.DROP_REPLIES)
        proxy.set(Mode.RESET, only="XREADGROUP")
        await until_idle(client)

        [handed_back] = deaf.events("orphan_handed_back")
        assert handed_back["job_id"] == unheard
        await assert_it_cost_nothing(jobs, unheard)


async def test_a_job_that_a_worker_does_not_know_of_is_missed_without_any_error(
    fleet: Fleet, jobs: Producer, client: Redis, redis_url: str
) -> None:
    """A command that was on its way for long: the worker looks twice a lease by itself."""
    worker = await fleet.start(redis_url, lease_ms=2_000)
    stream = KEYS.streams["low"]
    async with client.pipeline(transaction=True) as pipe:
        pipe.xadd(stream, {"kind": "test.note", "payload": "{}", "id": "late"})
        pipe.xreadgroup(GROUP, worker.consumer, {stream: ">"})
        await pipe.execute()
    await until_idle(client)

    assert worker.events("fetch_failed") == []
    await assert_it_cost_nothing(jobs, "late")


async def test_a_job_that_is_being_read_or_claimed_is_never_taken_for_forgotten(
    fleet: Fleet, jobs: Producer, client: Redis, redis_url: str
) -> None:
    """While a worker looks for orphans again and again, its reads go on."""
    async with Proxy(redis_url) as proxy:
        worker = await fleet.start(proxy.url, lease_ms=1_000, concurrency=8)
        ids = [f"job-{number}" for number in range(400)]
        async with anyio.create_task_group() as both:
            both.start_soon(jobs.enqueue_many, (new_job(Note(), id=job_id) for job_id in ids))
            for _ in range(5):
                proxy.set(Mode.RESET)
                proxy.set(Mode.RELAY)
                done = len(fleet.effects.jobs("end"))
                wanted = min(done + 20, len(ids))
                await wait_until(lambda: len(fleet.effects.jobs("end")) >= wanted, "more done")  # noqa: B023 - waited for in the same round
        await until_idle(client)

    assert set(await records(client, ids, "state")) == {("completed",)}
    counters = (await report(client)).counters
    assert (counters["completed"], counters.get("lost", 0)) == (400, 0)
    assert fleet.effects.jobs("end") == [*dict.fromkeys(fleet.effects.jobs("end"))]
    assert worker.events("outcome_fenced") == []


async def test_an_outcome_is_recorded_once_however_often_its_answer_is_lost(
    fleet: Fleet, jobs: Producer, client: Redis, redis_url: str, tmp_path: Path
) -> None:
    """The settle is repeated with the same token: "already recorded by you", and no refusal."""
    gate = tmp_path / "gate"
    async with Proxy(redis_url) as proxy:
        worker = await fleet.start(proxy.url)
        job = await jobs.enqueue(Gate(path=gate))
        await wait_until(lambda: fleet.effects.jobs("start"), "it runs")
        proxy.set(Mode.DROP_REPLIES)
        gate.touch()
        await until_idle(client)
        for _ in range(2):
            proxy.set(Mode.RESET)
            proxy.set(Mode.DROP_REPLIES)
        proxy.set(Mode.RELAY)
        await worker.says("settle_failed")
        await worker.says("server_back")

        assert len((await jobs.get(job.id)).history) == 1
        counters = (await report(client)).counters
        assert (counters["completed"], counters.get("fenced", 0)) == (1, 0)
