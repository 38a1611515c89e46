"""`millstream why`: the answer on a terminal and as JSON."""

import orjson
import pytest
from redis.asyncio import Redis

from streams.settle import Verdict
from tests.producers.cli.conftest import Command
from tests.support.queues import QueueUnderTest, job


@pytest.mark.leaves_jobs
async def test_the_answer_says_why_what_next_and_what_to_do(
    command: Command, queue: QueueUnderTest
) -> None:
    await queue.add(job(id="one"))

    result = await command("why", "one")

    assert result.status == 0
    assert result.out.startswith("Job one is ready. No worker consumes the queue 'tiles'.\n")
    assert "Next: It is taken when a worker starts" in result.out
    assert "You can: start a worker: `millstream-worker tiles`" in result.out
    assert "jobs before" in result.out


@pytest.mark.leaves_jobs
async def test_json_is_for_programs(command: Command, queue: QueueUnderTest) -> None:
    await queue.add(job(id="one"))

    answer = orjson.loads((await command("why", "one", "--json")).out)

    assert (answer["state"], answer["reason"]) == ("ready", "no_worker")
    assert answer["facts"]["kind"] == "test.echo"


@pytest.mark.leaves_jobs
async def test_a_beginning_that_only_one_id_has_is_enough(
    command: Command, queue: QueueUnderTest
) -> None:
    await queue.add(job(id="abc-1"), job(id="abd-1"))

    assert (await command("why", "abc")).out.startswith("Job abc-1 is ready.")

    several = await command("why", "ab")
    assert several.status == 1
    assert "ask for one of these: abc-1 (tiles), abd-1 (tiles)" in several.out


async def test_no_trace_is_an_exit_status(command: Command, queue: QueueUnderTest) -> None:
    await queue.open()

    result = await command("why", "nobody")

    assert result.status == 1
    assert "Job nobody is unknown. There is no record of it (asked: tiles)" in result.out


async def test_a_job_is_found_in_any_queue(
    command: Command, client: Redis, on_the_server: str
) -> None:
    assert on_the_server
    other = QueueUnderTest(client, "video")
    await other.open()
    await other.add(job(id="one"))
    await other.settle(await other.fetch_one(), Verdict.COMPLETED, detail=b"1")

    assert (await command("why", "one")).out.startswith("Job one is completed.")
    assert (await command("why", "one", "--queue", "tiles")).status == 1


async def test_what_came_from_outside_has_no_power_over_the_terminal(
    command: Command, queue: QueueUnderTest
) -> None:
    failed = orjson.dumps({"outcome": "error", "error": "E", "message": "red \x1b[31m"})
    await queue.add(job(id="one"))
    await queue.settle(await queue.fetch_one(), Verdict.DEAD, detail="why", attempt=failed)

    out = (await command("why", "one")).out

    assert "\x1b" not in out
    assert r"red \x1b[31m" in out
