"""The registry of consumers, and who may be removed from it."""

import os

import pytest

from streams.connection import open_blocking_client
from streams.inspection import inspect_queue
from streams.priority import LEVELS, Priority
from streams.renew import renew
from streams.server import BlockingServer
from streams.settle import Verdict
from streams.workers import (
    SeenWorker,
    WorkerInfo,
    new_consumer_name,
    retire,
    seen_workers,
    with_trouble,
    workers_of,
)
from tests.support.queues import QueueUnderTest, job, url_of

pytestmark = pytest.mark.leaves_jobs


def test_no_two_consumers_have_one_name() -> None:
    names = {new_consumer_name("worker") for _ in range(1000)}

    assert len(names) == 1000
    assert all(name.startswith(f"worker:{os.getpid()}:") for name in names)


async def test_a_worker_is_seen_as_it_describes_itself(queue: QueueUnderTest) -> None:
    info = WorkerInfo("c:1:ff", "c", "host", 1, "0.1.0", 4, 17)
    with open_blocking_client(url_of(queue.client)) as client:
        renew(BlockingServer(client), queue.keys, info.consumer, info.to_json(), [])

    [seen] = await seen_workers(queue.client, queue.keys)

    assert seen == SeenWorker("c:1:ff", "c", "host", 1, "0.1.0", 4, seen.beat_ms)


def test_a_worker_says_what_is_wrong_with_it() -> None:
    info = WorkerInfo("c:1:ff", "c", "host", 1, "0.1.0", 4, 17, 10_000, ("a", "b")).to_json()

    assert with_trouble(info, "") == info
    fields = {b"c:1:ff": with_trouble(info, "x" * 1_000).encode(), b"beat:c:1:ff": b"5"}
    [seen] = workers_of(fields)
    assert (seen.trouble, seen.kinds, seen.lease_ms) == ("x" * 300, ("a", "b"), 10_000)


async def test_workers_come_by_name_and_none_is_no_error(queue: QueueUnderTest) -> None:
    assert await seen_workers(queue.client, queue.keys) == []
    for consumer in ("b", "a"):
        await queue.renew(consumer=consumer)

    seen = await seen_workers(queue.client, queue.keys)

    assert [each.consumer for each in seen] == ["a", "b"]


@pytest.mark.parametrize("priority", LEVELS)
async def test_a_consumer_with_something_pending_stays(
    queue: QueueUnderTest, priority: Priority
) -> None:
    """Deleting it would drop its pending rows, and with them its jobs."""
    await queue.add(job(id="a", priority=priority))
    delivery = await queue.fetch_one("one")
    await queue.renew(delivery)
    before = await queue.contents()

    assert await retire(queue.server, queue.keys, ["one"]) == []

    assert await queue.contents() == before


async def test_a_consumer_with_nothing_pending_goes_everywhere(queue: QueueUnderTest) -> None:
    for priority in LEVELS:
        await queue.add(job(priority=priority))
    held = await queue.fetch("one")
    await queue.renew(*held)
    for delivery in held:
        await queue.settle(delivery, Verdict.COMPLETED)
    await queue.renew(consumer="two")

    assert await retire(queue.server, queue.keys, ["one", "nobody"]) == ["one", "nobody"]

    report = await inspect_queue(queue.client, queue.keys)
    assert [each.name for each in report.consumers] == ["two"]
    assert [each.consumer for each in await seen_workers(queue.client, queue.keys)] == ["two"]


async def test_each_consumer_is_judged_for_itself(queue: QueueUnderTest) -> None:
    await queue.add(job(), job())
    await queue.fetch_one("busy")
    await queue.settle(await queue.fetch_one("done"), Verdict.COMPLETED)

    assert await retire(queue.server, queue.keys, ["busy", "done"]) == ["done"]
    assert [owner for _, owner, _ in await queue.pending()] == ["busy"]


async def test_retiring_is_possible_where_streams_and_groups_are_gone(
    queue: QueueUnderTest,
) -> None:
    await queue.renew()
    await queue.client.delete(*queue.keys.streams.values())

    assert await retire(queue.server, queue.keys, ["one"]) == ["one"]
    assert await queue.client.exists(queue.keys.workers) == 0
