"""The gradient worker inside of another program: start, enqueue, look, stop."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from redis.asyncio import Redis

from consumers.errors import ConsumerError
from consumers.gradients import GradientWorker, NotStartedError
from producers.payloads.gradients import GradientJob
from streams.errors import StreamsError
from tests.support.pictures import plain, saved
from tests.support.waiting import wait_until


@pytest.fixture
def environment(redis_url: str, tmp_path: Path) -> Mapping[str, str]:
    """Pictures in a directory: one that is whole, and one that is none."""
    (tmp_path / "a.png").write_bytes(saved(plain((49, 55, 136))))
    (tmp_path / "b.png").write_text("no picture")
    return {
        "REDIS_URL": redis_url,
        "MILLSTREAM_GRADIENTS_DIR": str(tmp_path),
        "LOG_LEVEL": "error",
        "MILLSTREAM_WORKER_REQUIRE_AOF": "no",
    }


def job(key: str) -> GradientJob:
    return GradientJob(guild_id="1", gallery_name="g", storage_key=key, item_id=key)


async def test_it_does_what_is_enqueued_and_counts_it(
    client: Redis, environment: Mapping[str, str]
) -> None:
    worker = GradientWorker(environment)
    assert worker.get_stats() == {
        "jobsProcessed": 0,
        "jobsFailed": 0,
        "activeJobs": 0,
        "isRunning": False,
        "avgProcessingTimeMs": 0.0,
        "totalProcessingTimeMs": 0.0,
    }
    await worker.start()
    assert worker.get_stats()["isRunning"]

    first = await worker.enqueue_job(job("a.png"))
    second = await worker.enqueue_job(job("b.png"))

    assert first != second
    await wait_until(
        lambda: (worker.get_stats()["jobsProcessed"], worker.get_stats()["jobsFailed"]) == (1, 1),
        "both have ended",
        40,
    )

    async def is_idle() -> bool:
        return not (
            await worker.get_queue_length()
            + await worker.get_processing_count()
            + await worker.get_delayed_count()
        )

    await wait_until(is_idle, "both are recorded")
    assert await client.exists("gradient:a.png")
    await worker.stop()
    stats = worker.get_stats()
    assert not stats["isRunning"]
    assert stats["activeJobs"] == 0
    assert stats["totalProcessingTimeMs"] > 0
    assert stats["avgProcessingTimeMs"] == pytest.approx(
        stats["totalProcessingTimeMs"] / 2, abs=0.1
    )


async def test_it_can_be_started_again_and_stopped_twice(environment: Mapping[str, str]) -> None:
    worker = GradientWorker(environment)
    for _ in range(2):
        async with worker:
            assert worker.is_running
        await worker.stop()
        assert not worker.is_running


async def test_what_does_not_run_takes_no_job(environment: Mapping[str, str]) -> None:
    worker = GradientWorker(environment)

    with pytest.raises(NotStartedError, match="call `start` first"):
        await worker.enqueue_job(job("a.png"))
    with pytest.raises(NotStartedError):
        await worker.get_queue_length()


async def test_a_start_that_fails_says_why_and_may_be_tried_again(
    environment: Mapping[str, str],
) -> None:
    nowhere = GradientWorker({**environment, "REDIS_URL": "redis://127.0.0.1:1"})
    for _ in range(2):
        with pytest.raises(StreamsError, match=r"127\.0\.0\.1:1"):
            await nowhere.start()
        assert not nowhere.is_running

    without = {name: each for name, each in environment.items() if name.startswith("REDIS")}
    with pytest.raises(ConsumerError, match="MILLSTREAM_GRADIENTS_DIR"):
        await GradientWorker(without).start()
