"""From a job to a result under the picture's name."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import orjson
import pytest
from redis.asyncio import Redis

from consumers.handler import Context, Unlinked
from consumers.handlers.gradients.errors import NotAnImageError, PictureMissingError
from consumers.handlers.gradients.handler import RESULT_TTL, GradientHandler, result_name
from consumers.handlers.gradients.pictures import LocalPictures
from consumers.handlers.gradients.system import open_system
from consumers.registry import Runs
from producers.payloads.gradients import GradientJob
from streams.cache import RedisCache
from tests.support.pictures import plain, saved

KEY = "my-gallery/uploads/2024-01-15/image.jpg"
JOB = GradientJob(guild_id="1", gallery_name="my-gallery", storage_key=KEY, item_id="image")
NOW = datetime(2024, 1, 15, 10, 30, 2, tzinfo=UTC)


class Heard(Unlinked):
    """Keeps what a handler writes into the log."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, Any]]] = []

    def log(self, event: str, fields: Any) -> None:
        """Keep it."""
        self.lines.append((event, dict(fields)))


def delivery(link: Unlinked | None = None, **changes: Any) -> Context:
    values: dict[str, Any] = {
        "job_id": "job-1",
        "kind": GradientJob.kind,
        "queue": "gradients",
        "attempt": 2,
        "attempts_max": 4,
        "fence": 1,
        "enqueued_ms": 1705314600000,
        "link": link or Unlinked(),
    }
    return Context(**{**values, **changes})


@pytest.fixture
def handler(client: Redis, tmp_path: Path) -> GradientHandler:
    (tmp_path / KEY).parent.mkdir(parents=True)
    (tmp_path / KEY).write_bytes(saved(plain((49, 55, 136)), "PNG"))
    return GradientHandler(LocalPictures(tmp_path), RedisCache(client), now=lambda: NOW)


async def test_the_result_has_the_shape_of_the_seed(
    handler: GradientHandler, client: Redis
) -> None:
    result: Any = await handler(JOB, delivery())

    stored = await client.get(f"gradient:{KEY}")
    assert stored is not None
    assert orjson.loads(stored) == result
    assert list(result) == ["status", "gradient", "attempts", "createdAt", "updatedAt"]
    assert result["status"] == "completed"
    assert list(result["gradient"]) == [
        *("palette", "primary", "secondary", "foreground", "css", "blurDataUrl"),
    ]
    assert result["gradient"]["css"] == "linear-gradient(135deg, #313788 0%, #313788 100%)"
    assert result["attempts"] == 2
    assert result["createdAt"] == 1705314600000
    assert result["updatedAt"] == 1705314602000


async def test_the_result_is_kept_for_thirty_days(handler: GradientHandler, client: Redis) -> None:
    await handler(JOB, delivery())

    days = await client.ttl(result_name(KEY)) / 86_400
    assert timedelta(days=30) == RESULT_TTL
    assert 29.99 < days <= 30


async def test_a_worker_that_was_frozen_overwrites_no_newer_result(
    handler: GradientHandler, client: Redis, tmp_path: Path
) -> None:
    (tmp_path / KEY).write_bytes(saved(plain((230, 120, 30)), "PNG"))
    await handler(JOB, delivery(fence=2))
    newer = await client.get(result_name(KEY))
    (tmp_path / KEY).write_bytes(saved(plain((0, 0, 0)), "PNG"))
    heard = Heard()

    await handler(JOB, delivery(heard, fence=1))

    assert await client.get(result_name(KEY)) == newer
    assert heard.lines[0][0] == "gradient_overtaken"


async def test_a_line_of_the_log_has_the_fields_of_the_seed(handler: GradientHandler) -> None:
    heard = Heard()

    await handler(JOB, delivery(heard))

    [(event, fields)] = heard.lines
    assert event == "gradient_made"
    assert fields["service"] == "photo-gallery-worker-gradient"
    assert fields["time"] == "2024-01-15T10:30:02.000Z"
    assert fields["jobId"] == "job-1"
    assert fields["storageKey"] == KEY
    assert fields["processingTimeMs"] >= 0
    assert (fields["primary"], fields["secondary"]) == ("#313788", "#313788")
    assert fields["msg"] == "Job completed successfully"
    assert fields["contrast"] >= 4.5


async def test_a_text_that_calls_itself_a_picture_fails_for_good(
    handler: GradientHandler, client: Redis, tmp_path: Path
) -> None:
    (tmp_path / KEY).write_text("this is a text")

    with pytest.raises(NotAnImageError):
        await handler(JOB, delivery())
    assert await client.get(result_name(KEY)) is None


async def test_a_picture_that_is_gone_fails_for_good(
    handler: GradientHandler, tmp_path: Path
) -> None:
    (tmp_path / KEY).unlink()

    with pytest.raises(PictureMissingError):
        await handler(JOB, delivery())


async def test_the_system_runs_it_in_a_child_and_waits_2_4_and_8_seconds(
    client: Redis, tmp_path: Path
) -> None:
    environment = {"MILLSTREAM_GRADIENTS_DIR": str(tmp_path), "GRADIENT_JOB_MAX_RETRIES": "5"}
    async with open_system(RedisCache(client), environment) as registry:
        binding = registry.find(GradientJob.kind)

    assert binding is not None
    assert binding.runs is Runs.CHILD
    policy = binding.retry
    assert policy is not None
    assert [policy.delay(attempt, 0.7).total_seconds() for attempt in (1, 2, 3)] == [2, 4, 8]
    assert binding.attempts == 6


def test_the_result_is_what_json_can_hold() -> None:
    assert result_name(KEY) == "gradient:my-gallery/uploads/2024-01-15/image.jpg"
    assert cast("Any", JOB.model_dump())["storageKey"] == KEY
