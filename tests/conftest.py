"""The server that the tests run against, and the order they leave behind.

A test that asks for `client` or `redis_url` gets an empty server and the marker `redis`;
one that asks for `own_server` gets the marker and a server that it may kill.
After a test no entry may be pending and no job undone (unless it is marked `leaves_jobs`), and
after any test no process may be left.
"""

import os
from collections.abc import AsyncIterator, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from streams.embedded import EmbeddedServer
from tests.support import leaks
from tests.support.processes import Processes
from tests.support.servers import (
    ChosenServer,
    NoTestServerError,
    choose_server,
    connect,
    local_server,
)

_SERVER = pytest.StashKey[ChosenServer]()
_FAILED = pytest.StashKey[bool]()


@dataclass(frozen=True, slots=True)
class RunningServer:
    """The server of this session: where it is, what it is, and why it was taken."""

    url: str
    chosen: ChosenServer


def pytest_configure(config: pytest.Config) -> None:
    try:
        config.stash[_SERVER] = choose_server(os.environ)
    except NoTestServerError as error:
        raise pytest.UsageError(str(error)) from None


def pytest_xdist_auto_num_workers() -> int:
    """Two test processes a core, each with a server of its own: most tests wait for something.

    None where the server is the user's, of which there is only one.
    """
    source = os.environ.get("MILLSTREAM_TEST_SERVER", "auto")
    may_be_theirs = "REDIS_URL" in os.environ and source in {"auto", "url"}
    return 0 if may_be_theirs else 2 * (os.cpu_count() or 1)


def pytest_report_header(config: pytest.Config) -> list[str]:
    chosen = config.stash[_SERVER]
    return [f"redis: {chosen.version}, {chosen.what}", f"why: {chosen.why}"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if {"redis_server", "server_binary"} & set(getattr(item, "fixturenames", ())):
            item.add_marker("redis")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    item.stash[_FAILED] = item.stash.get(_FAILED, False) or report.failed
    return report


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """redis-py speaks asyncio only."""
    return "asyncio"


@pytest.fixture(scope="session")
def redis_server(pytestconfig: pytest.Config) -> Iterator[RunningServer]:
    """The one server of the session; pytest's first lines name it."""
    chosen = pytestconfig.stash[_SERVER]
    with chosen.start() as url:
        yield RunningServer(url, chosen)
        _empty(url, chosen)


@pytest.fixture
def redis_url(redis_server: RunningServer) -> str:
    """Where the server is; it holds nothing at the start of a test."""
    _empty(redis_server.url, redis_server.chosen)
    return redis_server.url


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[Redis]:
    """A client that hands out bytes and never tries twice."""
    async with Redis.from_url(redis_url, retry=Retry(NoBackoff(), 0)) as client:
        yield client


@pytest.fixture(scope="session")
def server_binary(pytestconfig: pytest.Config) -> Path:
    """A redis-server of this machine, for tests that start, kill and configure their own."""
    binary = pytestconfig.stash[_SERVER].binary or local_server(os.environ).binary
    assert binary is not None
    return binary


@pytest.fixture
def own_server(server_binary: Path, tmp_path: Path) -> Iterator[EmbeddedServer]:
    """A server of the test's own, to be stopped, killed and started again."""
    with EmbeddedServer(server_binary, tmp_path / "redis") as server:
        yield server


@pytest.fixture
def processes(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Processes]:
    """Starts programs; those that still run at the end are told to end, and must."""
    processes = Processes(tmp_path / "processes")
    yield processes
    complaints = processes.end()
    if request.node.stash.get(_FAILED, False):
        print(processes.outputs())  # noqa: T201 - pytest shows it with the failure
    assert complaints == []


@pytest.fixture(autouse=True)
def _nothing_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """After each test: no process still runs and, with Redis, no job is left undone."""
    url: str | None = None
    if "redis_server" in request.fixturenames:
        url = request.getfixturevalue("redis_server").url
    before = leaks.children()
    yield
    if request.node.stash.get(_FAILED, False):
        return
    left = [f"still running: {name}" for pid, name in leaks.children().items() if pid not in before]
    if url:
        may_leave_jobs = request.node.get_closest_marker("leaves_jobs") is not None
        with connect(url) as client:
            left += leaks.endless_records(client)
            left += [] if may_leave_jobs else leaks.undone_jobs(client)
    assert left == []


def _empty(url: str, chosen: ChosenServer) -> None:
    with connect(url) as client:
        if chosen.is_ours:
            client.flushall()
        else:
            client.flushdb()
