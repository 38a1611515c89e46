"""Runs the collected tests against one mutant after the other, each in a forked process.

A pytest plugin, because what takes time is to start pytest and to import the tests: here
that is done once. A fork has the mutant in place, runs the tests that are most likely to
notice it, and ends with the first one that does.
"""

import contextlib
import json
import os
import select
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from _pytest.runner import runtestprotocol
from redis import RedisError

from streams.embedded import EmbeddedServer
from tests.mutants.overlay import put_in_place
from tests.mutants.selection import OF_ALL, tests_of
from tests.support.servers import connect

#: Each test has its own limit, and a mutant that makes one hang is noticed by it. Whoever
#: needs longer than this for all its tests is given up as one that nobody noticed.
MUTANT_SECONDS_MAX = 600
#: A test that takes longer has not ended by its own limit of thirty seconds either: that is
#: an exception, which an event loop that is never idle takes for the error of a callback.
HANG_SECONDS = 40
#: What a fork says where no test failed.
NOBODY_NOTICED = ""


@dataclass
class _Run:
    """A fork, and where it will say which test failed."""

    number: int
    pid: int
    said: int
    server: EmbeddedServer
    began: float


class Mutating:
    """The run of pytest: instead of the tests themselves, the tests of each mutant."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self._plan = plan
        self._results = Path(plan["results"])
        self._noticed: Counter[tuple[str, str]] = Counter()
        self._sound: dict[str, bool] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Fork for every mutant; `jobs` of them at a time."""
        waiting = list(range(len(self._plan["mutants"])))[::-1]
        running: list[_Run] = []
        with contextlib.ExitStack() as servers:
            free = [
                servers.enter_context(EmbeddedServer(Path(self._plan["server"])))
                for _ in range(self._plan["jobs"])
            ]
            while waiting or running:
                while waiting and free:
                    number = waiting.pop()
                    mutant = self._plan["mutants"][number]
                    items = self._ordered(mutant["script"], session.items)
                    running.append(self._fork(number, mutant, items, free.pop()))
                waiting += self._wait(session, running, free)
        return True

    def _is_sound(self, session: pytest.Session, test: str, server: EmbeddedServer) -> bool:
        """True where *test* passes without any mutant: otherwise it notices nothing."""
        if test not in self._sound:
            item = next(item for item in session.items if item.nodeid == test)
            said, says = os.pipe()
            pid = os.fork()
            if pid == 0:
                os.close(said)
                _be_a_fork(server)
                os.write(says, b"yes" if _passes(item, says) else b"no")
                os._exit(0)
            os.close(says)
            with os.fdopen(said, "rb") as answer:
                self._sound[test] = answer.read() == b"yes"
            _end(pid)
            _tidy(server)
            if not self._sound[test]:
                self._write({"broken": test})
        return self._sound[test]

    def _ordered(self, script: str, items: Sequence[pytest.Item]) -> list[pytest.Item]:
        """First what noticed other mutants of this script, then its own tests."""
        own = (*tests_of(script), *(() if self._plan["quick"] else OF_ALL))

        def places(item: pytest.Item) -> list[int]:
            return [own.index(name) for name in item.path.with_suffix("").parts if name in own]

        def rank(item: pytest.Item) -> tuple[int, int]:
            return -self._noticed[script, item.nodeid], min(places(item))

        looking = [x for x in items if places(x) and self._sound.get(x.nodeid, True)]
        return sorted(looking, key=rank)

    def _fork(
        self, number: int, mutant: dict[str, str], items: list[pytest.Item], server: EmbeddedServer
    ) -> _Run:
        said, says = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(said)
            _be_a_fork(server)
            put_in_place(mutant["script"], mutant["text"])
            noticed = next((item for item in items if not _passes(item, says)), None)
            os.write(says, (noticed.nodeid if noticed else NOBODY_NOTICED).encode())
            os._exit(0)
        os.close(says)
        return _Run(number, pid, said, server, time.monotonic())

    def _wait(
        self, session: pytest.Session, running: list[_Run], free: list[EmbeddedServer]
    ) -> list[int]:
        """Wait until a fork has ended, and note what it said; the mutants to be tried again."""
        again: list[int] = []
        ready, _, _ = select.select([run.said for run in running], [], [], 1)
        for run in list(running):
            seconds = time.monotonic() - run.began
            if run.said not in ready and seconds < MUTANT_SECONDS_MAX:
                continue
            by = os.read(run.said, 4096).decode() if run.said in ready else NOBODY_NOTICED
            _end(run.pid)
            os.close(run.said)
            _tidy(run.server)
            running.remove(run)
            free.append(run.server)
            if by and not self._is_sound(session, by, run.server):
                again.append(run.number)
                continue
            if by:
                self._noticed[self._plan["mutants"][run.number]["script"], by] += 1
            self._write({"number": run.number, "by": by, "seconds": round(seconds, 1)})
        return again

    def _write(self, row: dict[str, Any]) -> None:
        with self._results.open("a") as results:
            results.write(json.dumps(row) + "\n")


def _be_a_fork(server: EmbeddedServer) -> None:
    """A process of its own group that uses *server*."""
    os.setpgid(0, 0)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)
    os.environ["MILLSTREAM_MODEL_SHORTENS"] = "no"
    _CONFIG[0].stash[_server_key()] = replace(
        _CONFIG[0].stash[_server_key()], start=lambda: contextlib.nullcontext(server.url)
    )


def _passes(item: pytest.Item, says: int) -> bool:
    """Whether *item* passes; the process says its name and ends where it hangs."""

    def hangs() -> None:
        os.write(says, item.nodeid.encode())
        os._exit(0)

    watch = threading.Timer(HANG_SECONDS, hangs)
    watch.daemon = True
    watch.start()
    reports = runtestprotocol(item, log=False, nextitem=None)
    watch.cancel()
    return not any(report.failed for report in reports)


def _end(pid: int) -> None:
    """End a fork with all that it started: its group, and servers in sessions of their own."""
    with contextlib.suppress(psutil.NoSuchProcess):
        for child in psutil.Process(pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def _tidy(server: EmbeddedServer) -> None:
    """An empty server as it was at the start, or a new one where a script does not end."""
    try:
        with connect(server.url) as client:
            client.config_set("maxmemory", 0)
            client.flushall()
            client.script_flush()
    except RedisError:
        server.kill()
        server.restart()


_CONFIG: list[pytest.Config] = []


def _server_key() -> Any:
    """Where `tests/conftest.py` keeps the server that was chosen."""
    plugins = _CONFIG[0].pluginmanager.get_plugins()
    return next(plugin._SERVER for plugin in plugins if hasattr(plugin, "_SERVER"))


def _plan() -> Iterator[dict[str, Any]]:
    if path := os.environ.get("MILLSTREAM_MUTANTS_PLAN"):
        yield json.loads(Path(path).read_text())


def pytest_configure(config: pytest.Config) -> None:
    """Take over the run where there is a plan."""
    _CONFIG.append(config)
    for plan in _plan():
        config.pluginmanager.register(Mutating(plan), "millstream-mutants")
