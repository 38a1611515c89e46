"""Whether a history keeps the promises: pure, in one pass over each job's runs.

Each rule has a name, which stands in front of its violations. None of them trusts the
server alone or the workers alone: where both know something, the two are compared.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from consumers.chaos.history import ENDS, Accepted, Final, History, Run

#: A longer history has been shortened by the server: rows are missing from its middle.
ROWS_KEPT = 50
#: The server counts its leases in whole milliseconds.
ROUNDING_NS = 2_000_000
#: What a job may die of; the beginning of the cause.
LEGAL_CAUSES = (
    "attempts used up",
    "permanent error",
    "poison",
    "deadline",
    "body lost",
    "operator",
    "invalid payload",
    "malformed entry",
)
#: Of these a healthy job dies in no case.
_OWN_FAULT = {"error", "timeout"}


@dataclass(frozen=True, slots=True)
class Violation:
    """A promise that was not kept."""

    rule: str
    job: str
    what: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.job or 'the queue'}: {self.what}"


@dataclass(frozen=True, slots=True)
class _Job:
    """All about one job, for the rules."""

    accepted: Accepted
    runs: list[Run]
    final: Final
    lease_ns: int
    last_ns: Mapping[int, int]

    @property
    def is_whole(self) -> bool:
        """True where the server has kept every row of the job's history."""
        return len(self.final.rows) < ROWS_KEPT

    def rows_of(self, consumer: str, *outcomes: str) -> int:
        """Rows of the job's history that name *consumer*, or only those with *outcomes*."""
        return sum(
            row.get("consumer") == consumer and (not outcomes or row.get("outcome") in outcomes)
            for row in self.final.rows
        )

    def was_lost_by(self, run: Run) -> bool:
        """True where the server says that the run's consumer was silent or is gone."""
        return not self.is_whole or self.rows_of(run.consumer, "lost", "crashed") > 0


Rule = Callable[[_Job], Iterator[str]]


def check(history: History) -> list[Violation]:
    """Every violation in *history*, job by job and then those of the queue as a whole."""
    found: list[Violation] = []
    for job_id, accepted in history.accepted.items():
        job = _Job(
            accepted,
            history.runs.get(job_id, []),
            history.finals.get(job_id, Final(job_id, "")),
            history.lease_ms * 1_000_000,
            history.last_ns,
        )
        for name, rule in RULES.items():
            found += [Violation(name, job_id, what) for what in rule(job)]
    found += [Violation("drained", "", what) for what in history.leftovers]
    found += [Violation("counted once", "", what) for what in _counted(history)]
    return found


def _ended(job: _Job) -> Iterator[str]:
    state = job.final.state
    if not state:
        yield "was accepted and has no record"
    elif state not in ENDS:
        yield f"was accepted and is '{state}' after the drain"


def _recorded_once(job: _Job) -> Iterator[str]:
    ends = [(run, each) for run in job.runs for each in run.recorded() if each.verdict in ENDS]
    fences = sorted({run.fence for run, _ in ends})
    if len(fences) > 1:
        yield f"its end was recorded by the deliveries {fences}"
    verdicts = {each.verdict for _, each in ends}
    if verdicts and job.final.state in ENDS and verdicts != {job.final.state}:
        told = ", ".join(sorted(verdicts))
        yield f"a worker was told '{told}', the record says '{job.final.state}'"


def _attempts(job: _Job) -> Iterator[str]:
    """Charged attempts are 1, 2, 3, ...; a later delivery never has a smaller number."""
    charged = [row.get("attempt") for row in job.final.rows if row.get("outcome") in _OWN_FAULT]
    if job.is_whole and charged != list(range(1, len(charged) + 1)):
        yield f"its failed attempts are numbered {charged}"
    for earlier, later in pairwise(job.runs):
        if later.attempt < earlier.attempt:
            yield (
                f"delivery {later.fence} is attempt {later.attempt} "
                f"after attempt {earlier.attempt} in {earlier.fence}"
            )
        if later.attempt > earlier.attempt and later.epoch == earlier.epoch:
            yield f"delivery {later.fence} was charged an attempt without a retry"


def _closed(job: _Job) -> Iterator[str]:
    """Every start has an end: an outcome, a loss, or at least that of the handler."""
    if not job.is_whole:
        return
    for consumer in dict.fromkeys(run.consumer for run in job.runs):
        open_ = [
            run
            for run in job.runs
            if run.consumer == consumer
            and run.started_ns is not None
            and run.ended_ns is None
            and not run.recorded()
        ]
        rows = job.rows_of(consumer)
        if len(open_) > rows:
            fences = [run.fence for run in open_]
            yield f"the starts {fences} by {consumer} have no end, its history {rows} rows"


def _no_start_after_the_end(job: _Job) -> Iterator[str]:
    ends = [
        (each.at_ns, run.fence)
        for run in job.runs
        for each in run.recorded()
        if each.verdict in ENDS and each.answer == "recorded"
    ]
    if not ends:
        return
    at_ns, fence = min(ends)
    for run in job.runs:
        if run.started_ns is None or run.started_ns <= at_ns or run.fence == fence:
            continue
        if run.fence > fence:
            yield f"was delivered again ({run.fence}) after its end ({fence})"
        elif not job.was_lost_by(run):
            yield f"was started ({run.fence}) after its end ({fence}), and nobody had lost it"


def _overlap(job: _Job) -> Iterator[str]:
    """Two handlers at once only where the first one's owner was silent for a lease."""
    for earlier, later in pairwise(job.runs):
        if earlier.started_ns is None or later.started_ns is None:
            continue
        # Of a process that was killed nobody knows more than when it last did something.
        ends_ns = earlier.ended_ns or job.last_ns.get(earlier.handler_pid, 0)
        if later.started_ns < earlier.started_ns or ends_ns <= later.started_ns:
            continue
        before = [at for at in earlier.renewals_ns if at < later.started_ns]
        silent_ns = later.started_ns - max(before, default=0)
        if silent_ns < job.lease_ns - ROUNDING_NS:
            yield (
                f"ran twice at once ({earlier.fence}, {later.fence}), though {earlier.consumer} "
                f"had renewed it {silent_ns / 1e6:.0f} ms before"
            )
        elif not before and not job.was_lost_by(earlier):
            yield f"ran twice at once ({earlier.fence}, {later.fence}), and nobody had lost it"


def _legal_death(job: _Job) -> Iterator[str]:
    if job.final.state == "dead" and not job.final.cause.startswith(LEGAL_CAUSES):
        yield f"died of '{job.final.cause}', which is no legal cause"


def _expected(job: _Job) -> Iterator[str]:
    expect, final = job.accepted.expect, job.final
    if expect == "completed" and final.state == "dead":
        yield f"was healthy and is dead: {final.cause}"
    elif expect == "dead" and final.state == "completed":
        yield "could not succeed and is completed"


def _effects(job: _Job) -> Iterator[str]:
    """What stands outside Redis fits to what is recorded."""
    fences = list(job.final.effects)
    if fences != sorted(fences):
        yield f"its effects have the fences {fences}"
    if not job.accepted.has_effect or job.final.state != "completed":
        return
    if not fences:
        yield "is completed without its effect"
    ends = [run.fence for run in job.runs if any(a.verdict == "completed" for a in run.recorded())]
    if fences and ends and fences[-1] > max(ends):
        yield f"its last effect is of {fences[-1]}, and {max(ends)} has completed it"


def _refusals(job: _Job) -> Iterator[str]:
    """An outcome is refused only where somebody else has, or had, the job."""
    for run in job.runs:
        if not any(each.answer == "lost" for each in run.answers):
            continue
        taken = any(other.fence > run.fence for other in job.runs)
        if not taken and not job.was_lost_by(run):
            yield f"the outcome of {run.fence} was refused, and nobody else has had the job"


def _stale_outcomes(job: _Job) -> Iterator[str]:
    """Of two deliveries of one entry the first has lost it: nothing of it is recorded."""
    for number, run in enumerate(job.runs):
        verdicts = {each.verdict for each in run.recorded()} - {"released"}
        later = [other for other in job.runs[number + 1 :] if other.epoch == run.epoch]
        if verdicts and later:
            yield (
                f"the outcome '{', '.join(sorted(verdicts))}' of {run.fence} was recorded "
                f"although {later[0].fence} had taken the entry"
            )


def _counted(history: History) -> Iterator[str]:
    """The server has counted each end once."""
    for state in sorted(ENDS):
        counted = history.counters.get(state, 0)
        jobs = sum(final.state == state for final in history.finals.values())
        if counted > jobs:
            yield f"{counted} ends '{state}' were recorded for {jobs} jobs"


RULES: dict[str, Rule] = {
    "ended": _ended,
    "recorded once": _recorded_once,
    "attempts": _attempts,
    "closed": _closed,
    "no start after the end": _no_start_after_the_end,
    "overlap": _overlap,
    "legal death": _legal_death,
    "as expected": _expected,
    "effects": _effects,
    "refusals": _refusals,
    "fenced": _stale_outcomes,
}
