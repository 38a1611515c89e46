"""Jobs that wait for their tenant's turn."""

from streams.spans import counted
from streams.state import State
from streams.why.explanation import Explanation, Reason, told
from streams.why.facts import JobFacts
from streams.why.waiting import explain_trouble


def explain_queued(facts: JobFacts) -> Explanation:
    """A job of a queue whose tenants share the workers in turn."""
    if facts.before_in_turn is None:
        return told(
            facts,
            State.QUEUED,
            Reason.NOWHERE,
            "Its record says that it waits for its tenant's turn, but it is not among the jobs "
            "that do: somebody removed it, or a failover lost it.",
            "Nothing: no worker can find it.",
            advice=f"`millstream audit {facts.queue}` lists such jobs; send it again under a "
            "new id",
        )
    if not facts.has_body:
        return told(
            facts,
            State.QUEUED,
            Reason.BODY_LOST,
            "Its body was deleted while it waited for its tenant's turn.",
            "It becomes a dead letter with the cause 'body lost' when its turn comes.",
            advice="find out who deletes keys of this queue; nobody may",
        )
    trouble = explain_trouble(facts, State.QUEUED)
    if trouble is not None:
        return trouble
    before = facts.before_in_turn
    return told(
        facts,
        State.QUEUED,
        Reason.TENANTS_TURN,
        f"It waits for the turn of its tenant: {counted(before, 'job')} of its level "
        f"{'is' if before == 1 else 'are'} to be let into the stream before it.",
        "Workers let jobs in as they take others, one of each tenant in a round.",
        advice="if that takes too long: start more workers; nothing else makes a tenant faster",
        more={"jobs_before": before},
    )
