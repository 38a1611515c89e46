"""The command `millstream-worker`, where it cannot start: one line that says what to do."""

import socket
from collections.abc import Callable, Mapping
from pathlib import Path

import anyio
import pytest
from redis.asyncio import Redis

from consumers.cli import EXIT_CONFIG
from streams.embedded import EmbeddedServer
from tests.consumers.support.fleet import ROOT, Fleet
from tests.support.processes import Processes, RunningProgram

Start = Callable[..., RunningProgram]


@pytest.fixture
def command(processes: Processes, tmp_path: Path) -> Start:
    """Starts the command with arguments and an environment, and its data in a folder."""

    def start(*arguments: str, environment: Mapping[str, str]) -> RunningProgram:
        return processes.start(
            "python",
            "-m",
            "consumers.cli",
            *arguments,
            environment={
                "PYTHONPATH": str(ROOT),
                "MILLSTREAM_DATA_DIR": str(tmp_path / "data"),
                **environment,
            },
        )

    return start


def refusal(program: RunningProgram) -> str:
    """What it says when it ends with the status for mistakes that its user can mend."""
    status = program.wait()
    said = program.output()
    assert status == EXIT_CONFIG, said
    assert "Traceback" not in said
    assert "canary" not in said
    lines = said.splitlines()
    assert all(line.startswith("millstream-worker: ") for line in lines)
    return "\n".join(lines)


def test_a_redis_that_is_not_there(command: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    url = f"redis://user:canary@127.0.0.1:{port}/0"

    said = refusal(command("tiles", environment={"REDIS_URL": url}))

    assert len(said.splitlines()) == 1
    assert f"no Redis at redis://user:***@127.0.0.1:{port}/0 (" in said
    assert "start one there, or set REDIS_URL to one that runs" in said


async def test_a_redis_that_refuses_the_password(
    command: Start, own_server: EmbeddedServer
) -> None:
    async with Redis.from_url(own_server.url) as client:
        await client.config_set("requirepass", "right")
        url = own_server.url.replace("redis://", "redis://:canary@")
        program = command("tiles", environment={"REDIS_URL": url})
        said = await anyio.to_thread.run_sync(refusal, program)
        await client.config_set("requirepass", "")

    assert len(said.splitlines()) == 1
    assert "refused the credentials" in said
    assert "check user and password in REDIS_URL" in said


async def test_a_redis_that_evicts_is_refused_with_the_fix(
    command: Start, own_server: EmbeddedServer
) -> None:
    async with Redis.from_url(own_server.url) as client:
        await client.config_set("maxmemory-policy", "allkeys-lru")
        program = command("tiles", environment={"REDIS_URL": own_server.url})
        said = await anyio.to_thread.run_sync(refusal, program)

        assert await client.keys("*") == []
    assert len(said.splitlines()) == 1
    assert "maxmemory-policy allkeys-lru" in said
    assert "CONFIG SET maxmemory-policy noeviction" in said


async def test_a_replica_is_refused(command: Start, own_server: EmbeddedServer) -> None:
    async with Redis.from_url(own_server.url) as client:
        await client.replicaof("127.0.0.1", 1)
        program = command("tiles", environment={"REDIS_URL": own_server.url})
        said = await anyio.to_thread.run_sync(refusal, program)

    assert len(said.splitlines()) == 1
    assert "point REDIS_URL to its master" in said


async def test_a_redis_that_holds_something_else_under_our_names(
    command: Start, client: Redis, redis_url: str
) -> None:
    await client.set("millstream:{tiles:0}:high", "a string")
    program = command("tiles", environment={"REDIS_URL": redis_url})

    said = await anyio.to_thread.run_sync(refusal, program)

    assert len(said.splitlines()) == 1
    assert "WRONGTYPE" in said


def test_a_port_that_is_taken(command: Start, redis_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        said = refusal(
            command("tiles", "--metrics-port", port, environment={"REDIS_URL": redis_url})
        )

    assert f"cannot serve metrics on 127.0.0.1:{port} (Address already in use)" in said
    assert "--metrics-port" in said


def test_mistakes_in_settings_are_all_named(command: Start) -> None:
    environment = {
        "REDIS_URL": "redis://user:canary@nowhere",
        "CONCURRENCY": "many",
        "LOG_LEVEL": "loud",
    }

    said = refusal(command("tiles", environment=environment))

    assert len(said.splitlines()) == 2
    assert "CONCURRENCY: " in said
    assert "LOG_LEVEL: " in said


def test_a_setting_and_a_system_that_do_not_exist(command: Start) -> None:
    misspelt = command("tiles", environment={"MILLSTREAM_WORKER_LEASEMS": "1000"})
    unknown = command("tile", environment={})

    assert "did you mean MILLSTREAM_WORKER_LEASE_MS?" in refusal(misspelt)
    assert "there is no system 'tile': known are" in refusal(unknown)


def test_a_url_that_cannot_be_read_shows_no_part_of_its_password(command: Start) -> None:
    """A `#` or `/` that should be percent-encoded ends the part before the host."""
    programs = [
        command("tiles", environment={"REDIS_URL": url})
        for url in ("redis://:can#canary@host", "redis://:x/canary@host", "canary@host:6379")
    ]

    for program in programs:
        assert len(refusal(program).splitlines()) == 1


async def test_a_redis_that_writes_nothing_to_disk_is_used_with_a_warning(
    fleet: Fleet, own_server: EmbeddedServer
) -> None:
    async with Redis.from_url(own_server.url) as client:
        await client.config_set("appendonly", "no")

    worker = await fleet.start(own_server.url)

    [warning] = worker.events("redis_without_aof")
    assert "appendonly yes" in warning["hint"]
