"""Opens the gradient system for a worker and for its children."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta

from consumers.handlers.gradients.handler import GradientHandler
from consumers.handlers.gradients.pictures import open_pictures
from consumers.handlers.gradients.settings import GradientSettings
from consumers.registry import Registry
from consumers.retry import RetryPolicy
from producers.payloads.gradients import GradientJob
from streams.cache import Cache

#: A picture takes a tenth of a second. This is for a store that answers slowly.
EXTRACT_TIMEOUT = timedelta(minutes=2)

#: 2 s after the first failure, 4 after the second, 8 after the third, and so on.
RETRY = RetryPolicy(first=timedelta(seconds=2), factor=2.0, jitter=0.0)


@asynccontextmanager
async def open_system(cache: Cache, environment: Mapping[str, str]) -> AsyncGenerator[Registry]:
    """The kind of the gradient system and its handler, until the block ends.

    Raises:
        GradientSettingsError: a setting is missing or cannot be used.
        MissingExtraError: the pictures are in S3 and its client is not installed.
    """
    settings = GradientSettings.from_environment(environment)
    async with open_pictures(settings) as pictures:
        registry = Registry()
        registry.add(
            GradientJob,
            GradientHandler(pictures, cache),
            timeout=EXTRACT_TIMEOUT,
            # Decoders of foreign bytes may crash, and hold the interpreter while they work.
            runs="child",
            retry=RETRY,
            attempts=settings.retries_max + 1,
        )
        yield registry
