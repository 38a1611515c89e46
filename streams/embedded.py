"""A Redis server of one's own: started in a directory, and never left behind.

For the quick start, the tests and a single machine. A service that others depend on
wants a server that somebody operates.
"""

import fcntl
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

from streams.errors import EmbeddedServerError
from streams.finding import FoundServer, find_server

#: Ports are drawn below the range from which Linux and macOS take the local ports of
#: outgoing connections: there, a client that knocks at the port of a stopped server can
#: be given that very port, connect to itself, and keep the server from coming back.
PORTS = range(20_000, 32_000)

#: Attempts at a port that somebody else may take between our look and the server's bind.
START_TRIES = 5
#: What the log says of an append-only file whose end was torn.
_TRUNCATED = b"Truncating the AOF"

#: `sun_path` holds 104 bytes on macOS and 108 on Linux, with the closing zero.
SOCKET_PATH_BYTES_MAX = 103

#: Waits for a line. Its absence, the end of the file, is the end of the process that
#: holds the other end of the pipe, however it came about, SIGKILL included. The kernel's
#: own answer, PR_SET_PDEATHSIG, looks at the parent's *thread*: a server started through
#: a thread pool would die with an idle thread.
_WATCH = 'read -r _ || kill -TERM "$1"'


@contextmanager
def running_server(
    environment: Mapping[str, str], directory: Path | None = None
) -> Generator[tuple[str, FoundServer], None, None]:
    """The URL of a server, and what it is: the one in `REDIS_URL`, else one of our own.

    Our own keeps its data in *directory*, without one in a temporary directory.

    Raises:
        EmbeddedServerError: no server was found, or it did not start.
    """
    found = find_server(environment)
    if found.url:
        yield found.url, found
    elif found.binary:
        with EmbeddedServer(found.binary, directory) as server:
            yield server.url, found


class EmbeddedServer:
    """A Redis server in a directory of its own, for as long as the `with` block lasts.

    It keeps an append-only file, takes no snapshots, never evicts, and listens on *port*
    of 127.0.0.1, by default a free one, and on a Unix socket. *config* adds to its
    directives: `{"appendfsync": "always"}`. Without a *directory* it uses a temporary one,
    which goes with it. It ends when this process ends, in whatever way.

    Entering the block, `restart` and `stop` wait: call them through a thread from async
    code. Any thread will do.

    Weakness: it asks for no password, so every user of this machine may talk to it. And a
    SIGKILL to this process within the millisecond in which the server starts leaves it.
    """

    def __init__(
        self,
        binary: Path,
        directory: Path | None = None,
        *,
        port: int | None = None,
        config: Mapping[str, str] | None = None,
        start_timeout: timedelta = timedelta(seconds=15),
        stop_timeout: timedelta = timedelta(seconds=10),
    ) -> None:
        self._binary = binary
        self._temporary = directory is None
        self._directory = directory
        self._config = dict(config or {})
        self._start_timeout = start_timeout
        self._stop_timeout = stop_timeout
        self._port = port
        self._lock: int | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._watch: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start the server and wait until it answers.

        Raises:
            EmbeddedServerError: another server uses the directory, or this one did not
                start; the message ends with what its log says.
        """
        if self._directory is None:
            self._directory = Path(tempfile.mkdtemp(prefix="millstream-redis-"))
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = _lock(self._directory)
        try:
            self._start()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._close()

    @property
    def directory(self) -> Path:
        """Where its data and its log are."""
        if self._directory is None:
            raise EmbeddedServerError("the server was not started: use it in a `with` block")
        return self._directory

    @property
    def log_path(self) -> Path:
        """What the server writes about itself."""
        return self.directory / "redis.log"

    @property
    def port(self) -> int:
        """The port on 127.0.0.1; the same after a restart."""
        if self._port is None:
            raise EmbeddedServerError("the server was not started: use it in a `with` block")
        return self._port

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def socket_url(self) -> str | None:
        """The same server by Unix socket; None where the directory's path is too long for one."""
        path = self.directory.resolve() / "redis.sock"
        return f"unix://{path}?db=0" if len(os.fsencode(path)) <= SOCKET_PATH_BYTES_MAX else None

    @property
    def pid(self) -> int | None:
        """The process, or None where none runs."""
        if self._process and self._process.poll() is not None:
            self._end(signal.SIGTERM)  # calls off the watch: the number may be given anew
        return self._process.pid if self._process else None

    def stop(self) -> None:
        """End the server in order (SIGTERM, after *stop_timeout* SIGKILL); its data stays."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the server as a crash would: SIGKILL."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Start again on the same data and port, after `stop`, `kill` or a crash.

        Raises:
            EmbeddedServerError: it did not start.
        """
        self.stop()
        self._start()

    def _start(self) -> None:
        last_words: list[str] = []
        for _ in range(START_TRIES):
            port = self._port or _free_port()
            said_before = self.log_path.stat().st_size if self.log_path.exists() else 0
            self._launch(port)
            if self._await_answer(port):
                self._port = port
                if _TRUNCATED in self.log_path.read_bytes()[said_before:]:
                    self._write_log_anew(port)
                return
            self._end(signal.SIGKILL)
            last_words = self.log_path.read_text(errors="replace").splitlines()[-5:]
            if not any("Address already in use" in line for line in last_words):
                break
        raise EmbeddedServerError(
            f"{self._binary} did not start in {self.directory}; its log ends with:\n"
            + "\n".join(last_words)
        )

    def _launch(self, port: int) -> None:
        directory = self.directory.resolve()
        directives = {
            "bind": "127.0.0.1",
            "port": str(port),
            "dir": str(directory),
            "appendonly": "yes",
            "save": "",
            "maxmemory-policy": "noeviction",
        }
        if self.socket_url:
            directives |= {"unixsocket": str(directory / "redis.sock"), "unixsocketperm": "700"}
        directives |= self._config
        command = [str(self._binary)]
        for name, value in directives.items():
            command += [f"--{name}", value]
        # In a session of its own, or Ctrl-C in a terminal would end the server before
        # the workers have settled their jobs. It holds the directory's lock as well.
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - a path that was found
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=() if self._lock is None else (self._lock,),
            )
        self._watch = subprocess.Popen(  # noqa: S603 - a constant and a number
            ["/bin/sh", "-c", _WATCH, "sh", str(self._process.pid)],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )

    def _await_answer(self, port: int) -> bool:
        """True as soon as it answers, False if it ended or did not answer in time."""
        deadline = time.monotonic() + self._start_timeout.total_seconds()
        while (pid := self.pid) and time.monotonic() < deadline:
            if _process_id(port) == pid:
                return True
            time.sleep(0.005)
        return False

    def _write_log_anew(self, port: int) -> None:
        """Replace an append-only file that ended in the middle of a script.

        The server cuts the torn command off and leaves the begin of its transaction, and
        with the next restart that part comes back, inside of whatever was written next
        (https://github.com/valkey-io/valkey/pull/4342; seen on 6.2.14 and 7.0.15).
        """
        deadline = time.monotonic() + self._start_timeout.total_seconds()
        with Redis(port=port, socket_timeout=1, retry=Retry(NoBackoff(), 0)) as client:
            client.bgrewriteaof()
            while time.monotonic() < deadline:
                if not client.info("persistence")["aof_rewrite_in_progress"]:
                    return
                time.sleep(0.005)

    def _end(self, signal_number: signal.Signals) -> None:
        process, watch, self._process, self._watch = self._process, self._watch, None, None
        if process:
            process.send_signal(signal_number)
            try:
                process.wait(self._stop_timeout.total_seconds())
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if watch:
            watch.communicate(b"\n")

    def _close(self) -> None:
        self.stop()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
        if self._temporary and self._directory:
            shutil.rmtree(self._directory, ignore_errors=True)
            self._directory = None


def _lock(directory: Path) -> int:
    """Take the directory for one server: two on one append-only file destroy it."""
    lock = os.open(directory / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise EmbeddedServerError(
            f"another server uses {directory}: stop it first, or name another directory"
        ) from None
    return lock


def _free_port() -> int:
    for port in random.SystemRandom().sample(PORTS, 100):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise EmbeddedServerError(f"no free port on 127.0.0.1 from {PORTS.start} to {PORTS.stop}")


def _process_id(port: int) -> int | None:
    """Who answers at *port*: a stranger may have been quicker than our own server."""
    try:
        with Redis(port=port, socket_timeout=0.2, retry=Retry(NoBackoff(), 0)) as client:
            client.ping()
            return int(client.info("server")["process_id"])
    except RedisError:
        return None
