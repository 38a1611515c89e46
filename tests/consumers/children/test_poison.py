"""A job that kills whatever runs it: it dies of that alone, and its neighbours live."""

from datetime import timedelta
from pathlib import Path

from redis.asyncio import Redis

from consumers.logline import LINES_MAX
from producers.client import Producer
from producers.order import new_job
from tests.consumers.children.test_child import is_gone
from tests.consumers.support.dangers import Danger, Loop, Plain, PlainChild
from tests.consumers.support.fleet import (
    Fleet,
    WorkerProcess,
    letters,
    records,
    report,
    texts,
    until_idle,
)
from tests.support.waiting import wait_until

PROGRAM = "tests.consumers.support.dangerous"
#: The shortest that a worker takes.
LEASE_MS = 1_000
#: Two children are started, one after the other, on a busy machine.
LONG_S = 60


async def start(fleet: Fleet, url: str, name: str = "worker") -> WorkerProcess:
    return await fleet.start(url, name, lease_ms=LEASE_MS, module=PROGRAM)


async def test_a_job_that_kills_its_child_is_dead_after_two_and_costs_its_neighbours_nothing(
    fleet: Fleet, jobs: Producer, client: Redis, redis_url: str
) -> None:
    worker = await start(fleet, redis_url)
    healthy = [f"healthy-{number}" for number in range(40)]
    poison = await jobs.enqueue(Danger(deed="segfault"), id="poison")
    await jobs.enqueue_many(
        new_job((Loop, Plain, PlainChild)[place % 3](), id=job_id)
        for place, job_id in enumerate(healthy)
    )

    await until_idle(client, LONG_S)

    assert set(await records(client, healthy, "state", "losses")) == {("completed", "")}
    counters = (await report(client)).counters
    assert (counters["completed"], counters["dead"]) == (40, 1)
    [letter] = await letters(client)
    assert (letter.id, letter.cause) == (poison.id, "poison: killed by SIGSEGV")
    assert texts(letter.history, "outcome") == ["crashed", "crashed"]
    assert "Segmentation fault" in str(letter.history[-1]["traceback"])
    view = await jobs.get(poison.id)
    assert (view.attempt, view.losses) == (1, 2)
    assert worker.program.is_running
    assert len(worker.events("job_crashed")) == 2


async def test_a_handler_that_kills_its_worker_twice_runs_alone_and_dies_alone(
    fleet: Fleet, jobs: Producer, client: Redis, redis_url: str
) -> None:
    poison = await jobs.enqueue(Loop(deed="exit"), id="poison")
    victims = [await start(fleet, redis_url, name) for name in ("first", "second")]
    # The second takes over what the first has lost.
    await wait_until(
        lambda: not any(each.program.is_running for each in victims), "both are killed", 30
    )
    survivor = await start(fleet, redis_url, "survivor")
    healthy = [f"healthy-{number}" for number in range(20)]
    await jobs.enqueue_many(new_job(Loop(), id=job_id) for job_id in healthy)

    await until_idle(client, LONG_S)

    assert set(await records(client, healthy, "state")) == {("completed",)}
    [letter] = await letters(client)
    assert (letter.id, letter.cause) == (poison.id, "poison: exit status 3")
    assert texts(letter.history, "outcome") == ["lost", "lost", "crashed", "crashed"]
    assert survivor.program.is_running
    counters = (await report(client)).counters
    assert (counters["completed"], counters["dead"]) == (20, 1)


async def test_a_child_that_holds_the_interpreters_lock_for_leases_runs_once_and_ends_as_timeout(
    fleet: Fleet, jobs: Producer, client: Redis, redis_url: str
) -> None:
    """A catastrophic regular expression: its worker renews, and does not even notice."""
    worker = await start(fleet, redis_url)
    stuck = await jobs.enqueue(
        PlainChild(deed="block"),
        id="stuck",
        attempts=1,
        timeout=timedelta(milliseconds=2.5 * LEASE_MS),
    )
    neighbour = await jobs.enqueue(Loop(), id="neighbour")

    await until_idle(client, LONG_S)

    assert await records(client, [neighbour.id], "state") == [("completed",)]
    [letter] = await letters(client)
    assert (letter.id, letter.cause) == (stuck.id, "attempts used up")
    assert texts(letter.history, "outcome") == ["timeout"]
    assert fleet.effects.jobs("start").count(stuck.id) == 1
    assert (await jobs.get(stuck.id)).losses == 0
    assert not worker.events("event_loop_blocked")
    await wait_until(
        lambda: all(
            is_gone(int(str(each["pid"])))
            for each in fleet.effects.rows("start")
            if each["job"] == stuck.id
        ),
        "its process is gone",
    )


async def test_a_child_ends_with_its_worker_however_that_ends(
    fleet: Fleet, jobs: Producer, client: Redis, redis_url: str
) -> None:
    worker = await start(fleet, redis_url)
    job = await jobs.enqueue(PlainChild(deed="obey"), id="held")
    await wait_until(lambda: fleet.effects.rows("start"), "the child runs it")

    worker.program.kill()

    [row] = fleet.effects.rows("start")
    await wait_until(lambda: is_gone(int(str(row["pid"]))), "the child is gone")
    await jobs.cancel(job.id)
    await start(fleet, redis_url, "healthy")
    await until_idle(client, LONG_S)
    assert (await jobs.get(job.id)).state.value == "cancelled"


async def test_a_shutdown_hands_back_what_runs_in_a_child_and_leaves_no_process(
    fleet: Fleet, jobs: Producer, client: Redis, redis_url: str
) -> None:
    worker = await start(fleet, redis_url)
    job = await jobs.enqueue(PlainChild(deed="obey"), id="held")
    await wait_until(lambda: fleet.effects.rows("start"), "the child runs it")

    fleet.hurry()

    [row] = fleet.effects.rows("start")
    assert is_gone(int(str(row["pid"])))
    assert worker.events("job_released")
    view = await jobs.get(job.id)
    assert (view.attempt, view.losses, texts(view.history, "outcome")) == (1, 0, ["released"])
    await jobs.cancel(job.id)
    assert not await letters(client)


async def test_progress_of_a_child_and_of_a_thread_stands_in_the_record(
    fleet: Fleet, jobs: Producer, redis_url: str, tmp_path: Path
) -> None:
    gates = [tmp_path / name for name in ("child", "plain-child", "thread")]
    await start(fleet, redis_url)
    sent = [
        await jobs.enqueue(Payload(deed="progress", text=str(gate)))
        for Payload, gate in zip((Danger, PlainChild, Plain), gates, strict=True)
    ]

    for job in sent:

        async def is_half(job_id: str = job.id) -> bool:
            progress = (await jobs.get(job_id)).progress
            return progress is not None and (progress.fraction, progress.message) == (0.5, "half")

        await wait_until(is_half, f"{job.id} is half done", 30)
    for gate in gates:
        gate.touch()
    for job in sent:

        async def is_done(job_id: str = job.id) -> bool:
            return (await jobs.get(job_id)).state.is_end

        await wait_until(is_done, f"{job.id} is done", 30)


async def test_what_a_handler_says_is_in_the_workers_log_from_wherever_it_runs(
    fleet: Fleet, jobs: Producer, client: Redis, redis_url: str
) -> None:
    """Of each run no more than a hundred lines; and of the last words none is missed."""
    worker = await start(fleet, redis_url)
    kinds = (Loop, Plain, Danger, PlainChild)
    for danger in kinds:
        await jobs.enqueue(danger(deed="log", text="130"), id=danger.kind)

    await until_idle(client, LONG_S)

    for danger in kinds:
        said = [line for line in worker.events("said") if line["job_id"] == danger.kind]
        assert [line["number"] for line in said] == list(range(LINES_MAX))
        assert {line["level"] for line in said} == {"info"}
        assert {line["place"] for line in said} == {"/a"}
    assert len(worker.events("handler_log_cut")) == len(kinds)
