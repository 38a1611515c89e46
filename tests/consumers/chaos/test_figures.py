"""What a run comes to in numbers, and what is counted where."""

from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from consumers.chaos.checker import Violation, check
from consumers.chaos.figures import Figures, Recovery, figures, together
from consumers.chaos.history import History, assemble
from consumers.chaos.report import as_json

S = 1_000_000_000
NAME = "worker:1:aa"


def event(name: str, at_s: float, pid: int, **facts: Any) -> Mapping[str, Any]:
    return {"event": name, "at_ns": int(at_s * S), "pid": pid, **facts}


def delivery(name: str, at_s: float, number: int, **facts: Any) -> Mapping[str, Any]:
    consumer = f"worker:{number}:aa"
    return event(
        name,
        at_s,
        number,
        job="j",
        fence=number,
        epoch=0,
        attempt=1,
        token=f"0-1|{consumer}|{number}",
        consumer=consumer,
        **facts,
    )


def told(
    *, kill: Mapping[str, Any] | None = None, outage_s: tuple[float, float] | None = None
) -> History:
    """Process 1 had the job and was killed at 1 s; process 2 started it again at 3 s."""
    events = [
        event("setting", 0, 9, lease_ms=2_000, seed=1),
        event("accepted", 0, 9, job="j", kind="chaos.slow", expect="completed", has_effect=False),
        delivery("delivered", 0.1, 1),
        delivery("started", 0.1, 1),
        event("fault", 1, 9, what="kill", until_ns=S, target=1, **(kill or {})),
        delivery("delivered", 2.9, 2, losses=1),
        delivery("started", 3, 2),
        delivery("ended", 4, 2, how="ok"),
        delivery("settled", 4.1, 2, verdict="completed", answer="recorded"),
        event(
            "final",
            5,
            9,
            job="j",
            state="completed",
            cause="",
            attempt=1,
            losses=1,
            rows=[
                {"outcome": "lost", "consumer": "worker:1:aa"},
                {"outcome": "completed", "consumer": "worker:2:aa"},
            ],
            effects=[],
        ),
        event("drained", 5, 9, counters={"completed": 1}, leftovers=[]),
    ]
    if outage_s:
        begin, end = (int(each * S) for each in outage_s)
        events.append({**event("fault", 0, 9, what="crash", until_ns=end), "at_ns": begin})
    return assemble(reversed(events))


def measured(history: History) -> Figures:
    violations = check(history)
    assert violations == []
    return figures(history, violations)


def test_recovery_is_counted_from_the_kill_to_the_next_start() -> None:
    found = measured(told())

    assert (found.jobs, found.runs, found.completed, found.lost) == (1, 2, 1, 0)
    assert found.recovery_s == (2.0,)
    assert (found.supervised_recovery_s, found.disturbed_recovery_s) == ((), ())


def test_what_a_supervisor_saw_is_counted_apart() -> None:
    assert measured(told(kill={"supervised": True})).supervised_recovery_s == (2.0,)


@pytest.mark.parametrize("outage_s", [(0.5, 1.5), (1.5, 2.0), (2.5, 9.0)])
def test_a_recovery_without_a_server_is_counted_apart(outage_s: tuple[float, float]) -> None:
    found = measured(told(outage_s=outage_s))

    assert (found.recovery_s, found.disturbed_recovery_s) == ((), (2.0,))


def test_the_p99_is_a_value_that_has_occurred() -> None:
    assert Recovery.of([]) == Recovery(0, 0.0, 0.0, 0.0)
    assert Recovery.of([3.0]) == Recovery(1, 3.0, 3.0, 3.0)
    assert Recovery.of([float(n) for n in range(1, 201)]) == Recovery(200, 100.0, 198.0, 200.0)


def test_several_seeds_are_one_in_json() -> None:
    both = together([measured(told()), measured(told())])

    said = orjson.loads(as_json(both, [Violation("ended", "j", "is gone")], seeds=[1, 2]))

    assert (said["seeds"], said["jobs"], said["faults"]) == ([1, 2], 2, {"kill": 2})
    assert said["recovery"] == {"jobs": 2, "p50_s": 2.0, "p99_s": 2.0, "worst_s": 2.0}
    assert said["violations"] == [{"rule": "ended", "job": "j", "what": "is gone"}]
