"""The work itself, the same for all contestants. Standard library only."""

import asyncio
import hashlib
import time

from benchmarks.race.order import Order
from benchmarks.race.tally import Tally

#: What Python's hashlib hashes without letting go of the interpreter's lock.
BLOCK = b"x" * 1024
SLEEP_S = 0.001
CPU_S = 0.010
#: With the 16 digits of the time, 200 bytes of compact JSON.
FILLING = "x" * 159


def payload() -> dict[str, int | str]:
    """What a job carries: when it was sent, and a filling."""
    return {"sent_us": time.time_ns() // 1000, "filling": FILLING}


def compute(loops: int) -> None:
    """Hash so many blocks."""
    for _ in range(loops):
        hashlib.sha256(BLOCK).digest()


def calibrated_loops() -> int:
    """So many loops take this machine 10 ms, now; the driver tells all contestants the same."""
    loops, best_s = 1000, float("inf")
    for _ in range(5):
        started = time.perf_counter()
        compute(loops)
        best_s = min(best_s, time.perf_counter() - started)
    return max(1, round(loops * CPU_S / best_s))


class Task:
    """What a handler does: `run` in an event loop, `run_blocking` in a thread or process."""

    def __init__(self, order: Order) -> None:
        self._work = order.work
        self._loops = order.cpu_loops
        self._tally = Tally(order.url, keeps_waits=order.keeps_waits)

    async def run(self, sent_us: int) -> None:
        """One job, in an event loop."""
        self._tally.starts(sent_us)
        if self._work == "sleep":
            await asyncio.sleep(SLEEP_S)
        elif self._work == "cpu":
            compute(self._loops)
        self._tally.ran()

    async def run_batch(self, all_sent_us: list[int]) -> None:
        """Many jobs at once, where handlers are given many; sleeps run side by side."""
        for sent_us in all_sent_us:
            self._tally.starts(sent_us)
        if self._work == "sleep":
            await asyncio.sleep(SLEEP_S)
        elif self._work == "cpu":
            compute(self._loops * len(all_sent_us))
        self._tally.ran(len(all_sent_us))

    def run_blocking(self, sent_us: int) -> None:
        """One job, where handlers may block."""
        self._tally.starts(sent_us)
        if self._work == "sleep":
            time.sleep(SLEEP_S)
        elif self._work == "cpu":
            compute(self._loops)
        self._tally.ran()
