"""The `millstream` command in this process, on the server of the session."""

import io
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest
from anyio import to_thread
from redis.asyncio import Redis

from producers.cli.app import new_app
from producers.cli.boundary import run
from tests.support.queues import QueueUnderTest


@dataclass(frozen=True, slots=True)
class Said:
    """How a command ended and what it wrote."""

    status: int
    out: str
    err: str


Command = Callable[..., Awaitable[Said]]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs `millstream ARGUMENTS`; the server is that of `REDIS_URL`."""

    async def command(*arguments: str, typed: str = "") -> Said:
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        capsys.readouterr()
        # In a thread: commands bring an event loop of their own.
        status = await to_thread.run_sync(run, new_app(), arguments)
        return Said(status, *capsys.readouterr())

    return command


@pytest.fixture
def on_the_server(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Makes the empty server of the session the one of `REDIS_URL`."""
    monkeypatch.setenv("REDIS_URL", redis_url)
    return redis_url


@pytest.fixture
async def queue(client: Redis, on_the_server: str) -> QueueUnderTest:
    """An empty queue named `tiles`, which the command finds."""
    assert on_the_server
    queue = QueueUnderTest(client, "tiles")
    await queue.open()
    return queue
