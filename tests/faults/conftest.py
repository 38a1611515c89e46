"""Workers for the tests of what breaks around them."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from producers.client import Producer
from tests.consumers.support.fleet import Fleet
from tests.support.processes import Processes


@pytest.fixture
def fleet(processes: Processes, tmp_path: Path) -> Iterator[Fleet]:
    """Starts workers; those that still run at the end are killed, which is quick."""
    fleet = Fleet(processes, tmp_path)
    yield fleet
    fleet.kill()


@pytest.fixture
async def jobs(redis_url: str) -> AsyncIterator[Producer]:
    """A producer for the queue of the fleet."""
    async with Producer.connect(redis_url, queue="work") as producer:
        yield producer
