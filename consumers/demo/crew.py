"""The worker processes of the demo."""

import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from producers.cli.boundary import CommandError

#: Told to end, an idle worker is gone in a moment; one that is not is killed.
STOP_TIMEOUT_S = 10.0

#: Ends a worker when this process is gone without having told it, after SIGKILL too: the
#: end of the pipe is the end of the process that holds it.
_WATCH = 'read -r _ || kill -TERM "$1"'


class WorkersGoneError(CommandError):
    """Raised when no worker runs any more; ends with what the last one said."""


class Crew:
    """Workers in processes of their own, for as long as the `with` block lasts.

    Each is in a session of its own, so that Ctrl-C in a terminal reaches this process
    alone, which then ends them in order.
    """

    def __init__(
        self, names: Sequence[str], environment: Mapping[str, str], logs_dir: Path
    ) -> None:
        self._environment = dict(environment)
        self._logs = {name: logs_dir / f"{name}.log" for name in names}
        self._workers: dict[str, subprocess.Popen[bytes]] = {}
        self._watches: list[subprocess.Popen[bytes]] = []

    @property
    def size(self) -> int:
        """How many workers there are to be."""
        return len(self._logs)

    @property
    def pids(self) -> Mapping[str, int]:
        """The processes by the workers' names."""
        return {name: worker.pid for name, worker in self._workers.items()}

    def __enter__(self) -> Self:
        """Start all workers; returns before they are ready."""
        try:
            for name, log in self._logs.items():
                self._start(name, log)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop()

    def require_alive(self) -> list[str]:
        """The names of the workers that have ended, as long as others go on.

        Raises:
            WorkersGoneError: none is left.
        """
        ended = [name for name, worker in self._workers.items() if worker.poll() is not None]
        if len(ended) == len(self._workers):
            log = self._logs[ended[-1]]
            said = log.read_text(errors="replace").strip().splitlines()
            last = said[-1] if said else "it said nothing"
            raise WorkersGoneError(f"no worker runs any more ({log} ends with: {last})")
        return ended

    def _start(self, name: str, log: Path) -> None:
        with log.open("wb") as output:
            worker = subprocess.Popen(  # noqa: S603 - our own module and names
                [sys.executable, "-m", "consumers.cli", "tiles", "--name", name],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._workers[name] = worker
        self._watches.append(
            subprocess.Popen(  # noqa: S603 - a constant and a number
                ["/bin/sh", "-c", _WATCH, "sh", str(worker.pid)],
                stdin=subprocess.PIPE,
                start_new_session=True,
            )
        )

    def _stop(self) -> None:
        running = [worker for worker in self._workers.values() if worker.poll() is None]
        for worker in running:
            worker.send_signal(signal.SIGTERM)
        for worker in running:
            try:
                worker.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()
        for watch in self._watches:
            watch.communicate(b"\n")  # called off: the number may be given to a stranger
        self._watches.clear()
