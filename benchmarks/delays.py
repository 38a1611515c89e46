"""How late does a delayed job start on an idle queue?

Starts a Redis of its own and workers of one slot each, lets them fall asleep, and enqueues
one job at a time that is due in 100 to 800 milliseconds. Its lateness is the start of its
handler minus the moment when it was due, both on the clock of this machine.
"""

import argparse
import statistics
import time
from contextlib import ExitStack
from datetime import timedelta
from random import Random

import anyio

from benchmarks.ground import server_to_start, told
from benchmarks.jobs import worker
from benchmarks.noop_worker import QUEUE, Noop
from producers.client import Producer
from streams.embedded import EmbeddedServer

ANSWER = timedelta(seconds=10)


async def _lateness_ms(url: str, count: int, seed: int) -> list[float]:
    random = Random(seed)
    late: list[float] = []
    async with Producer.connect(url, queue=QUEUE) as jobs:
        # Until all workers sleep: the interpreters' start is no job's lateness.
        first = await jobs.enqueue(Noop())
        await jobs.result(first.id, timeout=ANSWER)
        await anyio.sleep(2)
        for _ in range(count):
            delay_ms = random.randint(100, 800)
            due_ms = time.time() * 1000 + delay_ms
            job = await jobs.enqueue(Noop(), delay=timedelta(milliseconds=delay_ms))
            started_ns = await jobs.result(job.id, timeout=ANSWER)
            if not isinstance(started_ns, int):
                raise SystemExit(f"no moment: {started_ns!r}")
            late.append(started_ns / 1e6 - due_ms)
            await anyio.sleep(random.uniform(0, 1))
    return late


def main() -> None:
    """Measure with one worker and with three, and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    found, binary = server_to_start()
    print(f"{told(found)}, {chosen.jobs} jobs, due in 100 to 800 ms\n")
    print(f"{'workers':>8} {'p50 ms':>8} {'p95 ms':>8} {'max ms':>8}")
    for workers in (1, 3):
        with EmbeddedServer(binary) as server, ExitStack() as crew:
            for _ in range(workers):
                crew.enter_context(worker(server.url, 1))
            late = anyio.run(_lateness_ms, server.url, chosen.jobs, chosen.seed)
        p95 = statistics.quantiles(late, n=20)[-1]
        print(f"{workers:8} {statistics.median(late):8.1f} {p95:8.1f} {max(late):8.1f}")


if __name__ == "__main__":
    main()
