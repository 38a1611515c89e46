"""Programs that a test starts, and that end with it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import psutil

#: A program that is told to end gets this long.
STOP_TIMEOUT_S = 15.0
#: What was to end with its parent is gone by then.
STRAY_TIMEOUT_S = 3.0


class RunningProgram:
    """A program in a session of its own, with what it says in a file."""

    def __init__(self, command: list[str], environment: Mapping[str, str], log: Path) -> None:
        self.log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.pid = self._process.pid

    @property
    def is_running(self) -> bool:
        """True until it has ended."""
        return self._process.poll() is None

    def output(self) -> str:
        """What it has written so far, standard error included."""
        return self.log.read_text(errors="replace")

    def send(self, signal_number: signal.Signals) -> None:
        """Send a signal to the program, and not to what it has started."""
        self._process.send_signal(signal_number)

    def wait(self, timeout_s: float = STOP_TIMEOUT_S) -> int:
        """Its exit status, negative for the signal that ended it.

        Raises:
            AssertionError: it still runs after *timeout_s*.
        """
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(
                f"still running after {timeout_s} s: {self._process.args!r}\n{self.output()}"
            ) from None

    def kill(self) -> int:
        """SIGKILL, as the kernel does when memory is short."""
        self.send(signal.SIGKILL)
        return self.wait()

    def terminate(self) -> int:
        """SIGTERM, as a supervisor does; waits for the end."""
        self.send(signal.SIGTERM)
        return self.wait()

    def end(self) -> list[str]:
        """Make sure that nothing of it runs, and say what did not end by itself."""
        complaints: list[str] = []
        if self.is_running:
            try:
                self.terminate()
            except AssertionError as error:
                complaints.append(str(error))
                self._process.kill()
                self._process.wait()
        for stray in self._strays():
            complaints.append(f"left behind by {self._process.args!r}: {stray}")
            stray.kill()
        return complaints

    def _strays(self) -> list[psutil.Process]:
        """What outlives the program; the kernel needs a moment to end what ends with it."""
        give_up_s = time.monotonic() + STRAY_TIMEOUT_S
        while (left := self._session()) and time.monotonic() < give_up_s:
            psutil.wait_procs(left, timeout=0.05)
        return left

    def _session(self) -> list[psutil.Process]:
        """Everything that the program started and that stayed in its session."""
        return [
            process
            for process in psutil.process_iter(["status"])
            if process.info["status"] != psutil.STATUS_ZOMBIE
            and _session_of(process.pid) == self.pid
        ]


class Processes:
    """Starts programs for one test."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._programs: list[RunningProgram] = []

    def start(
        self, *command: str | Path, environment: Mapping[str, str] | None = None
    ) -> RunningProgram:
        """Start *command*; *environment* is added to the test's own.

        A first word like `millstream` or `python` is the one beside this interpreter.
        """
        program, *arguments = map(str, command)
        installed = Path(sys.executable).with_name(program)
        self._directory.mkdir(parents=True, exist_ok=True)
        log = self._directory / f"{len(self._programs)}-{Path(program).name}.log"
        running = RunningProgram(
            [str(installed) if installed.exists() else program, *arguments],
            {**os.environ, "PYTHONUNBUFFERED": "1", **(environment or {})},
            log,
        )
        self._programs.append(running)
        return running

    def end(self) -> list[str]:
        """End all that still runs; says what would not."""
        return [complaint for program in self._programs for complaint in program.end()]

    def outputs(self) -> str:
        """What all of them have said, for the report of a failed test."""
        return "\n".join(
            f"--- {program.log.name}\n{program.output()}" for program in self._programs
        )


def _session_of(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except OSError:
        return None
