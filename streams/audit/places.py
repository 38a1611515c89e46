"""Where one job is, and what is wrong with that: the invariant that an audit checks.

Every accepted job is in exactly one place: an entry of a stream (ready or running), the
delayed set or the backlog with a body beside it, or ended with a record that will expire.
"""

from dataclasses import dataclass
from enum import StrEnum

from streams.keys import NOBODIES, Keys
from streams.priority import LEVELS
from streams.scripts.loader import load
from streams.server import Server
from streams.state import State
from streams.why.facts import written_state

_PLACES = load("places")


class Breakage(StrEnum):
    """What may be wrong with one job, or with one key beside it."""

    NOWHERE = "nowhere"
    """It has a record that says that it waits, and is in no place: it will never run."""
    TWO_PLACES = "two_places"
    """It is in several places, and will run several times."""
    STRANDED = "stranded"
    """Its entry was delivered and is in no pending list: nobody is given it again."""
    WRONG_PLACE = "wrong_place"
    """It is in a place, but not in the one that its record names."""
    ENTRY_GONE = "entry_gone"
    """A consumer has it, and its entry was deleted; the next claim buries it."""
    BODY_GONE = "body_gone"
    """It waits beside the streams, and its body was deleted; it is buried when it is due."""
    BODY_LEFT = "body_left"
    """A body without a job that waits beside the streams: memory that nobody frees."""
    RECORD_GONE = "record_gone"
    """It waits beside the streams, and its record was deleted."""
    ENDED_BUT_QUEUED = "ended_but_queued"
    """Its record says that it has ended, and it is about to run again."""
    LETTER_GONE = "letter_gone"
    """Its record says dead, and its dead letter was deleted by somebody else."""
    ENDLESS = "endless"
    """It has ended, and its record never expires."""
    CANCEL_LEFT = "cancel_left"
    """It is not running any more, and is still marked to be cancelled."""
    SLOT_LEFT = "slot_left"
    """A unique slot whose holder has ended: nobody else can take it."""


@dataclass(frozen=True, slots=True)
class SeenEntry:
    """An entry of a stream, or what is left of it in the pending list."""

    level: int
    entry: str
    has_body: bool
    owner: str = ""
    is_stranded: bool = False


@dataclass(frozen=True, slots=True)
class JobPlaces:
    """One job at one moment; `state` is what its record says, None where it has none."""

    id: str
    state: State | None = None
    entry: str = ""
    ttl_ms: int | None = None
    is_due: bool = False
    """It has a place among the delayed jobs."""
    is_queued: bool = False
    """It has a place among those that wait for their tenant's turn."""
    has_body: bool = False
    has_letter: bool = False
    cancel_asked: bool = False
    entries: tuple[SeenEntry, ...] = ()

    @property
    def waits_beside(self) -> bool:
        """True where it is in no stream, and comes to one later."""
        return self.is_due or self.is_queued

    def in_words(self) -> str:
        """What its record says, and every place."""
        state = self.state.value if self.state else "none"
        places = [f"record says {state}" + (f" at {self.entry}" if self.entry else "")]
        for each in self.entries:
            kind = "entry" if each.has_body else "pending without entry"
            owner = f" of {each.owner}" if each.owner else ""
            places.append(f"{kind} {LEVELS[each.level - 1].value} {each.entry}{owner}")
        beside = (self.is_due, "delayed"), (self.is_queued, "backlog"), (self.has_body, "body")
        return ", ".join([*places, *(word for is_there, word in beside if is_there)])


async def places_of(
    server: Server, keys: Keys, job_id: str, entries: set[tuple[int, str]]
) -> JobPlaces:
    """Every place of one job, from one script: nothing moves meanwhile."""
    record, ttl_ms, due, body, letter, cancel, rows, queued = await server.run(
        _PLACES,
        keys={
            **keys.streams,
            "delayed": keys.delayed,
            "backlog": keys.backlog,
            "dead": keys.dead,
            "cancel": keys.cancel,
            "job": keys.job(job_id),
            "body": keys.body(job_id),
        },
        args={"id": job_id},
        rows=[((), place) for place in sorted(entries)],
    )
    state, entry, _ = (each.decode(errors="replace") for each in record)
    return JobPlaces(
        id=job_id,
        state=written_state(state),
        entry=entry,
        ttl_ms=ttl_ms if ttl_ms >= 0 else None,
        is_due=bool(due),
        is_queued=bool(queued),
        has_body=bool(body),
        has_letter=bool(letter),
        cancel_asked=bool(cancel),
        entries=tuple(
            SeenEntry(level, place.decode(), bool(there), owner.decode(), bool(stranded))
            for level, place, there, owner, stranded in rows
        ),
    )


def broken(job: JobPlaces) -> list[Breakage]:
    """What is wrong with *job*; nothing where it is in exactly one place."""
    found = _wrong_beside(job)
    there = [each for each in job.entries if each.has_body]
    hollow = [each for each in job.entries if each.owner and not each.has_body]
    if hollow:
        found.append(Breakage.ENTRY_GONE)
    if any(each.is_stranded for each in there):
        found.append(Breakage.STRANDED)
    if job.state is not None and job.state.is_end:
        return [*found, *([Breakage.ENDED_BUT_QUEUED] if there or job.waits_beside else [])]
    count = len(there) + job.is_due + job.is_queued
    if count > 1:
        found.append(Breakage.TWO_PLACES)
    elif count == 0 and job.state is not None and not hollow:
        found.append(Breakage.NOWHERE)
    elif count == 1 and not _is_where_it_says(job, there):
        found.append(Breakage.WRONG_PLACE)
    return found


def _is_where_it_says(job: JobPlaces, there: list[SeenEntry]) -> bool:
    """True where a job in one place is in that of its record, or has none to be compared."""
    match job.state:
        case State.DELAYED:
            return job.is_due
        case State.QUEUED:
            return job.is_queued
        case State.READY:
            return bool(there) and there[0].entry == job.entry
        case _:
            return True


def _wrong_beside(job: JobPlaces) -> list[Breakage]:
    """What is wrong with the keys beside a job."""
    is_running = any(each.owner and each.owner not in NOBODIES for each in job.entries)
    ended = job.state is not None and job.state.is_end
    return [
        breakage
        for breakage, is_there in (
            (Breakage.BODY_GONE, job.waits_beside and not job.has_body),
            (
                Breakage.BODY_LEFT,
                job.has_body
                and not job.waits_beside
                and job.state not in {State.DELAYED, State.QUEUED},
            ),
            (Breakage.RECORD_GONE, job.waits_beside and job.state is None),
            (Breakage.LETTER_GONE, job.state is State.DEAD and not job.has_letter),
            (Breakage.ENDLESS, ended and job.ttl_ms is None),
            (Breakage.CANCEL_LEFT, job.cancel_asked and not is_running),
        )
        if is_there
    ]
