"""What is counted, and that nobody from outside can make it grow."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import generate_latest

from consumers.metrics import Metrics
from streams.settle import Verdict
from tests.consumers.support.deliveries import delivery


def new_metrics() -> Metrics:
    return Metrics("work", frozenset({"test.note", "test.gate"}), slots=4)


def samples(metrics: Metrics) -> dict[str, float]:
    lines = generate_latest(metrics.registry).decode().splitlines()
    pairs = [line.rsplit(" ", 1) for line in lines if not line.startswith("#")]
    return {name: float(value) for name, value in pairs if "_created" not in name}


def value(metrics: Metrics, name: str) -> float | None:
    """A sample of the queue, by name and further labels."""
    name, _, labels = name.partition("{")
    inside = ",".join(filter(None, [labels.rstrip("}"), 'queue="work"']))
    ordered = ",".join(sorted(inside.split(",")))
    return samples(metrics).get(f"{name}{{{ordered}}}")


def test_a_delivery_is_counted_by_kind_and_by_how_it_ended() -> None:
    metrics = new_metrics()
    job = delivery("test.note", enqueued_ms=1_000)

    metrics.delivered(job, now_ms=3_000)
    assert value(metrics, "millstream_running") == 1
    metrics.ended(job, Verdict.COMPLETED, 0.25)

    assert value(metrics, "millstream_running") == 0
    assert (
        value(metrics, 'millstream_deliveries_ended_total{kind="test.note",outcome="completed"}')
        == 1
    )
    assert value(metrics, 'millstream_handler_seconds_sum{kind="test.note"}') == 0.25
    assert value(metrics, "millstream_pickup_seconds_sum") == 2
    assert value(metrics, "millstream_slots") == 4


@pytest.mark.parametrize("verdict", [*Verdict, None])
def test_each_way_to_end_has_a_name(verdict: Verdict | None) -> None:
    metrics = new_metrics()
    metrics.ended(delivery("test.gate"), verdict, 0)
    outcome = verdict.value if verdict else "lost"

    name = f'millstream_deliveries_ended_total{{kind="test.gate",outcome="{outcome}"}}'
    assert value(metrics, name) == 1


def test_claims_fences_and_errors_of_roles_are_counted() -> None:
    metrics = new_metrics()

    metrics.claimed(3)
    metrics.fenced()
    metrics.role_failed("fetcher")

    assert value(metrics, "millstream_claimed_total") == 3
    assert value(metrics, "millstream_fenced_total") == 1
    assert value(metrics, 'millstream_role_errors_total{role="fetcher"}') == 1


def test_the_wait_for_a_retry_is_no_wait_for_a_worker() -> None:
    metrics = new_metrics()

    metrics.delivered(delivery("test.note", attempt=2, enqueued_ms=0), now_ms=3_000)

    assert value(metrics, "millstream_pickup_seconds_count") == 0


@given(st.lists(st.text() | st.just("unknown"), max_size=20))
def test_hostile_kinds_make_no_series(kinds: list[str]) -> None:
    """Whoever may send a job could fill the memory of every Prometheus otherwise."""
    metrics = new_metrics()
    metrics.ended(delivery("no-such-kind"), Verdict.PARKED, 0)
    before = samples(metrics).keys()

    for kind in kinds:
        job = delivery(kind, enqueued_ms=2**53)
        metrics.delivered(job, now_ms=0)
        metrics.ended(job, Verdict.PARKED, 0)

    assert samples(metrics).keys() == before


def test_two_workers_of_one_process_count_apart() -> None:
    first, second = new_metrics(), new_metrics()

    first.fenced()

    assert value(second, "millstream_fenced_total") == 0
