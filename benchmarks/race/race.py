"""Who is measured in what, in which order: A B C, A B C, so that drift meets all alike."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import psutil
from redis.exceptions import RedisError

from benchmarks.race.contestants import Contestant
from benchmarks.race.measures import (
    IDLE_RATE,
    LOAD_S,
    Drained,
    Ground,
    TooFewError,
    bytes_a_job,
    drain,
    enqueue_rate,
    latency,
    load_rate,
)
from benchmarks.race.results import Column, Results
from benchmarks.race.running import Entry, RefusedError
from streams.errors import EmbeddedServerError

FIGURES = ("enqueue", "memory", "drain", "sleep", "cpu", "latency")
#: Where costs and latencies are measured.
SLOTS = 32
#: A refused measurement is tried again; every refusal is reported.
TRIES = 3
#: A drain that is over sooner is measured again with more jobs, up to so many times more.
SECONDS_MIN, MORE_MAX = 1.0, 10
IDLE_JOBS = 200
#: Of the jobs: those one by one, those that sleep one at a time, and those that compute.
SINGLE_SHARE, SLEEP_SHARE, CPU_SHARE = 0.25, 0.25, 0.025

Values = Mapping[Column, float]


@dataclass(frozen=True, slots=True)
class Plan:
    """What the command line asks for."""

    figures: Sequence[str] = FIGURES
    jobs: int = 20_000
    memory_jobs: int = 20_000
    rounds: int = 3
    slots: Sequence[int] = (1, 32, 256)
    processes: Sequence[int] = (1, 2)


@dataclass(slots=True)
class Runner:
    """A contestant in the race, and what is known of it so far."""

    contestant: Contestant
    entry: Entry
    drains: dict[tuple[int, str, int, int], Drained] = field(
        default_factory=dict[tuple[int, str, int, int], Drained]
    )
    jobs: dict[tuple[str, int, int], int] = field(default_factory=dict[tuple[str, int, int], int])


@dataclass(frozen=True, slots=True)
class Cell:
    """One measurement, which may fill several columns; the first one names it."""

    column: Column
    measure: Callable[[Runner, int], Values]
    slots: int = 1


class Race:
    """Runs the plan; `results` fills while it does."""

    def __init__(self, ground: Ground, plan: Plan, runners: Sequence[Runner]) -> None:
        self._ground = ground
        self._plan = plan
        self._runners = runners
        self.results = Results()

    def run(self, say: Callable[[str], None]) -> None:
        """All rounds; *say* is told what goes on."""
        for number in range(1, self._plan.rounds + 1):
            for cell in self.cells():
                say(f"round {number}/{self._plan.rounds}  {cell.column.figure}, {cell.column.name}")
                for runner in self._runners:
                    say(f"    {runner.contestant.key:17} {self._attempt(cell, runner, number)}")

    def cells(self) -> Iterator[Cell]:
        """The measurements of one round, in order."""
        figures = self._plan.figures
        if "enqueue" in figures:
            yield Cell(Column("enqueue", "one by one"), self._enqueue_singly)
            yield Cell(Column("enqueue", "bulk"), self._enqueue_in_bulk)
        if "memory" in figures:
            yield Cell(Column("cost", "bytes queued"), self._memory)
        for work in ("drain", "sleep", "cpu"):
            if work in figures:
                yield from self._drains(work)
        if "latency" in figures:
            yield Cell(Column("latency", "idle p50"), self._idle, SLOTS)
            yield Cell(Column("latency", "half load p50"), self._loaded, SLOTS)

    def _drains(self, figure: str) -> Iterator[Cell]:
        plan = self._plan
        work = "noop" if figure == "drain" else figure
        # Computing holds the interpreter: more jobs at a time change nothing but the waits.
        slots = [SLOTS] if figure == "cpu" else plan.slots
        processes = [1] if figure == "sleep" else plan.processes
        for count in processes:
            for each in slots:
                column = Column(figure, f"{each}x{count}")

                def measure(
                    runner: Runner,
                    number: int,
                    column: Column = column,
                    each: int = each,
                    count: int = count,
                ) -> Values:
                    drained = self._drained(runner, number, work, each, count)
                    costs = column == Column("drain", f"{SLOTS}x1")
                    return {column: drained.rate} | (_costs(drained) if costs else {})

                yield Cell(column, measure, each)

    def _attempt(self, cell: Cell, runner: Runner, number: int) -> str:
        key = runner.contestant.key
        said = ""
        for _ in range(TRIES):
            try:
                values = cell.measure(runner, number)
            except (RefusedError, RedisError, EmbeddedServerError, psutil.Error) as error:
                self.results.refuse(key, cell.column, str(error))
                said += f"refused: {error}; "
                continue
            self.results.add(key, values)
            if runner.contestant.slots(cell.slots) != cell.slots:
                self.results.nearest |= {(key, column) for column in values}
            shown = ", ".join(f"{column.name} {value:,.2f}" for column, value in values.items())
            return said + shown
        return said

    def _jobs(self, runner: Runner, share: float = 1.0) -> int:
        return max(100, round(self._plan.jobs * runner.contestant.share * share))

    def _enqueue_singly(self, runner: Runner, _number: int) -> Values:
        jobs = self._jobs(runner, SINGLE_SHARE)
        rate = enqueue_rate(self._ground, runner.entry, jobs, in_bulk=False)
        return {Column("enqueue", "one by one"): rate}

    def _enqueue_in_bulk(self, runner: Runner, _number: int) -> Values:
        rate = enqueue_rate(self._ground, runner.entry, self._jobs(runner), in_bulk=True)
        return {Column("enqueue", "bulk"): rate}

    def _memory(self, runner: Runner, _number: int) -> Values:
        taken = bytes_a_job(self._ground, runner.entry, self._plan.memory_jobs)
        return {Column("cost", "bytes queued"): taken}

    def _drained(
        self, runner: Runner, number: int, work: str, slots: int, processes: int
    ) -> Drained:
        """A drain of this round: measured, or known where it would be the very same."""
        slots = runner.contestant.slots(slots)
        key = (work, slots, processes)
        if (number, *key) in runner.drains:
            return runner.drains[number, *key]
        share = CPU_SHARE if work == "cpu" else SLEEP_SHARE if (work, slots) == ("sleep", 1) else 1
        usual = self._jobs(runner, share)
        most = usual * MORE_MAX
        while True:
            jobs = runner.jobs.get(key, usual)
            try:
                drained = self._drain(runner, work, jobs, slots, processes)
            except TooFewError:
                if jobs >= most:
                    raise
                runner.jobs[key] = min(most, jobs * 3)
                continue
            if drained.seconds >= SECONDS_MIN or jobs >= most:
                runner.drains[number, *key] = drained
                return drained
            more = round(jobs * 1.5 * SECONDS_MIN / drained.seconds)
            runner.jobs[key] = min(most, max(jobs, more))

    def _drain(self, runner: Runner, work: str, jobs: int, slots: int, processes: int) -> Drained:
        return drain(
            self._ground, runner.entry, jobs=jobs, work=work, slots=slots, processes=processes
        )

    def _idle(self, runner: Runner, _number: int) -> Values:
        slots = runner.contestant.slots(SLOTS)
        waits = latency(self._ground, runner.entry, rate=IDLE_RATE, jobs=IDLE_JOBS, slots=slots)
        return {
            Column("latency", "idle p50"): waits.p50_ms,
            Column("latency", "idle p99"): waits.p99_ms,
        }

    def _loaded(self, runner: Runner, number: int) -> Values:
        slots = runner.contestant.slots(SLOTS)
        rate = load_rate(self._drained(runner, number, "noop", slots, 1).rate)
        jobs = max(IDLE_JOBS, round(rate * LOAD_S))
        waits = latency(self._ground, runner.entry, rate=rate, jobs=jobs, slots=slots)
        return {
            Column("latency", "half load p50"): waits.p50_ms,
            Column("latency", "half load p99"): waits.p99_ms,
            Column("latency", "load, jobs/s"): waits.rate,
        }


def _costs(drained: Drained) -> dict[Column, float]:
    return {
        Column("cost", "Redis commands"): drained.commands,
        Column("cost", "Redis CPU, us"): drained.redis_cpu_us,
        Column("cost", "worker CPU, us"): drained.worker_cpu_us,
        Column("cost", "worker RSS, MB"): drained.rss_bytes / 1e6,
    }
