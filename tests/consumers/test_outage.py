"""Waits between tries at a server that does not answer, and what is said of them."""

import pytest
from prometheus_client import generate_latest

from consumers.logs import open_logger
from consumers.metrics import Metrics
from consumers.outage import Outage

LOG = open_logger("critical")


def outage(metrics: Metrics | None = None, *, chance: float = 0.0) -> Outage:
    return Outage(
        "fetcher",
        metrics or Metrics("work", frozenset(), 1),
        LOG,
        first_s=0.1,
        last_s=1.0,
        chance=lambda: chance,
    )


def test_waits_grow_up_to_a_cap_and_start_again() -> None:
    role = outage()

    waits = [round(role.failed("fetch_failed", OSError("gone")), 3) for _ in range(6)]
    assert waits == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0]

    assert role.over()
    assert role.failed("fetch_failed", OSError("gone")) == 0.1


def test_waits_are_shorter_at_random_by_up_to_a_half() -> None:
    """Workers that lost a server together do not come back to it together."""
    assert outage(chance=1.0).failed("fetch_failed", OSError()) == 0.05
    assert outage(chance=0.5).failed("fetch_failed", OSError()) == pytest.approx(0.075)


def test_no_outage_however_short_is_forgotten() -> None:
    metrics = Metrics("work", frozenset(), 1)
    role = outage(metrics)
    assert not role.over()
    for _ in range(2):
        role.failed("fetch_failed", OSError())
        role.failed("fetch_failed", OSError())
        assert role.is_on
        assert role.over()
        assert not role.is_on

    said = generate_latest(metrics.registry).decode()
    labels = '{queue="work",role="fetcher"}'
    assert f"millstream_outages_total{labels} 2.0" in said
    assert f"millstream_outage_seconds_total{labels}" in said
    assert f"millstream_role_errors_total{labels} 4.0" in said
