"""Jobs that have ended, and ids of which there is no trace."""

from collections.abc import Sequence

from streams.spans import age, moment
from streams.state import State
from streams.why.explanation import Explanation, Reason, last_error, told
from streams.why.facts import JobFacts


def explain_ended(facts: JobFacts) -> Explanation:
    """A completed, dead or cancelled job."""
    match facts.state:
        case State.DEAD:
            return _dead(facts)
        case State.CANCELLED if facts.cause == "expired":
            return told(
                facts,
                State.CANCELLED,
                Reason.EXPIRED,
                "It was to be started by a certain time, and no worker was free until then: "
                f"cancelled{_when(facts)}, without having run.",
                _forgotten(facts),
                advice="add workers, raise its priority, or give it more time",
                more={"ended_at_ms": facts.ended_ms},
            )
        case State.CANCELLED:
            ran = _by(facts) if facts.last_attempt.get("outcome") == "cancelled" else ""
            return told(
                facts,
                State.CANCELLED,
                Reason.CANCELLED,
                f"Somebody asked for its end; it was cancelled{_when(facts)}"
                + (f" while it ran{ran}." if ran else " while it waited."),
                _forgotten(facts),
                more={"ended_at_ms": facts.ended_ms},
            )
        case _:
            return told(
                facts,
                State.COMPLETED,
                Reason.COMPLETED,
                f"It is done: completed{_when(facts)}{_by(facts)}.",
                _forgotten(facts),
                more={"ended_at_ms": facts.ended_ms, **_last_run(facts)},
            )


def explain_unknown(
    facts: JobFacts, *, resembling: Sequence[str] = (), queues: Sequence[str] = ()
) -> Explanation:
    """No record, and no entry where the id says that there would be one.

    *resembling* are ids that begin alike; *queues* were asked, by default its own.
    """
    asked = ", ".join(queues) or facts.queue
    if facts.unique_holder:
        return told(
            facts,
            "unknown",
            Reason.UNKNOWN,
            f"No job has this id, but it is a unique key, held by the job {facts.unique_holder}: "
            "another job that asked for the key was not accepted.",
            "The key is free when that job has ended.",
            advice=f"`millstream why {facts.unique_holder}`",
            more={"unique_holder": facts.unique_holder},
        )
    if resembling:
        return told(
            facts,
            "unknown",
            Reason.UNKNOWN,
            "No job has this id, but several ids begin like it.",
            "Nothing.",
            advice=f"ask for one of these: {', '.join(resembling)}",
            more={"resembling": list(resembling)},
        )
    return told(
        facts,
        "unknown",
        Reason.UNKNOWN,
        f"There is no record of it (asked: {asked}): the id is wrong, its record has expired "
        "(10 minutes after its end, 30 days for dead jobs, unless the workers are set "
        "otherwise), or it was sent by a plain XADD and has not run yet.",
        "Nothing.",
        advice="check the id and the queue; ask its sender whether the enqueue was acknowledged",
    )


def _dead(facts: JobFacts) -> Explanation:
    error = last_error(facts)
    because = f" Its last attempt ended with {error}." if error else ""
    times = f", {facts.losses} of its runs lost" if facts.losses else ""
    return told(
        facts,
        State.DEAD,
        Reason.DEAD,
        f"It ended without success{_when(facts)}: {facts.cause or 'no cause was written'}"
        f"{times}.{because}",
        _forgotten(facts) + " Its dead letter stays until somebody purges or replays it.",
        advice=f"`millstream dead show {facts.dead_entry}` tells everything, `millstream dead "
        f"list --fingerprint {facts.fingerprint}` shows what failed like it, `millstream dead "
        f"replay {facts.dead_entry}` runs it again",
        more={
            "ended_at_ms": facts.ended_ms,
            "cause": facts.cause,
            "last_error": error,
            "dead_entry": facts.dead_entry,
            "fingerprint": facts.fingerprint,
            **_last_run(facts),
        },
    )


def _when(facts: JobFacts) -> str:
    if facts.ended_ms is None:
        return ""
    return f" at {moment(facts.ended_ms)} ({age(max(0, facts.now_ms - facts.ended_ms))} ago)"


def _by(facts: JobFacts) -> str:
    row = facts.last_attempt
    host = f" on {row['host']}" if row.get("host") else ""
    return f" by worker {row['consumer']}{host}" if row.get("consumer") else ""


def _last_run(facts: JobFacts) -> dict[str, str | int | None]:
    row = facts.last_attempt
    started, ended = row.get("started_ms"), row.get("ended_ms")
    known = isinstance(started, int) and isinstance(ended, int)
    return {
        "consumer": str(row.get("consumer", "")),
        "host": str(row.get("host", "")),
        "version": str(row.get("version", "")),
        "took_ms": max(0, int(str(ended)) - int(str(started))) if known else None,
    }


def _forgotten(facts: JobFacts) -> str:
    if facts.ttl_ms is None:
        return "Nothing happens any more."
    return f"Nothing happens any more; its record is forgotten in {age(facts.ttl_ms)}."
