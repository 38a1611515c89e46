"""The measurements: each on a Redis of its own, each refused where not every job ran."""

import statistics
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from redis import Redis

from benchmarks.race.order import Order
from benchmarks.race.running import Entry, Producer, RefusedError, workers
from benchmarks.race.tally import RAN, WAITS
from streams.embedded import EmbeddedServer

#: What the race itself asks of Redis, and no contestant does.
OURS = {"hincrbyfloat", "hvals", "info", "ping"}
LOOK_S = 0.01
#: A drain that gets nowhere for so long is given up.
STILL_S = 15.0
#: A Redis that says nothing for so long has another trouble than its contestant.
ANSWER_S = 60.0
#: So long after the last job none may come again.
AFTER_S = 0.3
#: At least so much of a drain is timed; the rest ran before the last process was there.
TIMED_MIN = 0.3
#: A worker that has nothing to do is sent so many jobs a second.
IDLE_RATE = 25.0
#: No load is higher: with half of what they drain, most would be held up by the producer.
LOAD_RATE_MAX = 1000.0
LOAD_S = 5.0
#: Waits that do not count: connections are opened, code is run for the first time.
WARM_UP = 10


class TooFewError(RefusedError):
    """Raised where most jobs had run before the last process was there."""


@dataclass(frozen=True, slots=True)
class Ground:
    """Where it is measured."""

    binary: Path
    has_aof: bool
    cpu_loops: int

    @contextmanager
    def server(self) -> Generator[tuple["Redis", Order]]:
        """An empty Redis, and an order that names it."""
        config = {"appendonly": "yes" if self.has_aof else "no", "appendfsync": "everysec"}
        with (
            EmbeddedServer(self.binary, config=config) as server,
            Redis.from_url(server.url, socket_timeout=ANSWER_S) as client,
        ):
            yield client, Order(server.url, has_aof=self.has_aof, cpu_loops=self.cpu_loops)


@dataclass(frozen=True, slots=True)
class Drained:
    """What a queue full of jobs has cost, for each job, and how long that took."""

    rate: float
    seconds: float
    commands: float
    redis_cpu_us: float
    worker_cpu_us: float
    rss_bytes: float


@dataclass(frozen=True, slots=True)
class Mark:
    """The state of things at one moment of a drain."""

    at_s: float
    ran: int
    commands: int
    redis_cpu_s: float
    worker_cpu_s: float


def enqueue_rate(ground: Ground, entry: Entry, jobs: int, *, in_bulk: bool) -> float:
    """Jobs a second of one producer."""
    with ground.server() as (_, order):
        return Producer(entry, replace(order, jobs=jobs, in_bulk=in_bulk)).result().rate


def bytes_a_job(ground: Ground, entry: Entry, jobs: int) -> float:
    """What a waiting job takes of Redis's memory."""
    with ground.server() as (client, order):
        before = _info(client, "memory")["used_memory"]
        Producer(entry, replace(order, jobs=jobs)).result()
        time.sleep(AFTER_S)
        return float(_info(client, "memory")["used_memory"] - before) / jobs


def drain(
    ground: Ground, entry: Entry, *, jobs: int, work: str, slots: int, processes: int
) -> Drained:
    """Fill a queue, start workers, and see how fast it empties.

    The clock starts when every process has run a job and a tenth of them is through.
    """
    with ground.server() as (client, empty):
        order = replace(empty, work=work, slots=slots, jobs=jobs)
        Producer(entry, order).result()
        with workers(entry, order, processes) as running:

            def mark(ran: int) -> Mark:
                at_s = time.perf_counter()
                cpu = _info(client, "cpu")
                used_s = float(cpu["used_cpu_user"]) + float(cpu["used_cpu_sys"])
                return Mark(at_s, ran, _commands(client), used_s, running.cpu_s())

            first = _ran(client, until=max(1, jobs // 10), processes=processes, of=jobs)
            running.require_alive()
            start = mark(first)
            end = mark(_ran(client, until=jobs))
            rss = running.rss_bytes()
            _require_no_more(client, jobs)
            running.require_alive()
    timed = end.ran - start.ran
    if timed < jobs * TIMED_MIN:
        raise TooFewError(f"only {timed} of {jobs} jobs were left to time")
    return Drained(
        rate=timed / (end.at_s - start.at_s),
        seconds=end.at_s - start.at_s,
        commands=(end.commands - start.commands) / timed,
        redis_cpu_us=(end.redis_cpu_s - start.redis_cpu_s) / timed * 1e6,
        worker_cpu_us=(end.worker_cpu_s - start.worker_cpu_s) / timed * 1e6,
        rss_bytes=rss,
    )


@dataclass(frozen=True, slots=True)
class Waits:
    """From the call that sends a job to the start of its handler, and what was really sent."""

    p50_ms: float
    p99_ms: float
    rate: float


def latency(ground: Ground, entry: Entry, *, rate: float, jobs: int, slots: int) -> Waits:
    """Send jobs at an even *rate* to one worker process."""
    with ground.server() as (client, idle):
        order = replace(idle, slots=slots, jobs=jobs + 1, rate=rate, keeps_waits=True)
        with workers(entry, order, 1) as running:
            producer = Producer(entry, order)
            try:
                _ran(client, until=1)
            finally:
                sent = producer.result()
            _ran(client, until=jobs + 1)
            _require_no_more(client, jobs + 1)
            running.require_alive()
        reply: Any = client.lrange(WAITS, 0, -1)
    waits_ms = [int(wait) / 1000 for wait in reply]
    if len(waits_ms) != jobs + 1:
        raise RefusedError(f"{len(waits_ms)} waits of {jobs + 1} jobs")
    counted = waits_ms[WARM_UP:]
    return Waits(statistics.median(counted), statistics.quantiles(counted, n=100)[98], sent.rate)


def load_rate(drain_rate: float) -> float:
    """Half of what a contestant drains, within what one producer can send evenly."""
    return min(LOAD_RATE_MAX, max(1.0, drain_rate / 2))


def _info(client: "Redis", section: str) -> Mapping[str, Any]:
    reply: Any = client.info(section)
    return dict(reply)


def _commands(client: "Redis") -> int:
    """All commands run, those inside scripts too, but for our own."""
    stats = _info(client, "commandstats")
    calls = {name.removeprefix("cmdstat_"): int(row["calls"]) for name, row in stats.items()}
    return sum(number for name, number in calls.items() if name not in OURS)


def _counts(client: "Redis") -> list[int]:
    reply: Any = client.hvals(RAN)
    return [int(float(value)) for value in reply]


def _ran(client: "Redis", *, until: int, processes: int = 1, of: int = 0) -> int:
    """Wait until so many jobs have run, and so many processes have run one; returns how many.

    Raises:
        RefusedError: for a long time none has run.
        TooFewError: all there are have run, and not every process has had one.
    """
    seen, seen_s = 0, time.perf_counter()
    while True:
        counts = _counts(client)
        ran = sum(counts)
        if ran >= until and len(counts) >= processes:
            return ran
        if ran == of > 0:
            raise TooFewError(f"{len(counts)} of {processes} processes ran all {ran} jobs")
        now_s = time.perf_counter()
        if ran > seen:
            seen, seen_s = ran, now_s
        elif now_s - seen_s > STILL_S:
            raise RefusedError(
                f"after {ran} jobs in {len(counts)} processes none came for {STILL_S:.0f} s"
            )
        time.sleep(LOOK_S)


def _require_no_more(client: "Redis", jobs: int) -> None:
    """Raises: RefusedError: not exactly *jobs* have run."""
    time.sleep(AFTER_S)
    ran = sum(_counts(client))
    if ran != jobs:
        raise RefusedError(f"{ran} jobs ran, and {jobs} were sent")
