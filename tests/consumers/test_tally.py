"""The light counters say what the client library's own would have said."""

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from consumers.tally import Spreads, Tally

_BOUNDS = (0.001, 0.25, 1.0, 600.0)
_SECONDS = st.one_of(st.sampled_from(_BOUNDS), st.floats(0, 1_000, allow_nan=False))


def _page(registry: CollectorRegistry) -> list[str]:
    """The lines with figures, without the time at which a series began."""
    lines = generate_latest(registry).decode().splitlines()
    return sorted(line for line in lines if "_created" not in line)


@given(values=st.lists(st.tuples(st.sampled_from("ab"), _SECONDS), max_size=30))
def test_a_spread_tells_the_same_page_as_a_histogram(values: list[tuple[str, float]]) -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    spreads = Spreads("took_seconds", "Time.", ["kind"], _BOUNDS)
    ours.register(spreads)
    histogram = Histogram("took_seconds", "Time.", ["kind"], buckets=_BOUNDS, registry=theirs)
    for kind, seconds in values:
        spreads.of(kind).observe(seconds)
        histogram.labels(kind).observe(seconds)
    assert _page(ours) == _page(theirs)


@given(labels=st.lists(st.tuples(st.sampled_from('a"\n'), st.sampled_from("xy")), max_size=30))
def test_a_tally_tells_the_same_page_as_a_counter(labels: list[tuple[str, str]]) -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    tally = Tally("jobs", "Jobs.", ["kind", "outcome"])
    ours.register(tally)
    counter = Counter("jobs", "Jobs.", ["kind", "outcome"], registry=theirs)
    for each in labels:
        tally.add(*each)
        counter.labels(*each).inc()
    assert _page(ours) == _page(theirs)
