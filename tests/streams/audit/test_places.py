"""What is wrong with one job, from its places alone."""

from dataclasses import replace

import pytest

from streams.audit.places import Breakage, JobPlaces, SeenEntry, broken
from streams.keys import NOBODY
from streams.state import State

ENTRY = SeenEntry(3, "1-0", has_body=True)
TAKEN = replace(ENTRY, owner="w:1:aa")
HOLLOW = replace(TAKEN, has_body=False)
OTHER = replace(ENTRY, entry="2-0")

READY = JobPlaces("one", State.READY, "1-0", entries=(ENTRY,))
RUNNING = replace(READY, entries=(TAKEN,))
DELAYED = JobPlaces("one", State.DELAYED, is_due=True, has_body=True)
DONE = JobPlaces("one", State.COMPLETED, ttl_ms=1)
DEAD = JobPlaces("one", State.DEAD, ttl_ms=1, has_letter=True)
RAW = JobPlaces("normal-1-0", entries=(ENTRY,))

CASES: dict[str, tuple[JobPlaces, set[Breakage]]] = {
    "ready": (READY, set()),
    "running": (RUNNING, set()),
    "asked to end": (replace(RUNNING, cancel_asked=True), set()),
    "delayed": (DELAYED, set()),
    "completed": (DONE, set()),
    "dead": (DEAD, set()),
    "a plain XADD": (RAW, set()),
    "ready, no entry": (replace(READY, entries=()), {Breakage.NOWHERE}),
    "delayed, not in the set": (
        replace(DELAYED, is_due=False, has_body=False),
        {Breakage.NOWHERE},
    ),
    "delayed, not in the set, with a body": (
        replace(DELAYED, is_due=False),
        {Breakage.NOWHERE},
    ),
    "two entries": (replace(READY, entries=(ENTRY, OTHER)), {Breakage.TWO_PLACES}),
    "ready and delayed": (
        replace(READY, is_due=True, has_body=True),
        {Breakage.TWO_PLACES},
    ),
    "in another entry": (replace(READY, entries=(OTHER,)), {Breakage.WRONG_PLACE}),
    "says delayed, is ready": (
        replace(READY, state=State.DELAYED),
        {Breakage.WRONG_PLACE},
    ),
    "says ready, is delayed": (replace(DELAYED, state=State.READY), {Breakage.WRONG_PLACE}),
    "delivered, and in nobody's hands": (
        replace(READY, entries=(replace(ENTRY, is_stranded=True),)),
        {Breakage.STRANDED},
    ),
    "pending without its entry": (replace(READY, entries=(HOLLOW,)), {Breakage.ENTRY_GONE}),
    "delayed without a body": (replace(DELAYED, has_body=False), {Breakage.BODY_GONE}),
    "ready with a body": (replace(READY, has_body=True), {Breakage.BODY_LEFT}),
    "delayed without a record": (replace(DELAYED, state=None), {Breakage.RECORD_GONE}),
    "ended, with an entry": (replace(DONE, entries=(ENTRY,)), {Breakage.ENDED_BUT_QUEUED}),
    "ended, and delayed": (
        replace(DONE, is_due=True, has_body=True),
        {Breakage.ENDED_BUT_QUEUED},
    ),
    "dead without a letter": (replace(DEAD, has_letter=False), {Breakage.LETTER_GONE}),
    "ended for ever": (replace(DONE, ttl_ms=None), {Breakage.ENDLESS}),
    "waits, and is to be cancelled": (
        replace(READY, cancel_asked=True),
        {Breakage.CANCEL_LEFT},
    ),
    "handed back, and is to be cancelled": (
        replace(READY, entries=(replace(ENTRY, owner=NOBODY),), cancel_asked=True),
        {Breakage.CANCEL_LEFT},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_exactly_what_is_wrong_is_found(name: str) -> None:
    job, expected = CASES[name]

    assert set(broken(job)) == expected


def test_every_breakage_of_a_job_has_a_case() -> None:
    """A unique slot is no place of a job; `test_audit` has it."""
    found = {each for _, expected in CASES.values() for each in expected}

    assert found == set(Breakage) - {Breakage.SLOT_LEFT}
