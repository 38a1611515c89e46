"""`millstream jobs show`: the story of a job, wherever it is."""

import orjson
import pytest
from redis.asyncio import Redis

from streams.settle import Verdict
from tests.producers.cli.conftest import Command
from tests.support.queues import QueueUnderTest, job

FAILED = orjson.dumps(
    {
        "attempt": 1,
        "outcome": "error",
        "consumer": "worker-1:17:abc",
        "host": "mill",
        "version": "0.1",
        "started_ms": 1_795_327_205_000,
        "ended_ms": 1_795_327_206_500,
        "error": "ValueError",
        "message": "a broken wheel \x1b[31m",
        "traceback": "Traceback (most recent call last):\n  the line that raised\n",
    }
)


@pytest.mark.leaves_jobs
async def test_a_waiting_job(command: Command, queue: QueueUnderTest) -> None:
    await queue.add(job(id="one"))

    result = await command("jobs", "show", "one")

    assert result.status == 0
    assert "Job one is ready" in result.out
    assert "waiting for a consumer in the normal stream" in result.out
    assert "No attempt has ended yet." in result.out


@pytest.mark.leaves_jobs
async def test_a_delayed_job_says_when_it_is_due(command: Command, queue: QueueUnderTest) -> None:
    await queue.add(job(id="later", delay_ms=3_600_000))

    result = await command("jobs", "show", "later")

    assert "Job later is delayed" in result.out
    assert "due in 59m" in result.out


@pytest.mark.leaves_jobs
async def test_a_running_job_names_its_consumer(command: Command, queue: QueueUnderTest) -> None:
    await queue.add(job(id="one"))
    await queue.fetch_one("worker-1:17:abc")

    result = await command("jobs", "show", "one")

    assert "Job one is running" in result.out
    assert "with worker-1:17:abc, last heard" in result.out


async def test_a_completed_job_shows_its_result(command: Command, queue: QueueUnderTest) -> None:
    await queue.add(job(id="one"))
    await queue.settle(await queue.fetch_one(), Verdict.COMPLETED, detail=b'{"bytes":17}')

    result = await command("jobs", "show", "one")

    assert "Job one is completed" in result.out
    assert '{"bytes":17}' in result.out


async def test_a_dead_job_tells_attempts_error_and_traceback(
    command: Command, queue: QueueUnderTest
) -> None:
    """What came from outside stands there without its power over the terminal."""
    await queue.add(job(id="one"))
    await queue.settle(
        await queue.fetch_one(), Verdict.DEAD, detail="no attempts left", attempt=FAILED
    )
    letter = await queue.letter("one")

    result = await command("jobs", "show", "one")

    assert "Job one is dead" in result.out
    for part in (
        "no attempts left",
        f"millstream dead replay {letter.dead_entry}",
        r"ValueError: a broken wheel \x1b[31m",
        "worker-1:17:abc",
        "2026-11-22 06:00:06 UTC",
        "1s",
        "  the line that raised",
    ):
        assert part in result.out
    assert "\x1b" not in result.out


async def test_json_has_the_whole_view(command: Command, queue: QueueUnderTest) -> None:
    await queue.add(job(id="one"))
    await queue.settle(await queue.fetch_one(), Verdict.DEAD, detail="why", attempt=FAILED)

    view = orjson.loads((await command("jobs", "show", "one", "--json")).out)

    assert (view["state"], view["cause"], view["queue"]) == ("dead", "why", "tiles")
    assert view["history"] == [orjson.loads(FAILED)]


async def test_a_job_is_found_in_any_queue(
    command: Command, client: Redis, on_the_server: str
) -> None:
    assert on_the_server
    other = QueueUnderTest(client, "video")
    await other.open()
    await other.add(job(id="one"))
    await other.settle(await other.fetch_one(), Verdict.COMPLETED, detail=b"1")

    assert "video, normal" in (await command("jobs", "show", "one")).out
    assert (await command("jobs", "show", "one", "--queue", "tiles")).status == 1


async def test_an_unknown_job_says_what_may_be_the_matter(
    command: Command, queue: QueueUnderTest
) -> None:
    await queue.open()

    result = await command("jobs", "show", "nobody")

    assert result.status == 1
    assert "no queue of this Redis (tiles) has a record of the job 'nobody'" in result.err
    assert result.err.count("\n") == 1


async def test_an_id_that_no_job_can_have_is_refused(command: Command) -> None:
    result = await command("jobs", "show", "a b")

    assert result.status == 1
    assert "no spaces" in result.err
