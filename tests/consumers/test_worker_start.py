"""The command `millstream-worker`, where it cannot start: one line that says what to do."""

import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from redis import Redis

from consumers import cli
from consumers.supervisor.supervisor import EXIT_CONFIG
from streams.embedded import EmbeddedServer
from tests.consumers.support.fleet import ROOT, Fleet
from tests.support.processes import Processes
from tests.support.servers import connect

#: Calls the command with arguments and variables, and returns what it says when it ends
#: with the status for mistakes that its user can mend.
Refusal = Callable[..., str]


@pytest.fixture
def refusal(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> Refusal:
    """In this process; an error that the command lets through would fail the test."""
    monkeypatch.setenv("MILLSTREAM_DATA_DIR", str(tmp_path / "data"))

    def refused(*arguments: str, **variables: str) -> str:
        monkeypatch.setattr("sys.argv", ["millstream-worker", *arguments])
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return checked(int(str(ended.value.code)), capfd.readouterr().err)

    return refused


def checked(status: int, said: str) -> str:
    assert status == EXIT_CONFIG, said
    assert "Traceback" not in said
    assert "canary" not in said
    assert all(line.startswith("millstream-worker: ") for line in said.splitlines())
    return said


@pytest.fixture
def own_client(own_server: EmbeddedServer) -> Redis:
    return connect(own_server.url)


def is_one_line(said: str) -> bool:
    return len(said.splitlines()) == 1


def test_a_redis_that_is_not_there(processes: Processes, tmp_path: Path) -> None:
    """As a process, which is what its user sees."""
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    program = processes.start(
        "python",
        "-m",
        "consumers.cli",
        "tiles",
        environment={
            "PYTHONPATH": str(ROOT),
            "MILLSTREAM_DATA_DIR": str(tmp_path / "data"),
            "REDIS_URL": f"redis://user:canary@127.0.0.1:{port}/0",
        },
    )

    status = program.wait()
    said = checked(status, program.output())

    assert is_one_line(said)
    assert f"no Redis at redis://user:***@127.0.0.1:{port}/0 (" in said
    assert "start one there, or set REDIS_URL to one that runs" in said


def test_a_redis_that_refuses_the_password(
    refusal: Refusal, own_server: EmbeddedServer, own_client: Redis
) -> None:
    own_client.config_set("requirepass", "right")

    said = refusal("tiles", REDIS_URL=own_server.url.replace("redis://", "redis://:canary@"))

    assert is_one_line(said)
    assert "refused the credentials" in said
    assert "check user and password in REDIS_URL" in said


def test_a_redis_that_evicts_is_refused_with_the_fix(
    refusal: Refusal, own_server: EmbeddedServer, own_client: Redis
) -> None:
    own_client.config_set("maxmemory-policy", "allkeys-lru")

    said = refusal("tiles", REDIS_URL=own_server.url)

    assert is_one_line(said)
    assert "maxmemory-policy allkeys-lru" in said
    assert "CONFIG SET maxmemory-policy noeviction" in said
    assert own_client.keys("*") == []


def test_a_replica_is_refused(
    refusal: Refusal, own_server: EmbeddedServer, own_client: Redis
) -> None:
    own_client.replicaof("127.0.0.1", "1")

    said = refusal("tiles", REDIS_URL=own_server.url)

    assert is_one_line(said)
    assert "point REDIS_URL to its master" in said


def test_a_redis_that_holds_something_else_under_our_names(
    refusal: Refusal, redis_url: str
) -> None:
    with connect(redis_url) as client:
        client.set("millstream:{tiles:0}:high", "a string")

    said = refusal("tiles", REDIS_URL=redis_url)

    assert is_one_line(said)
    assert "WRONGTYPE" in said


def test_a_port_that_is_taken(refusal: Refusal, redis_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        said = refusal("tiles", "--metrics-port", port, REDIS_URL=redis_url)

    assert is_one_line(said)
    assert f"cannot serve metrics on 127.0.0.1:{port} (Address already in use)" in said
    assert "--metrics-port" in said


def test_mistakes_in_settings_are_all_named(refusal: Refusal) -> None:
    url = "redis://user:canary@nowhere"

    said = refusal("tiles", REDIS_URL=url, CONCURRENCY="many", LOG_LEVEL="loud")

    assert len(said.splitlines()) == 2
    assert "CONCURRENCY: " in said
    assert "LOG_LEVEL: " in said


def test_a_setting_and_a_system_that_do_not_exist(refusal: Refusal) -> None:
    assert "there is no system 'tile': known are" in refusal("tile")
    assert "did you mean MILLSTREAM_WORKER_LEASE_MS?" in refusal(
        "tiles", MILLSTREAM_WORKER_LEASEMS="1000"
    )


@pytest.mark.parametrize(
    "url", ["redis://:can#canary@host", "redis://:x/canary@host", "canary@host:6379"]
)
def test_a_url_that_cannot_be_read_shows_no_part_of_its_password(
    refusal: Refusal, url: str
) -> None:
    """A `#` or `/` that should be percent-encoded ends the part before the host."""
    assert is_one_line(refusal("tiles", REDIS_URL=url))


def test_a_redis_that_writes_nothing_to_disk_is_refused_with_the_fix(
    refusal: Refusal, own_server: EmbeddedServer, own_client: Redis
) -> None:
    own_client.config_set("appendonly", "no")

    said = refusal("tiles", REDIS_URL=own_server.url)

    assert is_one_line(said)
    assert "CONFIG SET appendonly yes" in said
    assert "MILLSTREAM_WORKER_REQUIRE_AOF=no" in said
    assert own_client.keys("*") == []


async def test_it_is_used_with_a_warning_where_jobs_may_be_lost(
    fleet: Fleet, own_server: EmbeddedServer, own_client: Redis
) -> None:
    own_client.config_set("appendonly", "no")

    worker = await fleet.start(own_server.url, environment={"MILLSTREAM_WORKER_REQUIRE_AOF": "no"})

    [warning] = worker.events("redis_without_aof")
    assert "appendonly yes" in warning["hint"]
