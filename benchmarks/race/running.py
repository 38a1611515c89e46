"""A contestant's processes: producers that end, and workers for as long as a block lasts."""

import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

from benchmarks.race.order import Order

PRODUCE_S = 300
STOP_S = 5


class RefusedError(Exception):
    """Raised where a measurement does not count; says why."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A contestant that can be run: its command takes `worker` or `produce`."""

    key: str
    command: tuple[str, ...]
    folder: Path


@dataclass(frozen=True, slots=True)
class Sent:
    """What a producer says of itself."""

    jobs: int
    seconds: float

    @property
    def rate(self) -> float:
        """Jobs a second."""
        return self.jobs / self.seconds


class Producer:
    """A producer, until it has ended."""

    def __init__(self, entry: Entry, order: Order) -> None:
        self._process = _start(entry, "produce", order, subprocess.PIPE, subprocess.PIPE)

    def result(self) -> Sent:
        """Let it go on, wait for its end.

        Raises:
            RefusedError: it failed, or took too long.
        """
        try:
            said, complaints = self._process.communicate(b"\n", timeout=PRODUCE_S)
        except subprocess.TimeoutExpired as error:
            raise RefusedError(f"the producer took more than {PRODUCE_S} s") from error
        finally:
            _end([self._process])
        lines = [line for line in said.decode().splitlines() if line.startswith("{")]
        if self._process.returncode or not lines:
            raise RefusedError(f"the producer failed: {_told(complaints)}")
        return Sent(**json.loads(lines[-1]))


class Workers:
    """The worker processes of one contestant, and what they have cost so far."""

    def __init__(self, processes: Sequence["subprocess.Popen[bytes]"], errors: IO[bytes]) -> None:
        self._processes = processes
        self._errors = errors

    def require_alive(self) -> None:
        """Raises: RefusedError: one of them has ended."""
        if any(process.poll() is not None for process in self._processes):
            self._errors.seek(0)
            raise RefusedError(f"a worker has ended: {_told(self._errors.read())}")

    def cpu_s(self) -> float:
        """Processor time of all of them, with their children and those that have ended."""
        times = [process.cpu_times() for process in self._tree()]
        return sum(t.user + t.system for t in times) + sum(
            t.children_user + t.children_system for t in times
        )

    def rss_bytes(self) -> int:
        """Resident memory of all of them; pages that a child shares count twice."""
        return sum(process.memory_info().rss for process in self._tree())

    def _tree(self) -> list[psutil.Process]:
        self.require_alive()
        roots = [psutil.Process(process.pid) for process in self._processes]
        return [each for root in roots for each in [root, *root.children(recursive=True)]]


@contextmanager
def workers(entry: Entry, order: Order, processes: int) -> Generator[Workers]:
    """So many workers, each started by itself, for as long as the block lasts."""
    with tempfile.TemporaryFile() as errors:
        started: list[subprocess.Popen[bytes]] = []
        try:
            while len(started) < processes:
                started.append(_start(entry, "worker", order, subprocess.DEVNULL, errors))
            yield Workers(started, errors)
        finally:
            _end(started)


def _start(
    entry: Entry, role: str, order: Order, pipe: int, errors: IO[bytes] | int
) -> "subprocess.Popen[bytes]":
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    return subprocess.Popen(
        [*entry.command, role],
        cwd=entry.folder,
        env={**inherited, **order.environment()},
        stdin=pipe,
        stdout=pipe,
        stderr=errors,
        start_new_session=True,
    )


def _end(processes: Sequence["subprocess.Popen[bytes]"]) -> None:
    """SIGTERM to each, and after a while SIGKILL to whatever is left of its group."""
    for process in processes:
        if process.poll() is None:
            process.terminate()
    for process in processes:
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def _told(errors: bytes) -> str:
    lines = [line.strip() for line in errors.decode(errors="replace").splitlines()]
    told = [line for line in lines if "Error" in line] or [line for line in lines if line]
    return told[-1][:200] if told else "it said nothing"
