"""What goes into one call that ends deliveries: no more than the server does in a moment."""

from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from streams.job import PAYLOAD_BYTES_MAX, Delivery, Token
from streams.settle import (
    CALL_COST_MAX,
    COST_BYTES,
    OTHER_COST,
    SETTLE_MAX,
    Outcome,
    Verdict,
    first_call,
)


def outcome(number: int, verdict: Verdict, payload_bytes: int = 0, result: int = 0) -> Outcome:
    """The end of a delivery with a body and a result of these sizes."""
    delivery = Delivery(
        token=Token(3, f"{number}-0", "one", 1),
        id=str(number),
        kind="test.echo",
        payload=b"x" * payload_bytes,
        attempt=1,
        attempts_max=3,
        timeout_ms=None,
        enqueued_ms=0,
        epoch=0,
        unique="",
        meta={},
        traceparent="",
    )
    return Outcome(delivery, verdict, b"x" * result)


def calls_of(outcomes: list[Outcome]) -> list[list[Outcome]]:
    """All of them, call by call, as a worker sends them."""
    waiting, calls = deque(outcomes), list[list[Outcome]]()
    while waiting:
        calls.append(first_call(waiting))
        for _ in calls[-1]:
            waiting.popleft()
    return calls


SIZES = st.sampled_from([0, 200, COST_BYTES - 1, COST_BYTES, 5 * COST_BYTES, PAYLOAD_BYTES_MAX])


@given(st.lists(st.builds(outcome, st.integers(), st.sampled_from(Verdict), SIZES, SIZES)))
def test_every_outcome_goes_once_and_in_its_order(outcomes: list[Outcome]) -> None:
    calls = calls_of(outcomes)

    assert [each for call in calls for each in call] == outcomes
    assert all(0 < len(call) <= SETTLE_MAX for call in calls)


@given(st.lists(st.builds(outcome, st.integers(), st.sampled_from(Verdict), SIZES, SIZES)))
def test_no_call_copies_more_than_a_moment_takes_unless_one_job_alone_does(
    outcomes: list[Outcome],
) -> None:
    for call in calls_of(outcomes):
        copied = sum(
            len(each.detail)
            + (0 if each.verdict is Verdict.COMPLETED else len(each.delivery.payload))
            for each in call
        )
        assert len(call) == 1 or copied < (CALL_COST_MAX + len(call)) * COST_BYTES


def test_a_full_call_of_quick_jobs_has_a_hundred_and_one_of_failures_a_third() -> None:
    done = [outcome(n, Verdict.COMPLETED, 200, 20) for n in range(250)]
    failed = [outcome(n, Verdict.RETRY, 200) for n in range(250)]

    assert len(first_call(done)) == SETTLE_MAX
    assert len(first_call(failed)) == CALL_COST_MAX // OTHER_COST


def test_nothing_is_an_empty_call() -> None:
    assert first_call([]) == []
