"""Checks of one queue: is its work done, and is all of it still there?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis

from streams.doctor.finding import Finding, Severity, fine
from streams.inspection import ConsumerReport, QueueReport, inspect_queue
from streams.keys import Keys
from streams.scripts.loader import load
from streams.server import Server
from streams.spans import age, counted
from streams.why.facts import LEASE_MS_DEFAULT

_CENSUS = load("census")

#: A silent consumer's jobs are taken over after one lease and a sweep; much later nobody does.
SILENT_LEASES = 3
#: A due job is moved within a second or two.
OVERDUE_MS = 10_000
#: Waiting for so long beside live workers, a job makes somebody impatient.
WAIT_WORRY_MS = 10 * 60_000
#: Consumers without work are removed within a minute; later than this nobody does so.
LEFT_MS = 10 * 60_000
#: A death in the last day is news.
RECENT_MS = 24 * 3_600_000
#: More dead letters than this weigh on the server's memory.
LETTERS_WORRY = 10_000

#: Counters of what takes an entry out of a stream. A dead or cancelled job may have been
#: a delayed one: counted too, so that nobody is accused wrongly.
_LEAVING = (
    *("completed", "cancelled", "dead", "retried", "parked", "crashed", "snoozed"),
    *("reprioritised", "removed"),
)


@dataclass(frozen=True, slots=True)
class QueueVitals:
    """A queue as one look shows it."""

    keys: Keys
    report: QueueReport
    overdue: int = 0
    groupless: tuple[str, ...] = ()
    """Levels whose stream has no consumer group."""
    vanished: int | None = None
    """Entries that left their stream without a transition; None where that cannot be seen."""
    stranded: int = 0
    """Entries that count as delivered and are in no pending list, where nothing new waits."""
    last_death_ms: int | None = None

    @property
    def queue(self) -> str:
        """What people call it."""
        partition = f":{self.keys.partition}" if self.keys.partition else ""
        return self.keys.queue + partition

    def lease_of(self, consumer: ConsumerReport) -> int:
        """The lease that the consumer says it has, or the default."""
        said = consumer.worker.lease_ms if consumer.worker else 0
        return said or LEASE_MS_DEFAULT

    def silence_of(self, consumer: ConsumerReport) -> int:
        """Milliseconds since anything was heard of it."""
        if consumer.worker is None:
            return consumer.idle_ms
        return min(consumer.idle_ms, max(0, self.report.now_ms - consumer.worker.beat_ms))

    @property
    def live(self) -> list[ConsumerReport]:
        """Consumers in the registry that were heard within their lease."""
        return [
            each
            for each in self.report.consumers
            if each.worker is not None and self.silence_of(each) <= self.lease_of(each)
        ]


async def take_queue_vitals(server: Server, keys: Keys) -> QueueVitals:
    """Look at a queue; writes nothing."""
    client = server.client
    report = await inspect_queue(client, keys)
    streams, counters = await server.run(
        _CENSUS, keys={**keys.streams, "counters": keys.counters}, args={}
    )
    overdue: int = await client.zcount(keys.delayed, "-inf", report.now_ms - OVERDUE_MS)
    return QueueVitals(
        keys=keys,
        report=report,
        overdue=overdue,
        groupless=tuple(
            level
            for level, (has_group, length, *_) in zip(keys.streams, streams, strict=True)
            if length >= 0 and not has_group
        ),
        vanished=_vanished(streams, dict(zip(counters[::2], counters[1::2], strict=True))),
        stranded=sum(row[-1] for row in streams),
        last_death_ms=await _last_death_ms(client, keys) if report.dead else None,
    )


def groups(vitals: QueueVitals) -> Finding:
    """Every stream has its consumer group."""
    if vitals.groupless:
        return Finding(
            "groups",
            Severity.WARN,
            f"no consumer group on {', '.join(vitals.groupless)}: nobody takes what is there",
            f"start a worker, which creates them: `millstream-worker {vitals.keys.queue}`",
            vitals.queue,
        )
    return fine("groups", "on every stream", vitals.queue)


def workers(vitals: QueueVitals) -> Finding:
    """Somebody does the work."""
    report = vitals.report
    work = report.undelivered + report.delayed + report.running
    if not vitals.live and work:
        return Finding(
            "workers",
            Severity.FAIL,
            f"none lives, and {counted(work, 'job')} undone",
            f"start one: `millstream-worker {vitals.keys.queue}`",
            vitals.queue,
        )
    said = {each.worker.trouble for each in vitals.live if each.worker and each.worker.trouble}
    if said:
        return Finding(
            "workers",
            Severity.WARN,
            f"{len(vitals.live)} live, and some say: {'; '.join(sorted(said))}",
            "see their log",
            vitals.queue,
        )
    return fine("workers", f"{len(vitals.live)} live", vitals.queue)


def gate(vitals: QueueVitals) -> Finding:
    """Nothing is stopped that was forgotten."""
    if said := str(vitals.report.gate):
        return Finding(
            "gate",
            Severity.WARN,
            said,
            f"`millstream queues resume {vitals.keys.queue}` ends a pause, `millstream queues "
            f"reopen {vitals.keys.queue}` a draining",
            vitals.queue,
        )
    return fine("gate", "nothing is paused, new jobs are taken", vitals.queue)


def claiming(vitals: QueueVitals) -> Finding:
    """What silent consumers had is taken over, except while it is paused."""
    if vitals.report.gate.paused:
        return fine(
            "claiming", "what lost consumers had waits for the end of a pause", vitals.queue
        )
    lost = [
        each
        for each in vitals.report.consumers
        if each.pending and vitals.silence_of(each) > SILENT_LEASES * vitals.lease_of(each)
    ]
    if lost:
        worst = max(lost, key=vitals.silence_of)
        jobs = counted(sum(each.pending for each in lost), "job")
        return Finding(
            "claiming",
            Severity.FAIL,
            f"{jobs} of {counted(len(lost), 'silent consumer')} not taken over ({worst.name} was "
            f"last heard {age(vitals.silence_of(worst))} ago)",
            "start a worker, or look for `claim_failed` in the log of those that live",
            vitals.queue,
        )
    return fine("claiming", "no consumer is silent with jobs in hand", vitals.queue)


def waiting(vitals: QueueVitals) -> Finding:
    """Jobs do not wait for ever beside workers that live."""
    oldest_ms = vitals.report.oldest_ms
    is_paused = bool(vitals.report.gate.paused)
    if oldest_ms is not None and oldest_ms > WAIT_WORRY_MS and vitals.live and not is_paused:
        return Finding(
            "waiting",
            Severity.WARN,
            f"{counted(vitals.report.undelivered, 'job')}, the oldest for {age(oldest_ms)}",
            "start more workers, or ask `millstream why` about the oldest",
            vitals.queue,
        )
    return fine("waiting", counted(vitals.report.undelivered, "job"), vitals.queue)


def delayed(vitals: QueueVitals) -> Finding:
    """Jobs that are due are moved into their stream."""
    if vitals.overdue:
        return Finding(
            "delayed",
            Severity.FAIL,
            f"{counted(vitals.overdue, 'job')} overdue by more than {age(OVERDUE_MS)}",
            "start a worker, or look for `promote_failed` in the log of those that live",
            vitals.queue,
        )
    return fine("delayed", f"{counted(vitals.report.delayed, 'job')}, none overdue", vitals.queue)


def dead(vitals: QueueVitals) -> Finding:
    """Somebody looks at what died."""
    count, died_ms = vitals.report.dead, vitals.last_death_ms
    if not count or died_ms is None:
        return fine("dead letters", "none", vitals.queue)
    ago_ms = max(0, vitals.report.now_ms - died_ms)
    found = f"{count}, the last one died {age(ago_ms)} ago"
    if ago_ms < RECENT_MS or count > LETTERS_WORRY:
        advice = "see why: `millstream dead groups`; then replay or purge them"
        return Finding("dead letters", Severity.WARN, found, advice, vitals.queue)
    return fine("dead letters", found, vitals.queue)


def left(vitals: QueueVitals) -> Finding:
    """Consumers that have left are forgotten."""
    gone = [each for each in vitals.report.consumers if not each.pending and each.idle_ms > LEFT_MS]
    if gone:
        return Finding(
            "consumers",
            Severity.WARN,
            f"{len(gone)} have left long ago and were not removed ({gone[0].name})",
            "a worker that lives removes them; if one does, look for `tidy_failed` in its log",
            vitals.queue,
        )
    return fine("consumers", f"{len(vitals.report.consumers)}, none left over", vitals.queue)


def stranded(vitals: QueueVitals) -> Finding:
    """No entry is delivered and then forgotten."""
    if vitals.stranded:
        return Finding(
            "stranded",
            Severity.FAIL,
            f"{counted(vitals.stranded, 'job')} delivered and in no pending list: nobody is given "
            "them again",
            f"`millstream audit {vitals.keys.queue}` names them, `millstream why` says how to "
            "hand them back; find out who calls XGROUP DELCONSUMER or XACK",
            vitals.queue,
        )
    return fine("stranded", "none", vitals.queue)


def entries(vitals: QueueVitals) -> Finding:
    """Nobody trims the streams of jobs."""
    if vitals.vanished is None:
        return Finding(
            "entries",
            Severity.UNKNOWN,
            "servers before 7.0 do not count what was added",
            f"`millstream audit {vitals.keys.queue}` finds records without their entry",
            vitals.queue,
        )
    if vitals.vanished > 0:
        return Finding(
            "entries",
            Severity.FAIL,
            f"at least {vitals.vanished} left their stream, and no transition took them out",
            "find out who trims or deletes (XADD with MAXLEN, XTRIM, XDEL), or who reset the "
            f"counters; `millstream audit {vitals.keys.queue}` names jobs",
            vitals.queue,
        )
    return fine("entries", "all that left were taken out by a transition", vitals.queue)


async def _last_death_ms(client: Redis, keys: Keys) -> int:
    info: dict[str, Any] = await client.xinfo_stream(keys.dead)
    return int(info["last-generated-id"].partition(b"-")[0])


def _vanished(streams: Sequence[Sequence[int]], counters: Mapping[bytes, bytes]) -> int | None:
    """Entries that are gone and that no counter explains: a lower bound, never an accusation."""
    there = [(length, added) for _, length, added, _ in streams if length >= 0]
    if any(added < 0 for _, added in there):
        return None
    gone = sum(added - length for length, added in there)
    return max(0, gone - sum(int(counters.get(name.encode(), 0)) for name in _LEAVING))
