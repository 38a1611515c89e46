"""Jobs that wait for their time."""

from streams.spans import age, moment
from streams.state import State
from streams.why.explanation import Explanation, Reason, last_error, told
from streams.why.facts import JobFacts
from streams.why.waiting import explain_trouble

#: Workers look for due jobs about once a second; later than this, something keeps them.
OVERDUE_MS = 3_000


def explain_delayed(facts: JobFacts) -> Explanation:
    """A job that was enqueued for later, failed and is to be retried, or was parked."""
    if facts.due_ms is None:
        return told(
            facts,
            State.DELAYED,
            Reason.NOWHERE,
            "Its record says that it waits for its time, but it is not among the delayed jobs: "
            "somebody removed it, or a failover lost it.",
            "Nothing: no worker can find it.",
            advice=f"`millstream audit {facts.queue}` lists such jobs; send it again under a "
            "new id",
        )
    if not facts.has_body:
        return told(
            facts,
            State.DELAYED,
            Reason.BODY_LOST,
            "Its body was deleted while it waited for its time.",
            "It becomes a dead letter with the cause 'body lost' when its time comes.",
            advice="find out who deletes keys of this queue; nobody may",
            expected_at_ms=facts.due_ms,
            more={"due_at_ms": facts.due_ms},
        )
    if facts.now_ms - facts.due_ms > OVERDUE_MS:
        return _overdue(facts, facts.due_ms)
    return _waiting(facts, facts.due_ms)


def _overdue(facts: JobFacts, due_ms: int) -> Explanation:
    late = age(facts.now_ms - due_ms)
    trouble = explain_trouble(facts, State.DELAYED)
    if trouble is not None and trouble.reason is not Reason.KIND_UNKNOWN:
        sentence = f"It was due {late} ago, and nobody has moved it into its stream. "
        advice, then = trouble.advice, "A live worker moves it within a second, then runs it."
        sentence += trouble.sentence
    else:
        sentence = (
            f"It was due {late} ago, and the workers that live have not moved it into its stream."
        )
        then = "Each worker moves a hundred due jobs a second: it comes when those before it have."
        advice = "if it stays: see `promote_failed` in the log of the workers"
    return told(
        facts,
        State.DELAYED,
        Reason.OVERDUE,
        sentence,
        then,
        advice=advice,
        more={"due_at_ms": due_ms, "overdue_ms": facts.now_ms - due_ms},
    )


def _waiting(facts: JobFacts, due_ms: int) -> Explanation:
    left = age(max(0, due_ms - facts.now_ms))
    error = last_error(facts)
    if facts.parked and facts.last_attempt.get("outcome") == "snoozed":
        reason, sentence = Reason.SNOOZED, f"Its handler put it off: {facts.parked}."
        advice = ""
    elif facts.parked:
        reason, sentence = Reason.PARKED, f"It was put back untried: {facts.parked}."
        advice = "start a worker of a version that can run it"
    elif facts.history and (error or facts.attempt > 1):
        of = f" of {facts.attempts_max}" if facts.attempts_max else ""
        because = f": {error}" if error else ""
        reason, advice = Reason.RETRYING, f"`millstream jobs show {facts.id}` has every attempt"
        sentence = f"Its last attempt failed{because}. Attempt {facts.attempt}{of} is to come."
    else:
        reason, advice = Reason.DELAYED, ""
        sentence = f"It was asked to wait until {moment(due_ms)}."
    return told(
        facts,
        State.DELAYED,
        reason,
        sentence,
        f"It is due in {left}, at {moment(due_ms)}, and then waits for its turn.",
        advice=advice,
        expected_at_ms=due_ms,
        more={"due_at_ms": due_ms, "last_error": error},
    )
