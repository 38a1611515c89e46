"""A queue with its groups, on the server of the session."""

import pytest
from redis.asyncio import Redis

from tests.support.queues import QueueUnderTest


@pytest.fixture
async def queue(client: Redis) -> QueueUnderTest:
    """An empty queue named `test`."""
    queue = QueueUnderTest(client)
    await queue.open()
    return queue
