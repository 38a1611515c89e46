"""Every rule of the checker finds a history that was made to break it, and only that."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumers.chaos.checker import RULES, Violation, check
from consumers.chaos.history import Accepted, Answer, Final, History, Run

LEASE_MS = 2_000
SECOND = 1_000_000_000


def run(
    number: int,
    at_s: float,
    *,
    lasts_s: float | None = 1.0,
    attempt: int = 1,
    epoch: int = 0,
    consumer: str = "",
    renewed_s: tuple[float, ...] = (),
    told: tuple[str, str] | None = None,
    told_s: float | None = None,
) -> Run:
    """A delivery that started at *at_s*; *told* is its verdict and the server's answer."""
    name = consumer or f"worker:{number}:aa"
    ends_s = None if lasts_s is None else at_s + lasts_s
    answered_s = told_s if told_s is not None else (ends_s or at_s) + 0.01
    return Run(
        job="j",
        fence=epoch << 16 | number,
        epoch=epoch,
        attempt=attempt,
        token=f"{epoch}-0|{name}|{number}",
        consumer=name,
        pid=number,
        handler_pid=number,
        delivered_ns=int(at_s * SECOND),
        started_ns=int(at_s * SECOND),
        ended_ns=None if ends_s is None else int(ends_s * SECOND),
        renewals_ns=[int(each * SECOND) for each in renewed_s],
        answers=[Answer(int(answered_s * SECOND), *told)] if told else [],
    )


def row(outcome: str, run_: Run, **fields: Any) -> dict[str, Any]:
    return {"outcome": outcome, "consumer": run_.consumer, "attempt": run_.attempt, **fields}


def history(
    *runs: Run,
    state: str = "completed",
    cause: str = "",
    rows: list[dict[str, Any]] | None = None,
    expect: str = "completed",
    effects: tuple[int, ...] | None = None,
    counted: int = 1,
    last_ns: dict[int, int] | None = None,
    leftovers: tuple[str, ...] = (),
) -> History:
    """One job with these runs; by default every run has its row."""
    found = rows if rows is not None else [_row_of(each) for each in runs]
    return History(
        lease_ms=LEASE_MS,
        accepted={"j": Accepted("j", "chaos.effect", expect, has_effect=effects is not None)},
        runs={"j": list(runs)},
        finals={"j": Final("j", state, cause, rows=tuple(found), effects=effects or ())}
        if state
        else {},
        faults=[],
        counters={state: counted},
        leftovers=leftovers,
        last_ns=last_ns or {},
    )


def _row_of(each: Run) -> dict[str, Any]:
    recorded = each.recorded()
    words = {"retry": "error", "dead": "error"}
    verdict = recorded[0].verdict if recorded else "lost"
    return row(words.get(verdict, verdict), each)


DONE = ("completed", "recorded")


def rules(found: list[Violation]) -> set[str]:
    return {each.rule for each in found}


# Histories in which nothing is wrong.

GOOD: dict[str, History] = {
    "one run": history(run(1, 0, told=DONE)),
    "a retry": history(
        run(1, 0, told=("retry", "recorded")), run(1, 3, epoch=1, attempt=2, told=DONE)
    ),
    "killed, and run again": history(
        run(1, 0, lasts_s=None), run(2, 3, told=DONE), last_ns={1: SECOND}
    ),
    "killed at once, with a supervisor": history(
        run(1, 0, lasts_s=None, renewed_s=(0.9,)), run(2, 1.1, told=DONE), last_ns={1: SECOND}
    ),
    "a zombie that was silent for a lease and is refused": history(
        run(1, 0, lasts_s=4, renewed_s=(0.4, 0.8), told=("completed", "lost")),
        run(2, 3, told=DONE),
    ),
    "the answer was lost, and the same call told again": history(
        run(1, 0, told=("completed", "repeated"), told_s=9)
    ),
    "the answer was lost with the process": history(
        run(1, 0, lasts_s=1), rows=[row("completed", run(1, 0))]
    ),
    "handed back": history(run(1, 0, told=("released", "recorded")), run(2, 2, told=DONE)),
    "attempts used up": history(
        run(1, 0, told=("dead", "recorded")), state="dead", cause="attempts used up", expect="dead"
    ),
    "an effect that came twice, with the later fence last": history(
        run(1, 0, lasts_s=None), run(2, 3, told=DONE), effects=(1, 2), last_ns={1: SECOND}
    ),
}


@pytest.mark.parametrize("name", GOOD)
def test_a_history_that_keeps_the_promises_passes(name: str) -> None:
    assert check(GOOD[name]) == []


# For each rule, histories that break it.

BAD: dict[str, list[History]] = {
    "ended": [
        history(run(1, 0, told=DONE), state=""),
        history(run(1, 0, told=("retry", "recorded")), state="delayed"),
        history(run(1, 0, lasts_s=None), state="running"),
    ],
    "recorded once": [
        history(run(1, 0, told=DONE), run(2, 3, told=DONE)),
        history(run(1, 0, told=DONE), state="dead", cause="poison"),
    ],
    "attempts": [
        history(
            run(1, 0, attempt=2, told=("retry", "recorded")),
            run(1, 3, epoch=1, attempt=1, told=DONE),
        ),
        history(run(1, 0, lasts_s=None), run(2, 3, attempt=2, told=DONE), last_ns={1: SECOND}),
        history(
            run(1, 0, told=("retry", "recorded")),
            run(1, 3, epoch=1, attempt=3, told=DONE),
            rows=[
                row("error", run(1, 0)),
                row("error", run(1, 3, attempt=3)),
                row("completed", run(1, 3)),
            ],
        ),
    ],
    "closed": [
        history(
            run(1, 0, lasts_s=None),
            run(2, 3, told=DONE),
            rows=[row("completed", run(2, 3))],
            last_ns={1: SECOND},
        )
    ],
    "no start after the end": [
        history(run(1, 0, told=DONE), run(2, 5, lasts_s=0.1)),
        history(run(1, 5, lasts_s=0.1), run(2, 1, told=DONE), rows=[row("completed", run(2, 1))]),
    ],
    "overlap": [
        history(
            run(1, 0, lasts_s=4, renewed_s=(0.4, 2.5), told=("completed", "lost")),
            run(2, 3, told=DONE),
        ),
        history(
            run(1, 0, lasts_s=None, renewed_s=(2.9,)),
            run(2, 3, told=DONE),
            last_ns={1: 9 * SECOND},
        ),
        history(
            run(1, 0, lasts_s=4),
            run(2, 3, told=DONE),
            rows=[row("released", run(1, 0)), row("completed", run(2, 3))],
        ),
    ],
    "legal death": [
        history(run(1, 0, told=("dead", "recorded")), state="dead", cause="bad luck", expect="any")
    ],
    "as expected": [
        history(run(1, 0, told=("dead", "recorded")), state="dead", cause="poison"),
        history(run(1, 0, told=DONE), expect="dead"),
    ],
    "effects": [
        history(run(1, 0, told=DONE), effects=()),
        history(run(1, 0, lasts_s=None), run(2, 3, told=DONE), effects=(2, 1)),
        history(
            run(1, 0, told=DONE), run(2, 3, lasts_s=0.1), effects=(1, 2), rows=[row("x", run(1, 0))]
        ),
    ],
    "refusals": [
        history(run(1, 0, told=("completed", "lost")), rows=[row("completed", run(1, 0))])
    ],
    "fenced": [
        history(run(1, 0, lasts_s=4, told=DONE), run(2, 3, told=("completed", "lost"))),
        history(run(1, 0, told=("retry", "repeated")), run(2, 3, told=DONE)),
    ],
    "drained": [history(run(1, 0, told=DONE), leftovers=("2 jobs are delayed",))],
    "counted once": [history(run(1, 0, told=DONE), counted=2)],
}


def test_there_is_a_bad_history_for_every_rule() -> None:
    assert BAD.keys() == {*RULES, "drained", "counted once"}


@pytest.mark.parametrize(
    ("rule", "number"), [(rule, number) for rule, bad in BAD.items() for number in range(len(bad))]
)
def test_a_history_that_breaks_a_rule_is_found_by_that_rule(rule: str, number: int) -> None:
    assert rule in rules(check(BAD[rule][number]))


# Whatever the numbers are.

seconds = st.floats(0.0, 100.0)
few = settings(max_examples=30, deadline=None)


@few
@given(begin_s=seconds, silent_s=st.floats(0.0, 1.9), lasts_s=st.floats(3.0, 10.0))
def test_an_overlap_within_a_lease_of_a_renewal_is_always_found(
    begin_s: float, silent_s: float, lasts_s: float
) -> None:
    first = run(1, begin_s, lasts_s=lasts_s, renewed_s=(begin_s + 0.5,))
    second = run(2, begin_s + 0.5 + silent_s + 0.001, told=DONE)

    assert "overlap" in rules(check(history(first, second)))


@few
@given(begin_s=seconds, silent_s=st.floats(2.0, 20.0), lasts_s=st.floats(23.0, 50.0))
def test_an_overlap_after_a_lease_of_silence_is_none(
    begin_s: float, silent_s: float, lasts_s: float
) -> None:
    first = run(1, begin_s, lasts_s=lasts_s, renewed_s=(begin_s + 0.5,))
    second = run(2, begin_s + 0.5 + silent_s, told=DONE)

    assert rules(check(history(first, second))) == set()


@few
@given(
    charged=st.lists(st.integers(1, 6), max_size=6),
)
def test_charged_attempts_other_than_one_two_three_are_always_found(charged: list[int]) -> None:
    rows = [row("error", run(1, 0, attempt=number)) for number in charged]
    found = check(history(run(1, 0, told=DONE), rows=[*rows, row("completed", run(1, 0))]))

    assert ("attempts" in rules(found)) == (charged != list(range(1, len(charged) + 1)))


@few
@given(
    first=st.integers(1, 60),
    later=st.integers(1, 60),
    verdict=st.sampled_from(["completed", "dead", "retry", "cancelled"]),
)
def test_an_outcome_recorded_after_another_delivery_of_the_entry_is_always_found(
    first: int, later: int, verdict: str
) -> None:
    runs = [run(first, 0, told=(verdict, "recorded")), run(first + later, 5, lasts_s=0.1)]

    assert "fenced" in rules(check(history(*runs)))
