"""From facts to one answer: every case, without Redis."""

import re
from dataclasses import replace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from streams.gate import Gate, Stop
from streams.keys import NOBODY, NOBODY_SUSPECT
from streams.priority import LEVELS, Priority
from streams.state import State
from streams.why.ended import explain_unknown
from streams.why.explain import explain
from streams.why.explanation import Explanation, Reason
from streams.why.facts import JobFacts, LevelFacts, ServerFacts
from streams.workers import SeenWorker

NOW_MS = 1_795_327_205_000
Row = dict[str, JsonValue]
LIVE = SeenWorker("w:1:aa", "w", "mill", 1, "0.1", 4, NOW_MS - 500, 10_000, ("test.echo",))
OTHER = replace(LIVE, consumer="v:2:bb", host="barn")
SILENT = replace(LIVE, consumer="x:3:cc", beat_ms=NOW_MS - 60_000)
LEVEL = (LevelFacts(),) * len(LEVELS)
FAILED: Row = {"attempt": 1, "outcome": "error", "error": "OSError", "message": "no\nroute"}

READY = JobFacts(
    id="one",
    queue="test",
    now_ms=NOW_MS,
    state=State.READY,
    kind="test.echo",
    enqueued_ms=NOW_MS - 9_000,
    attempts_max=3,
    entry=f"{NOW_MS - 9_000}-0",
    has_entry=True,
    workers=(LIVE,),
)
DELAYED = replace(
    READY, state=State.DELAYED, entry="", has_entry=False, due_ms=NOW_MS + 65_000, has_body=True
)
RUNNING = replace(READY, owner=LIVE.consumer, silent_ms=800, deliveries=1, workers=(LIVE, OTHER))
ENDED = replace(READY, entry="", has_entry=False, ended_ms=NOW_MS - 2_000, ttl_ms=598_000)
DONE_BY: Row = {"outcome": "completed", "consumer": "w:1:aa", "host": "mill", "version": "0.1"}
RAN: Row = {**DONE_BY, "started_ms": NOW_MS - 5_000, "ended_ms": NOW_MS - 2_000}

CASES: dict[str, tuple[JobFacts, Reason, str]] = {
    "the next one": (READY, Reason.NEXT, "It is the next one, and a worker is free"),
    "behind others": (
        replace(READY, ahead=3, levels=(LevelFacts(undelivered=2), *LEVEL[1:])),
        Reason.BEHIND_OTHERS,
        "It waits for its turn: 5 jobs come before it (2 of them more urgent).",
    ),
    "behind one": (replace(READY, ahead=1), Reason.BEHIND_OTHERS, "1 job comes before it"),
    "behind what was handed back above": (
        replace(READY, levels=(LevelFacts(handed_back=1), *LEVEL[1:])),
        Reason.BEHIND_OTHERS,
        "1 job comes before it (1 of them more urgent)",
    ),
    "less urgent ones do not count": (
        replace(READY, levels=(*LEVEL[:3], LevelFacts(undelivered=9))),
        Reason.NEXT,
        "It is the next one",
    ),
    "behind too many to count": (
        replace(READY, ahead=300, ahead_is_exact=False),
        Reason.BEHIND_OTHERS,
        "more than 300 jobs come before it",
    ),
    "all places taken": (
        replace(READY, pending={LIVE.consumer: 4}),
        Reason.WORKERS_BUSY,
        "All 4 places of 1 worker are taken, and 0 jobs come before it.",
    ),
    "places of who cannot run it do not count": (
        replace(
            READY,
            pending={LIVE.consumer: 4},
            workers=(LIVE, replace(OTHER, kinds=("test.other",))),
        ),
        Reason.WORKERS_BUSY,
        "All 4 places of 1 worker are taken",
    ),
    "a worker that says what is wrong": (
        replace(READY, workers=(replace(LIVE, trouble="circuit open: 9 of 10 runs failed"),)),
        Reason.WORKERS_TROUBLED,
        "1 worker could run it, but says: circuit open: 9 of 10 runs failed.",
    ),
    "beside it one that is well": (
        replace(READY, workers=(replace(LIVE, trouble="circuit open"), OTHER)),
        Reason.NEXT,
        "It is the next one",
    ),
    "somebody paused its level": (
        replace(READY, gate=Gate({READY.priority: Stop("ada", "the disk is full", 0)})),
        Reason.PAUSED,
        "level of the queue 'test' is paused since 1970-01-01 00:00:00 UTC by ada (the disk",
    ),
    "another level is paused": (
        replace(READY, gate=Gate({Priority.LOW: Stop()})),
        Reason.NEXT,
        "It is the next one",
    ),
    "nobody has ever consumed": (
        replace(READY, workers=(), levels=(LevelFacts(has_group=False),) * 4),
        Reason.NO_WORKER,
        "No worker has ever consumed the queue 'test'",
    ),
    "no worker in the registry": (
        replace(READY, workers=()),
        Reason.NO_WORKER,
        "No worker consumes the queue 'test'.",
    ),
    "the last worker went silent": (
        replace(READY, workers=(SILENT,)),
        Reason.NO_WORKER,
        "No worker consumes the queue 'test'; the last one was heard 1m ago.",
    ),
    "nobody knows the kind": (
        replace(READY, kind="test.new"),
        Reason.KIND_UNKNOWN,
        "1 worker of the queue 'test' lives, and none has a handler for the kind 'test.new'.",
    ),
    "a worker that names no kinds may know it": (
        replace(READY, kind="test.new", workers=(replace(LIVE, kinds=()),)),
        Reason.NEXT,
        "It is the next one",
    ),
    "the server cannot write": (
        replace(READY, server=ServerFacts(refuses="it cannot write its append-only file")),
        Reason.SERVER_REFUSES,
        "The server takes no writes: it cannot write its append-only file.",
    ),
    "a suspect": (
        replace(READY, losses=2),
        Reason.SUSPECT,
        "Consumers were lost with it 2 times, so it waits to run alone.",
    ),
    "handed back": (
        replace(READY, owner=NOBODY, deliveries=1, released=1),
        Reason.HANDED_BACK,
        "It was handed back unfinished (once)",
    ),
    "handed back twice": (
        replace(READY, owner=NOBODY, deliveries=2, released=2),
        Reason.HANDED_BACK,
        "It was handed back unfinished (2 times)",
    ),
    "handed back, and nobody there": (
        replace(READY, owner=NOBODY, workers=()),
        Reason.NO_WORKER,
        "No worker consumes",
    ),
    "a suspect handed back": (
        replace(READY, owner=NOBODY_SUSPECT, losses=3),
        Reason.SUSPECT,
        "Consumers were lost with it 3 times, and it was handed back",
    ),
    "handed back, then deleted": (
        replace(READY, owner=NOBODY, has_entry=False),
        Reason.BODY_LOST,
        "deleted from the stream after it had been handed back",
    ),
    "deleted while it waited": (
        replace(READY, has_entry=False),
        Reason.NOWHERE,
        "its entry is not in its stream",
    ),
    "delivered, and in nobody's hands": (
        replace(READY, is_stranded=True),
        Reason.NOWHERE,
        "Its entry was delivered and is in no pending list",
    ),
    "running": (
        RUNNING,
        Reason.RUNNING,
        "The worker w:1:aa on mill runs attempt 1 of 3, and was last heard 800ms ago.",
    ),
    "running for a consumer without registration": (
        replace(RUNNING, owner="stranger"),
        Reason.RUNNING,
        "The worker stranger runs attempt 1 of 3",
    ),
    "asked to end": (
        replace(RUNNING, cancel_asked=True),
        Reason.CANCELLING,
        "Somebody asked for its end, and the worker w:1:aa on mill still runs it.",
    ),
    "deleted while it runs": (
        replace(RUNNING, has_entry=False),
        Reason.BODY_LOST,
        "runs it, but its entry was deleted",
    ),
    "lapsed": (
        replace(RUNNING, silent_ms=12_000),
        Reason.LAPSED,
        "was not heard for 12s: it is dead or frozen.",
    ),
    "lapsed, and nobody else there": (
        replace(RUNNING, silent_ms=12_000, workers=(LIVE,)),
        Reason.LAPSED,
        "it is dead or frozen, and no other worker lives to take it over.",
    ),
    "lapsed, and the server cannot write": (
        replace(RUNNING, silent_ms=12_000, server=ServerFacts(refuses="it is reading its data")),
        Reason.LAPSED,
        "and the server takes no writes (it is reading its data).",
    ),
    "lapsed, and its level is paused": (
        replace(
            RUNNING, silent_ms=12_000, gate=Gate({RUNNING.priority: Stop("ada", "the disk", 0)})
        ),
        Reason.LAPSED,
        "is paused since 1970-01-01 00:00:00 UTC by ada (the disk).",
    ),
    "delayed": (
        DELAYED,
        Reason.DELAYED,
        "It was asked to wait until 2026-11-22 06:01:10 UTC.",
    ),
    "a retry": (
        replace(DELAYED, attempt=2, history=(FAILED,)),
        Reason.RETRYING,
        "Its last attempt failed: OSError: no route. Attempt 2 of 3 is to come.",
    ),
    "a retry after its process died": (
        replace(DELAYED, losses=3, history=({"outcome": "crashed"},)),
        Reason.RETRYING,
        "Its last attempt failed: the process that ran it died. Attempt 1 of 3 is to come.",
    ),
    "parked": (
        replace(DELAYED, parked="no worker knows the kind 'x'"),
        Reason.PARKED,
        "It was put back untried: no worker knows the kind 'x'.",
    ),
    "put off by its handler": (
        replace(DELAYED, parked="too early", history=({"outcome": "snoozed"},)),
        Reason.SNOOZED,
        "Its handler put it off: too early.",
    ),
    "a moment overdue is on time": (
        replace(DELAYED, due_ms=NOW_MS - 900),
        Reason.DELAYED,
        "It was asked to wait",
    ),
    "overdue without a worker": (
        replace(DELAYED, due_ms=NOW_MS - 90_000, workers=()),
        Reason.OVERDUE,
        "It was due 1m 30s ago, and nobody has moved it into its stream. No worker consumes",
    ),
    "overdue beside live workers": (
        replace(DELAYED, due_ms=NOW_MS - 90_000),
        Reason.OVERDUE,
        "and the workers that live have not moved it",
    ),
    "overdue beside workers that do not know its kind": (
        replace(DELAYED, due_ms=NOW_MS - 90_000, kind="test.new"),
        Reason.OVERDUE,
        "and the workers that live have not moved it",
    ),
    "delayed without a body": (
        replace(DELAYED, has_body=False),
        Reason.BODY_LOST,
        "Its body was deleted while it waited",
    ),
    "delayed, and not in the set": (
        replace(DELAYED, due_ms=None),
        Reason.NOWHERE,
        "it is not among the delayed jobs",
    ),
    "completed": (
        replace(ENDED, state=State.COMPLETED, history=(RAN,)),
        Reason.COMPLETED,
        "It is done: completed at 2026-11-22 06:00:03 UTC (2s ago) by worker w:1:aa on mill.",
    ),
    "cancelled while it waited": (
        replace(ENDED, state=State.CANCELLED),
        Reason.CANCELLED,
        "it was cancelled at 2026-11-22 06:00:03 UTC (2s ago) while it waited.",
    ),
    "cancelled while it ran": (
        replace(ENDED, state=State.CANCELLED, history=({**RAN, "outcome": "cancelled"},)),
        Reason.CANCELLED,
        "while it ran by worker w:1:aa on mill.",
    ),
    "expired": (
        replace(ENDED, state=State.CANCELLED, cause="expired"),
        Reason.EXPIRED,
        "no worker was free until then: cancelled at 2026-11-22 06:00:03 UTC (2s ago), without",
    ),
    "dead": (
        replace(
            ENDED,
            state=State.DEAD,
            cause="no attempts left",
            dead_entry="5-0",
            losses=1,
            history=(FAILED,),
            fingerprint="ab12",
        ),
        Reason.DEAD,
        "no attempts left, 1 of its runs lost. Its last attempt ended with OSError: no route.",
    ),
    "dead of poison": (
        replace(ENDED, state=State.DEAD, cause="poison: killed by SIGSEGV", dead_entry="5-0"),
        Reason.DEAD,
        "poison: killed by SIGSEGV.",
    ),
    "no record": (
        replace(READY, state=None, has_entry=False, entry=""),
        Reason.UNKNOWN,
        "its record has expired (10 minutes after its end, 30 days for dead jobs",
    ),
    "no record, but a unique key": (
        replace(READY, state=None, has_entry=False, entry="", unique_holder="two"),
        Reason.UNKNOWN,
        "it is a unique key, held by the job two",
    ),
    "an entry of a plain XADD": (replace(READY, state=None), Reason.NEXT, "It is the next one"),
}


@pytest.mark.parametrize("name", CASES)
def test_each_case_has_its_answer(name: str) -> None:
    facts, reason, said = CASES[name]

    answer = explain(facts)

    assert (answer.reason, answer.id, answer.queue) == (reason, "one", "test")
    assert said in answer.sentence


@pytest.mark.parametrize("name", CASES)
def test_an_answer_reads_as_sentences_and_is_json(name: str) -> None:
    answer = explain(CASES[name][0])

    for text in (answer.sentence, answer.next):
        assert re.fullmatch(r"[A-Z1].*\.", text)
        assert "  " not in text
        assert ".." not in text
    read = orjson.loads(answer.to_json())
    assert (read["reason"], read["sentence"]) == (answer.reason.value, answer.sentence)


NUMBERS = st.integers(0, 2**53)
WORKERS = st.sampled_from([LIVE, OTHER, SILENT, replace(LIVE, kinds=(), trouble="x", beat_ms=0)])
ANY_FACTS = st.builds(
    JobFacts,
    id=st.just("one"),
    queue=st.just("test"),
    now_ms=NUMBERS,
    state=st.sampled_from([None, *State]),
    kind=st.sampled_from(["", "test.echo", "test.new"]),
    priority=st.sampled_from(LEVELS),
    losses=st.integers(0, 3),
    released=st.integers(0, 3),
    due_ms=st.none() | NUMBERS,
    ended_ms=st.none() | NUMBERS,
    ttl_ms=st.none() | NUMBERS,
    timeout_ms=st.none() | NUMBERS,
    parked=st.sampled_from(["", "why"]),
    has_entry=st.booleans(),
    is_stranded=st.booleans(),
    has_body=st.booleans(),
    cancel_asked=st.booleans(),
    owner=st.sampled_from(["", NOBODY, NOBODY_SUSPECT, LIVE.consumer, "stranger"]),
    silent_ms=NUMBERS,
    entry=st.sampled_from(["", "5-0", "odd"]),
    history=st.lists(
        st.dictionaries(st.sampled_from(["outcome", "error", "ended_ms"]), st.none() | NUMBERS)
    ).map(tuple),
    unique_holder=st.sampled_from(["", "two"]),
    workers=st.lists(WORKERS, unique_by=lambda each: each.consumer).map(tuple),
)


@given(facts=ANY_FACTS)
def test_every_combination_has_an_answer(facts: JobFacts) -> None:
    answer = explain(facts)

    assert answer.sentence.endswith(".")
    assert orjson.loads(answer.to_json())["next"]


def test_every_reason_has_a_case() -> None:
    assert {reason for _, reason, _ in CASES.values()} == set(Reason)


def fact(answer: Explanation, name: str) -> object:
    return answer.facts.get(name)


def test_what_waits_tells_the_numbers_of_its_queue() -> None:
    answer = explain(replace(READY, ahead=3, pending={LIVE.consumer: 2, "gone": 7}))

    assert (fact(answer, "jobs_before"), fact(answer, "jobs_before_is_exact")) == (3, True)
    assert (fact(answer, "places"), fact(answer, "places_taken")) == (4, 2)


def test_what_runs_tells_by_whom_since_when_and_how_long_it_may() -> None:
    """A start is not written down: it was not before the entry, nor before the last attempt."""
    ended = {**FAILED, "ended_ms": NOW_MS - 4_000}
    facts = replace(RUNNING, timeout_ms=30_000, history=(ended,), progress={"fraction": 0.5})

    answer = explain(facts)

    assert (fact(answer, "consumer"), fact(answer, "host")) == ("w:1:aa", "mill")
    assert (fact(answer, "heard_ms"), fact(answer, "lease_ms")) == (800, 10_000)
    assert fact(answer, "not_before_at_ms") == NOW_MS - 4_000
    assert fact(explain(RUNNING), "not_before_at_ms") == NOW_MS - 9_000
    assert fact(answer, "progress") == {"fraction": 0.5}
    assert "the attempt may take 30s" in answer.next


def test_a_second_loss_makes_it_run_alone_and_the_first_does_not() -> None:
    lapsed = replace(RUNNING, silent_ms=12_000)

    assert "runs it alone" in explain(replace(lapsed, losses=1)).next
    assert "alone" not in explain(lapsed).next


def test_the_lease_is_the_one_that_the_worker_says() -> None:
    short = replace(LIVE, lease_ms=1_000)

    answer = explain(replace(RUNNING, silent_ms=1_500, workers=(short, OTHER)))

    assert answer.reason is Reason.LAPSED


def test_what_is_due_says_when() -> None:
    answer = explain(DELAYED)

    assert answer.expected_at_ms == NOW_MS + 65_000
    assert answer.next.startswith("It is due in 1m 5s, at 2026-11-22 06:01:10 UTC")


def test_the_dead_say_how_to_look_and_to_replay_and_which_group_they_are_of() -> None:
    answer = explain(CASES["dead"][0])

    assert "millstream dead show 5-0" in answer.advice
    assert "millstream dead replay 5-0" in answer.advice
    assert (fact(answer, "fingerprint"), fact(answer, "cause")) == ("ab12", "no attempts left")


def test_a_full_server_is_a_fact_and_no_reason() -> None:
    """Accepted jobs go on; only new ones are refused."""
    full = replace(READY, server=ServerFacts(used_bytes=100, bytes_max=100))

    assert explain(full).reason is Reason.NEXT
    assert "new jobs are refused" in str(fact(explain(full), "server"))
    assert "server" not in explain(READY).facts


def test_ids_that_begin_alike_are_offered() -> None:
    nobody = CASES["no record"][0]

    answer = explain_unknown(nobody, resembling=["one-1 (test)", "one-2 (test)"])

    assert "one-1 (test), one-2 (test)" in answer.advice


def test_the_level_of_a_job_decides_what_is_more_urgent() -> None:
    crowded = tuple(LevelFacts(undelivered=1) for _ in LEVELS)

    counts = [
        replace(READY, priority=level, levels=crowded).more_urgent
        for level in (Priority.CRITICAL, Priority.HIGH, Priority.NORMAL, Priority.LOW)
    ]

    assert counts == [0, 1, 2, 3]
