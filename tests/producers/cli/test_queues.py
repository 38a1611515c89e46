"""`millstream queues` against a real server."""

import orjson
import pytest

from streams.priority import Priority
from streams.settle import Verdict
from tests.producers.cli.conftest import Command
from tests.support.queues import QueueUnderTest, job


def row_of(table: str, first: str) -> list[str]:
    """The cells of the first line that starts with *first*."""
    [row, *_] = [line.split() for line in table.splitlines() if line.split()[:1] == [first]]
    return row


@pytest.mark.usefixtures("on_the_server")
async def test_an_empty_server_has_no_queues(command: Command) -> None:
    result = await command("queues")

    assert (result.status, result.out) == (0, "There are no queues on this Redis yet.\n")


@pytest.mark.leaves_jobs
async def test_the_table_counts_what_waits_runs_is_delayed_and_is_dead(
    command: Command, queue: QueueUnderTest
) -> None:
    await queue.add(*(job(priority=Priority.LOW) for _ in range(4)), job(delay_ms=60_000))
    doomed, _running = await queue.fetch("worker-1:17:abc", slots=2)
    await queue.settle(doomed, Verdict.DEAD, detail="no use")

    result = await command("queues")

    assert result.status == 0
    assert row_of(result.out, "tiles")[1:5] == ["2", "1", "1", "1"]
    assert "worker-1:17:abc" in result.out


@pytest.mark.leaves_jobs
async def test_one_queue_is_shown_with_its_levels_and_counters(
    command: Command, queue: QueueUnderTest
) -> None:
    await queue.add(job(priority=Priority.LOW), job(priority=Priority.HIGH))

    result = await command("queues", "tiles")

    assert row_of(result.out, "high")[1:4] == ["1", "0", "0"]
    assert row_of(result.out, "critical")[1:4] == ["0", "0", "0"]
    assert row_of(result.out, "enqueued")[1] == "2"


async def test_json_is_a_list_of_reports(command: Command, queue: QueueUnderTest) -> None:
    await queue.add(job())
    await queue.settle(await queue.fetch_one("me"), Verdict.COMPLETED, detail=b"null")

    result = await command("queues", "--json")

    [report] = orjson.loads(result.out)
    assert (report["queue"], report["undelivered"], report["running"]) == ("tiles", 0, 0)
    assert report["counters"]["completed"] == 1
    assert [each["name"] for each in report["consumers"]] == ["me"]


async def test_an_unknown_queue_is_answered_with_those_that_there_are(
    command: Command, queue: QueueUnderTest
) -> None:
    await queue.open()

    result = await command("queues", "tails")

    assert result.status == 1
    assert "there is no queue 'tails' on this Redis (queues: tiles)" in result.err


async def test_a_name_that_no_queue_can_have_is_refused(
    command: Command, queue: QueueUnderTest
) -> None:
    await queue.open()

    result = await command("queues", "Tiles!")

    assert result.status == 1
    assert "a queue's name has 1 to 63 characters" in result.err
