"""Batch handlers: many jobs in one call, an outcome for each, and each as safe as alone."""

from collections.abc import AsyncGenerator, Callable, Hashable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar

import anyio
import pytest
from pydantic import JsonValue
from redis.asyncio import Redis

from consumers.batch import SIZE_MAX, BatchJob, Result
from consumers.errors import PermanentError, RegistryError, RetryableError
from consumers.registry import AnyBatchHandler, Registry
from consumers.retry import RetryPolicy
from consumers.settings import worker_settings
from consumers.worker import Worker
from producers.client import Producer
from producers.errors import JobFailedError
from producers.order import new_job
from producers.payloads.base import Payload
from streams.job import NewJob
from streams.state import State
from tests.consumers.support.fleet import KEYS, letters, until_idle
from tests.support.waiting import wait_until

SOON = timedelta(seconds=20)
#: Long enough that a batch is full before, whatever the machine does.
LONG = timedelta(seconds=10)
SHORT = timedelta(milliseconds=20)


class Cell(Payload):
    """A job of some group."""

    kind: ClassVar[str] = "test.cell"
    group: str = ""
    value: int = 0


def cells(count: int, group: str = "") -> list[NewJob]:
    """Jobs whose ids are their values."""
    return [new_job(Cell(group=group, value=n), id=f"{group}{n}") for n in range(count)]


@asynccontextmanager
async def working(
    url: str,
    handler: AnyBatchHandler[Cell],
    *,
    size: int = 10,
    wait: timedelta = SHORT,
    key: Callable[[Cell], Hashable] | None = None,
    timeout: timedelta = SOON,  # noqa: ASYNC109 - that of the handler
    permanent: tuple[type[Exception], ...] = (),
) -> AsyncGenerator[Worker]:
    """A worker in this process whose one kind comes in batches."""
    registry = Registry()
    registry.add_batch(
        Cell, handler, size=size, wait=wait, key=key, timeout=timeout, permanent=permanent
    )
    arguments = {"redis_url": url, "concurrency": "50", "log_level": "critical", "grace_ms": "2000"}
    settings = worker_settings({}, arguments, queue=KEYS.queue)
    soon = RetryPolicy(first=timedelta(milliseconds=50))
    worker = Worker(registry, settings, policy=soon)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(worker.run)
        try:
            yield worker
        finally:
            worker.stop()


class Calls:
    """A batch handler that notes what it was given, and gives the values back."""

    def __init__(self) -> None:
        self.made: list[list[int]] = []

    async def __call__(self, jobs: Sequence[BatchJob[Cell]]) -> Sequence[Result]:
        self.made.append([job.payload.value for job in jobs])
        return [job.payload.value for job in jobs]


async def results_of(jobs: Producer, ids: Sequence[str]) -> list[JsonValue]:
    """Of each of them, once it has ended."""
    return [await jobs.result(each, timeout=SOON) for each in ids]


async def test_jobs_come_together_and_each_has_its_own_result(
    jobs: Producer, redis_url: str
) -> None:
    calls = Calls()
    await jobs.enqueue_many(cells(25))

    async with working(redis_url, calls, wait=LONG, size=5):
        assert await results_of(jobs, [str(n) for n in range(25)]) == list(range(25))

    assert [len(each) for each in calls.made] == [5] * 5
    assert sorted(n for each in calls.made for n in each) == list(range(25))
    [attempt] = (await jobs.get("7")).history
    assert (attempt["attempt"], attempt["outcome"]) == (1, "completed")


async def test_a_job_that_has_expired_comes_into_no_batch(jobs: Producer, redis_url: str) -> None:
    calls = Calls()
    late = new_job(Cell(value=7), id="late", expires=datetime(2000, 1, 1, tzinfo=UTC))
    await jobs.enqueue_many([late, *cells(2)])

    async with working(redis_url, calls, size=2):
        assert await results_of(jobs, ["0", "1"]) == [0, 1]
        with pytest.raises(JobFailedError, match="ended as cancelled: expired"):
            await jobs.result("late", timeout=SOON)

    assert calls.made == [[0, 1]]


async def test_a_batch_larger_than_the_slots_starts_when_every_slot_is_taken(
    jobs: Producer, redis_url: str
) -> None:
    calls = Calls()
    await jobs.enqueue_many(cells(100))

    async with working(redis_url, calls, wait=LONG, size=SIZE_MAX):
        assert await results_of(jobs, [str(n) for n in range(100)]) == list(range(100))

    assert [len(each) for each in calls.made] == [50, 50]


async def test_a_batch_that_does_not_fill_starts_after_its_wait(
    jobs: Producer, redis_url: str
) -> None:
    calls = Calls()

    async with working(redis_url, calls, wait=SHORT, size=100):
        await jobs.enqueue_many(cells(3))
        assert await results_of(jobs, ["0", "1", "2"]) == [0, 1, 2]


async def test_only_jobs_of_the_same_key_come_together(jobs: Producer, redis_url: str) -> None:
    groups: list[set[str]] = []

    async def handler(batch: Sequence[BatchJob[Cell]]) -> Sequence[Result]:
        groups.append({job.payload.group for job in batch})
        return [None] * len(batch)

    mixed = [job for pair in zip(cells(10, "a"), cells(10, "b"), strict=True) for job in pair]
    await jobs.enqueue_many(mixed)
    async with working(redis_url, handler, wait=LONG, key=lambda cell: cell.group):
        await results_of(jobs, [job.id for job in mixed])

    assert sorted(groups, key=min) == [{"a"}, {"b"}]


async def test_an_error_that_is_returned_is_its_own_jobs_alone(
    jobs: Producer, client: Redis, redis_url: str
) -> None:
    async def handler(batch: Sequence[BatchJob[Cell]]) -> Sequence[Result]:
        found: list[Result] = []
        for job in batch:
            value = job.payload.value
            if value == 1:
                found.append(PermanentError("one is hopeless"))
            elif value == 2 and job.context.attempt == 1:
                found.append(RetryableError("two is not ready"))
            elif value == 3:
                found.append(KeyError("three"))
            else:
                found.append(value)
        return found

    await jobs.enqueue_many(cells(5))
    async with working(redis_url, handler, size=5, permanent=(KeyError,)):
        assert await results_of(jobs, ["0", "2", "4"]) == [0, 2, 4]
        for hopeless in ("1", "3"):
            with pytest.raises(JobFailedError):
                await jobs.result(hopeless, timeout=SOON)

    assert {each.id: each.cause for each in await letters(client)} == {
        "1": "permanent error",
        "3": "permanent error",
    }
    assert [row["outcome"] for row in (await jobs.get("2")).history] == ["error", "completed"]


async def test_an_error_that_is_raised_is_every_jobs(jobs: Producer, redis_url: str) -> None:
    async def handler(batch: Sequence[BatchJob[Cell]]) -> Sequence[Result]:
        if any(job.context.attempt == 1 for job in batch):
            raise OSError("no grid")
        return [None] * len(batch)

    await jobs.enqueue_many(cells(4))
    async with working(redis_url, handler, size=4):
        await results_of(jobs, ["0", "1", "2", "3"])

    for each in ("0", "1", "2", "3"):
        rows = (await jobs.get(each)).history
        assert rows[0]["message"] == "no grid"
        assert [row["outcome"] for row in rows] == ["error", "completed"]


@pytest.mark.parametrize("wrong", [[1], [1, 2, 3], None, "ab", 7])
async def test_another_number_of_results_is_a_mistake_that_no_retry_mends(
    jobs: Producer, client: Redis, redis_url: str, wrong: JsonValue
) -> None:
    async def handler(_batch: Sequence[BatchJob[Cell]]) -> JsonValue:
        return wrong

    await jobs.enqueue_many(cells(2))
    async with working(redis_url, handler, size=2, wait=LONG):  # type: ignore[arg-type]
        await until_idle(client)

    found = await letters(client)
    assert sorted(each.id for each in found) == ["0", "1"]
    for each in found:
        assert "for each of its 2 jobs, in their order" in str(each.history[-1]["message"])


async def test_an_invalid_payload_and_a_key_that_fails_leave_their_neighbours_alone(
    jobs: Producer, client: Redis, redis_url: str
) -> None:
    def key(cell: Cell) -> Hashable:
        if cell.value == 1:
            raise PermanentError("no key for one")
        return cell.group

    await client.xadd(
        KEYS.streams["normal"], {"kind": Cell.kind, "payload": '{"valu": 1}', "id": "odd"}
    )
    await jobs.enqueue_many(cells(3))
    async with working(redis_url, Calls(), key=key):
        assert await results_of(jobs, ["0", "2"]) == [0, 2]
        await until_idle(client)

    causes = {each.id: each.cause for each in await letters(client)}
    assert causes == {"odd": "invalid payload", "1": "permanent error"}


async def test_a_plain_batch_handler_runs_in_a_thread(jobs: Producer, redis_url: str) -> None:
    def handler(batch: Sequence[BatchJob[Cell]]) -> Sequence[Result]:
        for job in batch:
            job.context.check()
        return [job.payload.value * 2 for job in batch]

    await jobs.enqueue_many(cells(6))
    async with working(redis_url, handler, size=3):
        assert await results_of(jobs, [str(n) for n in range(6)]) == [0, 2, 4, 6, 8, 10]


async def test_a_batch_that_takes_too_long_is_a_timeout_of_each_of_its_jobs(
    jobs: Producer, redis_url: str
) -> None:
    async def handler(batch: Sequence[BatchJob[Cell]]) -> Sequence[Result]:
        if batch[0].context.attempt == 1:
            await anyio.sleep_forever()
        return [None] * len(batch)

    await jobs.enqueue_many(cells(2))
    async with working(redis_url, handler, size=2, timeout=timedelta(milliseconds=100)):
        await results_of(jobs, ["0", "1"])

    for each in ("0", "1"):
        rows = (await jobs.get(each)).history
        assert [row["outcome"] for row in rows] == ["timeout", "completed"]


async def test_one_job_that_is_cancelled_does_not_take_its_neighbours_along(
    jobs: Producer, redis_url: str
) -> None:
    """Its handler sees it; what comes of that job is not recorded as a success."""
    entered, seen = anyio.Event(), anyio.Event()

    async def handler(batch: Sequence[BatchJob[Cell]]) -> Sequence[Result]:
        entered.set()
        await wait_until(lambda: batch[0].context.cancelled, "the first is cancelled")
        assert not batch[1].context.cancelled
        seen.set()
        return [None] * len(batch)

    await jobs.enqueue_many(cells(2))
    async with working(redis_url, handler, size=2, wait=LONG):
        await entered.wait()
        await jobs.cancel("0")
        assert await results_of(jobs, ["1"]) == [None]
        with pytest.raises(JobFailedError):
            await jobs.result("0", timeout=SOON)

    assert seen.is_set()
    assert (await jobs.get("0")).state is State.CANCELLED


async def test_a_worker_that_ends_hands_a_batch_back_and_it_costs_no_attempt(
    jobs: Producer, redis_url: str
) -> None:
    entered = anyio.Event()

    async def handler(_batch: Sequence[BatchJob[Cell]]) -> Sequence[Result]:
        entered.set()
        await anyio.sleep_forever()
        return []

    await jobs.enqueue_many(cells(3))
    async with working(redis_url, handler, size=3, wait=LONG) as worker:
        await entered.wait()
        worker.stop()

    async with working(redis_url, Calls(), size=3):
        await results_of(jobs, ["0", "1", "2"])
    rows = (await jobs.get("0")).history
    assert [(row["attempt"], row["outcome"]) for row in rows] == [(1, "released"), (1, "completed")]


@pytest.mark.parametrize(
    ("size", "wait", "said"),
    [
        (0, SHORT, "a batch has 1 to 1000 jobs, got 0"),
        (SIZE_MAX + 1, SHORT, "a batch has 1 to 1000 jobs, got 1001"),
        (1, timedelta(seconds=-1), "a batch waits for 0 to 0:00:10"),
        (1, timedelta(seconds=11), "a batch waits for 0 to 0:00:10"),
    ],
)
def test_a_rule_out_of_its_range_is_refused_when_it_is_bound(
    size: int, wait: timedelta, said: str
) -> None:
    with pytest.raises(RegistryError, match=said):
        Registry().add_batch(Cell, Calls(), size=size, wait=wait)


def test_the_example_of_the_page_is_a_registry_with_one_kind() -> None:
    page = (Path(__file__).parents[2] / "docs" / "handlers.md").read_text()
    example = page.partition("## Batches")[2].partition("```python\n")[2].partition("```")[0]
    names: dict[str, object] = {}

    exec(example, names)  # noqa: S102 - our own page

    registry = names["registry"]
    assert isinstance(registry, Registry)
    assert list(registry) == ["shop.price"]
