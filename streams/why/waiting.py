"""Jobs in a stream that no consumer has, or that one gave back."""

from streams.job import SUSPECT_LOSSES
from streams.keys import GROUP, NOBODY, NOBODY_SUSPECT, Keys
from streams.spans import age, counted
from streams.state import State
from streams.why.explanation import Explanation, Reason, told
from streams.why.facts import JobFacts

_START = "start a worker: `millstream-worker {queue}`"


def explain_ready(facts: JobFacts) -> Explanation:
    """A job that has an entry, or should have one, and that no consumer has."""
    if not facts.has_entry:
        return _lost_body(facts)
    if facts.is_stranded:
        return _stranded(facts)
    return _handed_back(facts) if facts.is_handed_back else _waiting(facts)


def _waiting(facts: JobFacts) -> Explanation:
    """A job that has never been delivered, or not since it was put back."""
    trouble = explain_trouble(facts, State.READY)
    if trouble is not None:
        return trouble
    if facts.losses >= SUSPECT_LOSSES:
        return told(
            facts,
            State.READY,
            Reason.SUSPECT,
            f"Consumers were lost with it {facts.losses} times, so it waits to run alone.",
            "A worker takes it when no other suspect runs there, and runs it in a process of "
            "its own; if that dies too, it counts against the job.",
            advice=f"see what it did to its workers: `millstream jobs show {facts.id}`",
            more=_queue(facts),
        )
    places, in_hand = _places(facts)
    before = facts.ahead + facts.more_urgent
    if places and in_hand >= places:
        return told(
            facts,
            State.READY,
            Reason.WORKERS_BUSY,
            f"All {counted(places, 'place')} of {counted(_capable(facts), 'worker')} are taken, "
            f"and {_number_before(facts, before)} it.",
            "It is taken when its turn comes and a place is free.",
            advice="if that takes too long: start more workers, or raise their concurrency",
            more=_queue(facts),
        )
    if before:
        return told(
            facts,
            State.READY,
            Reason.BEHIND_OTHERS,
            f"It waits for its turn: {_number_before(facts, before)} it "
            f"({facts.more_urgent} of them more urgent).",
            "Workers take jobs from critical down to low, the oldest of a level first; every "
            "tenth job comes from a lower level.",
            more=_queue(facts),
        )
    return told(
        facts,
        State.READY,
        Reason.NEXT,
        "It is the next one, and a worker is free for it.",
        "It is taken within a second.",
        advice="if it stays: the workers cannot fetch, or their circuit breaker is open; see "
        "their /ready and their log",
        more=_queue(facts),
    )


def explain_trouble(facts: JobFacts, state: State) -> Explanation | None:
    """What keeps every job of the queue from running; None where nothing does."""
    live = facts.live_workers
    start = _START.format(queue=facts.queue)
    if facts.server.refuses:
        return told(
            facts,
            state,
            Reason.SERVER_REFUSES,
            f"The server takes no writes: {facts.server.refuses}.",
            "Workers try again until it does, and go on by themselves.",
            advice="look at the server's log and its disk; `millstream doctor` checks it",
            more=_queue(facts),
        )
    if state is State.READY and (stop := facts.gate.paused.get(facts.priority)):
        return told(
            facts,
            state,
            Reason.PAUSED,
            f"The {facts.priority.value} level of the queue '{facts.queue}' is paused {stop}.",
            "Workers take it within a second of the end of the pause, when its turn comes.",
            advice=f"end the pause: `millstream queues resume {facts.queue}`",
            more=_queue(facts) | {"paused_by": stop.by, "paused_at_ms": stop.since_ms},
        )
    if not any(level.has_group for level in facts.levels):
        return told(
            facts,
            state,
            Reason.NO_WORKER,
            f"No worker has ever consumed the queue '{facts.queue}' on this server.",
            "The first worker that starts creates its group and takes what waits.",
            advice=start,
            more=_queue(facts),
        )
    if not live:
        silent = min((facts.silence_of(each) for each in facts.workers), default=None)
        heard = "" if silent is None else f"; the last one was heard {age(silent)} ago"
        return told(
            facts,
            state,
            Reason.NO_WORKER,
            f"No worker consumes the queue '{facts.queue}'{heard}.",
            "It is taken when a worker starts, in the order of priority and age.",
            advice=start,
            more=_queue(facts),
        )
    if facts.kind and not _capable(facts):
        known = ", ".join(sorted({kind for each in live for kind in each.kinds}))
        return told(
            facts,
            state,
            Reason.KIND_UNKNOWN,
            f"{counted(len(live), 'worker')} of the queue '{facts.queue}' "
            f"{'lives' if len(live) == 1 else 'live'}, and none has a handler for the kind "
            f"'{facts.kind}'.",
            "Each worker that takes it parks it for 30 seconds, at no cost, until one comes "
            "that knows the kind.",
            advice=f"start a worker that knows '{facts.kind}', or mend the name of the kind: "
            f"those that run know {known}",
            more=_queue(facts),
        )
    return _troubled(facts) if state is State.READY else None


def _troubled(facts: JobFacts) -> Explanation | None:
    """What the workers that could run the job say of themselves, where all say something."""
    able = set(_able(facts))
    said = [each.trouble for each in facts.live_workers if each.consumer in able]
    if not said or not all(said):
        return None
    return told(
        facts,
        State.READY,
        Reason.WORKERS_TROUBLED,
        f"{counted(len(said), 'worker')} could run it, but {'says' if len(said) == 1 else 'say'}: "
        f"{'; '.join(sorted(set(said)))}.",
        "It is taken when that is over; an open circuit lets one job through now and then.",
        advice="see the log of the workers, and what fails: `millstream dead list`",
        more=_queue(facts),
    )


def _stranded(facts: JobFacts) -> Explanation:
    """An entry that the group takes for delivered, and that nobody has."""
    stream = Keys(facts.queue).stream(facts.priority)
    return told(
        facts,
        State.READY,
        Reason.NOWHERE,
        "Its entry was delivered and is in no pending list: somebody removed its consumer from "
        "the group, or acknowledged it by hand.",
        "Nothing: no worker is given it again.",
        advice=f"hand it back: `redis-cli XCLAIM '{stream}' {GROUP} {NOBODY} 0 {facts.entry} "
        "FORCE JUSTID`",
    )


def _lost_body(facts: JobFacts) -> Explanation:
    """A record that says ready, of an entry that is not there."""
    if facts.is_handed_back:
        return told(
            facts,
            State.READY,
            Reason.BODY_LOST,
            "Its entry was deleted from the stream after it had been handed back.",
            "The next claim finds it, within about a second of a live worker, and writes a "
            "dead letter with the cause 'body lost'.",
            advice="find out who trims or deletes entries of this queue; nobody may",
        )
    return told(
        facts,
        State.READY,
        Reason.NOWHERE,
        "Its record says that it is ready, but its entry is not in its stream: it was deleted "
        "or trimmed by somebody else, or lost in a failover.",
        "Nothing: no worker can find it.",
        advice=f"`millstream audit {facts.queue}` lists such jobs; send it again under a new id",
    )


def _handed_back(facts: JobFacts) -> Explanation:
    """A job that a consumer gave back unfinished."""
    trouble = explain_trouble(facts, State.READY)
    if trouble is not None:
        return trouble
    times = f"{facts.released} times" if facts.released > 1 else "once"
    if facts.owner == NOBODY_SUSPECT or facts.losses >= SUSPECT_LOSSES:
        return told(
            facts,
            State.READY,
            Reason.SUSPECT,
            f"Consumers were lost with it {facts.losses} times, and it was handed back: it "
            "waits to run alone.",
            "A worker claims it when no other suspect runs there, and runs it in a process of "
            "its own.",
            advice=f"see what it did to its workers: `millstream jobs show {facts.id}`",
            more={"deliveries": facts.deliveries},
        )
    return told(
        facts,
        State.READY,
        Reason.HANDED_BACK,
        f"It was handed back unfinished ({times}), by a worker that shut down or that lost an "
        "answer of the server; that costs no attempt.",
        "The next free worker takes it, before anything that is new.",
        more={"deliveries": facts.deliveries},
    )


def _queue(facts: JobFacts) -> dict[str, int | bool]:
    """The numbers of the queue that say how long it may take."""
    places, in_hand = _places(facts)
    return {
        "jobs_before": facts.ahead + facts.more_urgent,
        "jobs_before_is_exact": facts.ahead_is_exact,
        "more_urgent": facts.more_urgent,
        "waiting_in_level": facts.levels[facts.priority.level - 1].undelivered,
        "workers_alive": len(facts.live_workers),
        "places": places,
        "places_taken": in_hand,
    }


def _number_before(facts: JobFacts, before: int) -> str:
    more = "" if facts.ahead_is_exact else "more than "
    return (
        f"{more}{counted(before, 'job')} {'comes' if before == 1 and not more else 'come'} before"
    )


def _able(facts: JobFacts) -> list[str]:
    """Live consumers with a handler for the kind; who does not say its kinds counts."""
    return [
        each.consumer for each in facts.live_workers if not each.kinds or facts.kind in each.kinds
    ]


def _capable(facts: JobFacts) -> int:
    return len(_able(facts))


def _places(facts: JobFacts) -> tuple[int, int]:
    """Places of the live workers that can run it, and how many of them are taken."""
    able = set(_able(facts))
    places = sum(each.concurrency for each in facts.live_workers if each.consumer in able)
    return places, sum(count for name, count in facts.pending.items() if name in able)
