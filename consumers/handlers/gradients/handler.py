"""Runs `gradients.extract`: from a job to a gradient under the name of its picture."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, TypedDict, cast

import orjson
from pydantic import JsonValue

from consumers.handler import Context
from consumers.handlers.gradients.gradient import GradientJson, gradient_of
from consumers.handlers.gradients.pictures import Pictures
from producers.payloads.gradients import GradientJob
from streams.cache import Cache

#: How long a result is kept for the pages that show its picture.
RESULT_TTL: Final = timedelta(days=30)

#: What log lines call this worker.
SERVICE: Final = "photo-gallery-worker-gradient"


class ResultJson(TypedDict):
    """What is stored under `gradient:<storageKey>`; times are Unix milliseconds."""

    status: Literal["completed"]
    gradient: GradientJson
    attempts: int
    createdAt: int
    updatedAt: int


def result_name(storage_key: str) -> str:
    """The name under which the result for the picture *storage_key* is kept."""
    return f"gradient:{storage_key}"


class GradientHandler:
    """The handler of `gradients.extract`.

    Safe to run twice: the same picture gives the same gradient. A run that was overtaken,
    by a later delivery of its job or by a later job for its picture, stores nothing.
    """

    def __init__(
        self,
        pictures: Pictures,
        results: Cache,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._pictures = pictures
        self._results = results
        self._now = now

    async def __call__(self, payload: GradientJob, context: Context, /) -> JsonValue:
        """Read the picture, find its colours, and keep them; they are the result, too.

        Blocks while it decodes: it belongs into a process of its own.

        Raises:
            GradientError: the picture is missing, refused, too large or none; for good.
            StoreUnavailableError: the store does not answer.
        """
        started_s = time.monotonic()
        key = payload.storage_key
        gradient = gradient_of(await self._pictures.get(key))
        now = self._now()
        result = ResultJson(
            status="completed",
            gradient=gradient.to_json(),
            attempts=context.attempt,
            createdAt=context.enqueued_ms,
            updatedAt=round(now.timestamp() * 1000),
        )
        kept = await self._results.put_newest(
            result_name(key), orjson.dumps(result), RESULT_TTL, context.order
        )
        context.log(
            "gradient_made" if kept else "gradient_overtaken",
            {
                "service": SERVICE,
                "time": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                "jobId": context.job_id,
                "storageKey": key,
                "processingTimeMs": round((time.monotonic() - started_s) * 1000),
                "primary": gradient.primary,
                "secondary": gradient.secondary,
                "contrast": gradient.contrast,
                "warnings": "; ".join(gradient.warnings) or None,
                "msg": "Job completed successfully" if kept else "A newer result is there",
            },
        )
        return cast("JsonValue", result)
