"""The worker processes of a run: started, watched, and started again when they have ended."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import orjson

from consumers.chaos.journal import SUFFIX, Journal
from consumers.chaos.proxy import Proxy

#: Between two looks at the processes.
LOOK_S = 0.05
#: A process that has ended is started again after so long, as a service manager does.
AGAIN_S = 0.5
#: A process that is told to end gets this long.
STOP_S = 20.0


@dataclass(slots=True)
class Slot:
    """A place for one process, with a relay of its own to the server."""

    name: str
    command: list[str]
    proxy: Proxy
    supervises: int = 0
    """Worker processes below it; 0 where it is one itself."""
    process: subprocess.Popen[bytes] | None = None
    starts: int = 0
    ended_s: float = 0.0

    @property
    def pid(self) -> int:
        """The process, or 0."""
        return self.process.pid if self.process and self.process.poll() is None else 0


@dataclass(frozen=True, slots=True)
class Victim:
    """A worker process that can be hit."""

    pid: int
    slot: Slot
    supervised: bool


@dataclass(slots=True)
class Crew:
    """The processes of all slots."""

    slots: list[Slot]
    directory: Path
    environment: Mapping[str, str]
    journal: Journal
    frozen: set[int] = field(default_factory=set[int])
    """Processes that are stopped at the moment."""
    _parents: dict[int, int] = field(default_factory=dict[int, int])
    _leaving: bool = False

    async def keep(self) -> None:
        """Start every slot's process, and again when it has ended, until `leave`."""
        while True:
            for slot in self.slots:
                if not slot.pid:
                    self._mend(slot)
            await anyio.sleep(LOOK_S)

    def victims(self) -> list[Victim]:
        """Worker processes that run and are not frozen."""
        self._read_parents()
        found: list[Victim] = []
        for slot in self.slots:
            if slot.supervises:
                pids = [pid for pid, parent in self._parents.items() if parent == slot.pid != 0]
            else:
                pids = [slot.pid] if slot.pid in self._parents else []
            found += [
                Victim(pid, slot, slot.supervises > 0)
                for pid in pids
                if pid not in self.frozen and _exists(pid)
            ]
        return found

    def has(self, victim: Victim) -> bool:
        """True while the process is there."""
        return any(each.pid == victim.pid for each in self.victims())

    def is_whole(self, slot: Slot) -> bool:
        """True where every process of *slot* takes jobs, or is frozen."""
        up = sum(each.slot is slot for each in self.victims())
        frozen = slot.pid in self.frozen
        return frozen or up >= max(1, slot.supervises)

    async def leave(self) -> list[str]:
        """End every process in order; says which ones did not."""
        self._leaving = True
        for pid in list(self.frozen):
            send(pid, signal.SIGCONT)
        for slot in self.slots:
            send(slot.pid, signal.SIGTERM)
        with anyio.move_on_after(STOP_S):
            while any(slot.pid for slot in self.slots):  # noqa: ASYNC110 - processes send no events
                await anyio.sleep(LOOK_S)
        return self.kill()

    def kill(self) -> list[str]:
        """SIGKILL to whatever still runs, and to what it has started; says its names."""
        self._leaving = True
        left = [slot for slot in self.slots if slot.pid]
        for slot in self.slots:
            if slot.process is not None:
                with suppress(ProcessLookupError):
                    os.killpg(slot.process.pid, signal.SIGKILL)
                slot.process.wait()
                if slot.process.stdin:
                    slot.process.stdin.close()
        return [slot.name for slot in left]

    def _mend(self, slot: Slot) -> None:
        if self._leaving:
            return
        now_s = anyio.current_time()
        if slot.process is not None and not slot.ended_s:
            slot.ended_s = now_s
            facts = {"target": slot.process.pid, "status": slot.process.returncode}
            self.journal.write("died", {"slot": slot.name, **facts})
        if now_s - slot.ended_s >= AGAIN_S or slot.process is None:
            self._start(slot)

    def _start(self, slot: Slot) -> None:
        if slot.process is not None and slot.process.stdin:
            slot.process.stdin.close()
        slot.starts += 1
        slot.ended_s = 0.0
        log = self.directory / "logs" / f"{slot.name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            slot.process = subprocess.Popen(  # noqa: S603 - our own module and names
                slot.command,
                env={
                    **self.environment,
                    "REDIS_URL": slot.proxy.url,
                    "WORKER_NAME": f"{slot.name}-{slot.starts}",
                    **_supervision(slot.supervises),
                },
                # Held open: its end tells the worker that the kit is gone.
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _read_parents(self) -> None:
        """Who has come up: the first event of every new journal."""
        for path in (self.directory / "journals").glob(f"member-*{SUFFIX}"):
            pid = int(path.name.split("-")[1])
            if pid in self._parents:
                continue
            with path.open("rb") as file:
                first = file.readline()
            if first.endswith(b"\n"):
                self._parents[pid] = int(orjson.loads(first).get("parent", 0))


def _supervision(processes: int) -> dict[str, str]:
    if not processes:
        return {}
    return {
        "MILLSTREAM_WORKER_PROCESSES": str(processes),
        "MILLSTREAM_WORKER_SUPERVISE": "true",
    }


def send(pid: int, number: signal.Signals) -> bool:
    """A signal to *pid*; False where there is none."""
    if not pid:
        return False
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def python(module: str, *arguments: str) -> list[str]:
    """The command for a module of ours."""
    return [sys.executable, "-m", module, *arguments]


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True
