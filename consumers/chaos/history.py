"""A run as its journals tell it: who had which job, when, and how that ended.

Only reading and sorting; what it means is the checker's business.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

#: Answers that say "this is recorded, and by you".
RECORDED = frozenset({"recorded", "repeated"})
#: Verdicts that end a job.
ENDS = frozenset({"completed", "dead", "cancelled"})


@dataclass(frozen=True, slots=True)
class Accepted:
    """A job that the server has said yes to, and how it is bound to end."""

    job: str
    kind: str
    expect: str
    """`completed`, `dead`, or `any` where the kit does not know the handlers."""
    has_effect: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said to an outcome."""

    at_ns: int
    verdict: str
    answer: str


@dataclass(slots=True)
class Run:
    """One delivery of a job to a consumer, and what came of it."""

    job: str
    fence: int
    epoch: int
    attempt: int
    token: str
    consumer: str
    pid: int
    delivered_ns: int
    losses: int = 0
    """Consumers that the job had cost before."""
    handler_pid: int = 0
    """Where the handler ran: in the worker, or in a child of it."""
    started_ns: int | None = None
    ended_ns: int | None = None
    ended_how: str = ""
    renewals_ns: list[int] = field(default_factory=list[int])
    """When each renewal was sent that has been answered."""
    answers: list[Answer] = field(default_factory=list[Answer])

    def recorded(self) -> list[Answer]:
        """The answers that say that this run's outcome stands."""
        return [each for each in self.answers if each.answer in RECORDED]


@dataclass(frozen=True, slots=True)
class Final:
    """A job's record at the end of a run; `state` is empty where there was none."""

    job: str
    state: str
    cause: str = ""
    attempt: int = 1
    losses: int = 0
    rows: tuple[Mapping[str, Any], ...] = ()
    effects: tuple[int, ...] = ()
    """The fences of the effects that the store outside Redis has accepted."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that was done to the system on purpose."""

    what: str
    at_ns: int
    until_ns: int
    pid: int = 0
    consumer: str = ""
    supervised: bool = False


@dataclass(slots=True)
class History:
    """Everything about one run of the kit."""

    lease_ms: int
    accepted: dict[str, Accepted]
    runs: dict[str, list[Run]]
    """By job, in the order of their fences."""
    finals: dict[str, Final]
    faults: list[Fault]
    counters: Mapping[str, int]
    leftovers: tuple[str, ...]
    """What was still in the queue after the drain."""
    last_ns: Mapping[int, int]
    """When a process was last seen to do something, by its number."""
    refused_effects: int = 0
    seconds: float = 0.0

    def all_runs(self) -> Iterable[Run]:
        """Every run of every job."""
        return (run for runs in self.runs.values() for run in runs)


def assemble(events: Iterable[Mapping[str, Any]]) -> History:
    """The history that *events* tell, in whatever order they come."""
    return _Assembly(sorted(events, key=lambda each: int(each["at_ns"]))).history()


class _Assembly:
    """Puts events together; they must be sorted by time."""

    def __init__(self, events: list[Mapping[str, Any]]) -> None:
        self._by_name: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
        self._last_ns: dict[int, int] = {}
        for event in events:
            self._by_name[event["event"]].append(event)
            self._last_ns[event["pid"]] = event["at_ns"]
        self._by_token: dict[tuple[str, str], Run] = {}
        self._by_fence: dict[tuple[str, int], Run] = {}

    def history(self) -> History:
        self._read_deliveries()
        self._read_handlers()
        self._read_answers()
        runs: defaultdict[str, list[Run]] = defaultdict(list)
        for run in sorted(self._by_token.values(), key=lambda each: each.fence):
            runs[run.job].append(run)
        setting = self._by_name["setting"]
        summary = self._by_name["drained"]
        at = [event["at_ns"] for event in self._by_name["accepted"] + summary]
        return History(
            lease_ms=int(setting[0]["lease_ms"]) if setting else 0,
            accepted={
                each["job"]: Accepted(each["job"], each["kind"], each["expect"], each["has_effect"])
                for each in self._by_name["accepted"]
            },
            runs=dict(runs),
            finals={each["job"]: _final(each) for each in self._by_name["final"]},
            faults=[_fault(each) for each in self._by_name["fault"]],
            counters=summary[-1]["counters"] if summary else {},
            leftovers=tuple(summary[-1]["leftovers"]) if summary else ("no drain",),
            last_ns=self._last_ns,
            refused_effects=sum(not each["accepted"] for each in self._by_name["effect"]),
            seconds=(max(at) - min(at)) / 1e9 if at else 0.0,
        )

    def _read_deliveries(self) -> None:
        for each in self._by_name["delivered"]:
            run = Run(
                job=each["job"],
                fence=each["fence"],
                epoch=each["epoch"],
                attempt=each["attempt"],
                token=each["token"],
                consumer=each["consumer"],
                pid=each["pid"],
                delivered_ns=each["at_ns"],
                losses=each.get("losses", 0),
            )
            self._by_token[run.job, run.token] = run
            self._by_fence[run.job, run.fence] = run

    def _read_handlers(self) -> None:
        for each in self._by_name["started"]:
            if run := self._by_fence.get((each["job"], each["fence"])):
                run.started_ns = each["at_ns"]
                run.handler_pid = each["pid"]
        for each in self._by_name["ended"]:
            if run := self._by_fence.get((each["job"], each["fence"])):
                run.ended_ns, run.ended_how = each["at_ns"], each["how"]
        for each in self._by_name["given_up"]:
            run = self._by_token.get((each["job"], each["token"]))
            # A child that was killed with its handler could not say so itself.
            if run and run.ended_ns is None:
                run.ended_ns, run.ended_how = each["at_ns"], "given up"

    def _read_answers(self) -> None:
        for each in self._by_name["settled"]:
            if run := self._by_token.get((each["job"], each["token"])):
                run.answers.append(Answer(each["at_ns"], each["verdict"], each["answer"]))
        tokens = {run.token: run for run in self._by_token.values()}
        for each in self._by_name["renewed"]:
            for token in each["tokens"]:
                if run := tokens.get(token):
                    run.renewals_ns.append(each["at_ns"] - each["age_ns"])


def _final(event: Mapping[str, Any]) -> Final:
    return Final(
        job=event["job"],
        state=event["state"],
        cause=event["cause"],
        attempt=event["attempt"],
        losses=event["losses"],
        rows=tuple(event["rows"]),
        effects=tuple(event["effects"]),
    )


def _fault(event: Mapping[str, Any]) -> Fault:
    return Fault(
        what=event["what"],
        at_ns=event["at_ns"],
        until_ns=event.get("until_ns", event["at_ns"]),
        pid=event.get("target", 0),
        consumer=event.get("consumer", ""),
        supervised=event.get("supervised", False),
    )
