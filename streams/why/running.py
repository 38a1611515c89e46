"""Jobs that a consumer has."""

from pydantic import JsonValue

from streams.job import SUSPECT_LOSSES
from streams.spans import age
from streams.state import State
from streams.why.explanation import Explanation, Reason, told
from streams.why.facts import JobFacts, lease_of


def explain_running(facts: JobFacts) -> Explanation:
    """A job in a consumer's hands."""
    worker = facts.worker(facts.owner)
    lease_ms = lease_of(worker)
    who = f"worker {facts.owner}" + (f" on {worker.host}" if worker and worker.host else "")
    heard = f"{age(facts.silent_ms)} ago"
    more = _who(facts, lease_ms)
    if facts.silent_ms > lease_ms:
        return _lapsed(facts, who, more)
    if not facts.has_entry:
        return told(
            facts,
            State.RUNNING,
            Reason.BODY_LOST,
            f"The {who} runs it, but its entry was deleted from the stream meanwhile.",
            "If the handler succeeds it is completed; in any other case it becomes a dead "
            "letter with the cause 'body lost'.",
            advice="find out who trims or deletes entries of this queue; nobody may",
            more=more,
        )
    if facts.cancel_asked:
        return told(
            facts,
            State.RUNNING,
            Reason.CANCELLING,
            f"Somebody asked for its end, and the {who} still runs it.",
            "The worker learns of it with its next renewal (every fifth of a lease) and ends "
            "the handler.",
            more=more,
        )
    of = f" of {facts.attempts_max}" if facts.attempts_max else ""
    limit = f"; the attempt may take {age(facts.timeout_ms)}" if facts.timeout_ms else ""
    return told(
        facts,
        State.RUNNING,
        Reason.RUNNING,
        f"The {who} runs attempt {facts.attempt}{of}, and was last heard {heard}.",
        f"It ends when its handler does{limit}. If the worker is silent for {age(lease_ms)}, "
        "another one takes it over.",
        more=more,
    )


def _lapsed(facts: JobFacts, who: str, more: dict[str, JsonValue]) -> Explanation:
    silent = f"The {who} has it, and was not heard for {age(facts.silent_ms)}: it is dead or frozen"
    others = [each for each in facts.live_workers if each.consumer != facts.owner]
    if facts.server.refuses or not others:
        trouble = facts.server.refuses and f"the server takes no writes ({facts.server.refuses})"
        return told(
            facts,
            State.RUNNING,
            Reason.LAPSED,
            f"{silent}, and {trouble or 'no other worker lives to take it over'}.",
            "The next worker that starts takes it over within about a second.",
            advice=f"start a worker: `millstream-worker {facts.queue}`",
            more=more,
        )
    if stop := facts.gate.paused.get(facts.priority):
        return told(
            facts,
            State.RUNNING,
            Reason.LAPSED,
            f"{silent}; the {facts.priority.value} level of the queue is paused {stop}.",
            "Another worker takes it over after the end of the pause.",
            advice=f"end the pause: `millstream queues resume {facts.queue}`",
            more=more,
        )
    alone = facts.losses + 1 >= SUSPECT_LOSSES
    return told(
        facts,
        State.RUNNING,
        Reason.LAPSED,
        f"{silent}.",
        "Another worker takes it over within about a second of having a free place"
        + (", and runs it alone." if alone else "."),
        advice="if it stays: the live workers are busy, or their claimer fails (`claim_failed` "
        "in the log)",
        more=more,
    )


def _who(facts: JobFacts, lease_ms: int) -> dict[str, JsonValue]:
    worker = facts.worker(facts.owner)
    return {
        "consumer": facts.owner,
        "host": worker.host if worker else "",
        "pid": worker.pid if worker else None,
        "version": worker.version if worker else "",
        "heard_ms": facts.silent_ms,
        "lease_ms": lease_ms,
        "deliveries": facts.deliveries,
        "not_before_at_ms": _not_before(facts),
        "timeout_ms": facts.timeout_ms,
        "cancel_asked": facts.cancel_asked or None,
        "progress": facts.progress,
    }


def _not_before(facts: JobFacts) -> int | None:
    """The earliest moment at which this run can have begun: starts are not written down."""
    entered = facts.entry.partition("-")[0]
    ended = facts.last_attempt.get("ended_ms")
    moments = [int(entered)] if entered.isdigit() else []
    if isinstance(ended, int | float):
        moments.append(int(ended))
    return max(moments, default=None)
