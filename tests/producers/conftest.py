"""Both sides of one queue."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from producers.client import Producer
from tests.support.queues import QueueUnderTest


@pytest.fixture
async def queue(client: Redis) -> QueueUnderTest:
    """The consumers' side."""
    queue = QueueUnderTest(client)
    await queue.open()
    return queue


@pytest.fixture
async def jobs(redis_url: str, queue: QueueUnderTest) -> AsyncIterator[Producer]:
    """The producer's side of the same queue."""
    async with Producer.connect(redis_url, queue=queue.keys.queue) as producer:
        yield producer
