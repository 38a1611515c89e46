"""What a run comes to in numbers."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from consumers.chaos import faults
from consumers.chaos.checker import Violation
from consumers.chaos.history import ENDS, History, Run
from streams.job import SUSPECT_LOSSES

_NS = 1_000_000_000
_SERVER_FAULTS = frozenset(each.value for each in faults.TO_THE_SERVER)


@dataclass(frozen=True, slots=True)
class Recovery:
    """How long jobs of a killed process waited for their next start."""

    jobs: int
    p50_s: float
    p99_s: float
    worst_s: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Recovery":
        """Of one number a job."""
        ordered = sorted(seconds)
        if not ordered:
            return cls(0, 0.0, 0.0, 0.0)
        return cls(len(ordered), _percentile(ordered, 50), _percentile(ordered, 99), ordered[-1])


@dataclass(frozen=True, slots=True)
class Figures:
    """One run, or several together."""

    seconds: float
    jobs: int
    runs: int
    completed: int
    dead: int
    faults: Mapping[str, int]
    poison_deaths: int
    """Runs that took their process with them, without the kit's help."""
    zombies_thawed: int
    """Deliveries in hand of a process that was frozen for longer than its lease."""
    outcomes_refused: int
    outcomes_repeated: int
    effects_refused: int
    stale_recorded: int
    lost: int
    duplicates: int
    healthy_dead: int
    overlaps: int
    """Handlers that ran beside another one of their job, because their owner was silent."""
    recovery_s: tuple[float, ...]
    supervised_recovery_s: tuple[float, ...]
    suspect_recovery_s: tuple[float, ...]
    """Of jobs that had been lost twice before: they wait for a place where they run alone."""
    disturbed_recovery_s: tuple[float, ...]
    """Where the server was away too before the job started again."""

    @property
    def jobs_per_second(self) -> float:
        """Over the whole run, its drain included."""
        return self.jobs / self.seconds if self.seconds else 0.0


def figures(history: History, violations: Iterable[Violation]) -> Figures:
    """The figures of one run."""
    by_rule = Counter(each.rule for each in violations)
    states = Counter(final.state for final in history.finals.values())
    runs = list(history.all_runs())
    plain, supervised, suspect, disturbed = _recoveries(history)
    killed = {fault.pid for fault in history.faults if fault.what == faults.Fault.KILL.value}
    poison = {job for job, each in history.accepted.items() if each.kind == "chaos.poison"}
    answers = Counter(each.answer for run in runs for each in run.answers)
    return Figures(
        seconds=history.seconds,
        jobs=len(history.accepted),
        runs=sum(run.started_ns is not None for run in runs),
        completed=states["completed"],
        dead=states["dead"],
        faults=Counter(fault.what for fault in history.faults),
        poison_deaths=sum(run.job in poison and run.pid not in killed for run in runs),
        zombies_thawed=_zombies(history, runs),
        outcomes_refused=answers["lost"],
        outcomes_repeated=answers["repeated"],
        effects_refused=history.refused_effects,
        stale_recorded=by_rule["fenced"],
        lost=by_rule["ended"],
        duplicates=by_rule["recorded once"] + _too_many(history, states),
        healthy_dead=by_rule["as expected"],
        overlaps=_overlaps(history),
        recovery_s=tuple(plain),
        supervised_recovery_s=tuple(supervised),
        suspect_recovery_s=tuple(suspect),
        disturbed_recovery_s=tuple(disturbed),
    )


def together(parts: Sequence[Figures]) -> Figures:
    """The figures of several runs, as of one."""

    def total(name: str) -> int:
        return sum(getattr(each, name) for each in parts)

    def joined(name: str) -> tuple[float, ...]:
        return tuple(value for each in parts for value in getattr(each, name))

    return Figures(
        seconds=sum(each.seconds for each in parts),
        jobs=total("jobs"),
        runs=total("runs"),
        completed=total("completed"),
        dead=total("dead"),
        faults=sum((Counter(each.faults) for each in parts), Counter()),
        poison_deaths=total("poison_deaths"),
        zombies_thawed=total("zombies_thawed"),
        outcomes_refused=total("outcomes_refused"),
        outcomes_repeated=total("outcomes_repeated"),
        effects_refused=total("effects_refused"),
        stale_recorded=total("stale_recorded"),
        lost=total("lost"),
        duplicates=total("duplicates"),
        healthy_dead=total("healthy_dead"),
        overlaps=total("overlaps"),
        recovery_s=joined("recovery_s"),
        supervised_recovery_s=joined("supervised_recovery_s"),
        suspect_recovery_s=joined("suspect_recovery_s"),
        disturbed_recovery_s=joined("disturbed_recovery_s"),
    )


def _recoveries(history: History) -> tuple[list[float], ...]:
    """From each SIGKILL to the next start of what the process had in hand."""
    plain: list[float] = []
    supervised: list[float] = []
    suspect: list[float] = []
    disturbed: list[float] = []
    outages = [
        (fault.at_ns, fault.until_ns) for fault in history.faults if fault.what in _SERVER_FAULTS
    ]
    kills = {f.pid: f for f in history.faults if f.what == faults.Fault.KILL.value}
    for runs in history.runs.values():
        for number, run in enumerate(runs[:-1]):
            kill = kills.get(run.pid)
            if kill is None or run.ended_ns is not None or run.recorded():
                continue
            again = runs[number + 1]
            again_ns = again.started_ns or again.delivered_ns
            if again_ns < kill.at_ns:
                continue  # it was frozen or cut off before, and had lost the job already
            seconds = (again_ns - kill.at_ns) / _NS
            if any(begin < again_ns and end > kill.at_ns for begin, end in outages):
                disturbed.append(seconds)
            elif again.losses >= SUSPECT_LOSSES:
                suspect.append(seconds)
            elif kill.supervised:
                supervised.append(seconds)
            else:
                plain.append(seconds)
    return plain, supervised, suspect, disturbed


def _zombies(history: History, runs: list[Run]) -> int:
    frozen = [
        each
        for each in history.faults
        if each.what == faults.Fault.FREEZE.value
        and each.until_ns - each.at_ns > history.lease_ms * 1_000_000
    ]
    return sum(
        run.pid == each.pid
        and run.delivered_ns < each.at_ns
        and (run.ended_ns is None or run.ended_ns > each.at_ns)
        for each in frozen
        for run in runs
    )


def _overlaps(history: History) -> int:
    """Pairs of neighbouring runs of a job that were there at the same time."""
    found = 0
    for runs in history.runs.values():
        for earlier, later in pairwise(runs):
            if earlier.ended_ns is not None and later.started_ns is not None:
                found += later.started_ns < earlier.ended_ns
    return found


def _too_many(history: History, states: Counter[str]) -> int:
    """Ends that the server has counted beyond one a job."""
    return sum(max(0, history.counters.get(state, 0) - states[state]) for state in ENDS)


def _percentile(ordered: Sequence[float], percent: int) -> float:
    """The nearest rank: a value that has occurred."""
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]
