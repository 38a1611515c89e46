"""Figures from what was counted."""

import math
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.settle import Outcome, Verdict
from streams.statistics import (
    BIN_MAX,
    MINUTE_MS,
    MINUTES,
    PERCENTILE_ERROR,
    Statistics,
    bin_of,
    bounds_ms,
    read_statistics,
    statistics,
)
from tests.support.queues import QueueUnderTest, job

NOW_MS = 29_000_000 * MINUTE_MS + 30_000


def counted(runs: Sequence[tuple[int, float, bool]], now_ms: int = NOW_MS) -> dict[bytes, bytes]:
    """The hash after runs: so many minutes ago, so many ms, completed or failed."""
    found: dict[str, int] = {}
    for minutes_ago, ms, completed in runs:
        minute = now_ms // MINUTE_MS - minutes_ago
        slot = minute % MINUTES
        if found.get(str(slot), -1) > minute:
            continue
        if found.get(str(slot)) != minute:
            found = {name: n for name, n in found.items() if not name.startswith(f"{slot}:")}
            found[str(slot)] = minute
        for name, number in (
            ("completed" if completed else "failed", 1),
            ("ms", round(ms)),
            (f"b{bin_of(ms)}", 1),
        ):
            found[f"{slot}:{name}"] = found.get(f"{slot}:{name}", 0) + number
    return {name.encode(): str(number).encode() for name, number in found.items()}


def test_a_queue_where_nothing_ran_has_no_rates() -> None:
    assert statistics({}, NOW_MS) == Statistics(60, 3570.0, 0, 0, 0.0, None, None, None, None, None)


def test_completed_and_failed_runs_make_rates() -> None:
    found = statistics(counted([(0, 100, True)] * 30 + [(1, 300, False)] * 10), NOW_MS, minutes=2)

    assert (found.completed, found.failed, found.ended) == (30, 10, 40)
    assert found.seconds == 90
    assert found.per_s == pytest.approx(40 / 90)
    assert found.success_rate == 0.75
    assert found.mean_ms == 150


@pytest.mark.parametrize("minutes", [1, 2, 59, 60])
def test_only_the_minutes_that_were_asked_for_count(minutes: int) -> None:
    hash_ = counted([(ago, 10, True) for ago in range(MINUTES)])

    assert statistics(hash_, NOW_MS, minutes=minutes).completed == minutes


def test_a_slot_that_holds_an_hour_ago_is_left_out() -> None:
    hash_ = counted([(ago, 10, True) for ago in (60, 61, 119, 3)])

    assert statistics(hash_, NOW_MS).completed == 1


def test_a_clock_that_was_put_back_shows_no_future() -> None:
    assert statistics(counted([(-1, 10, True)]), NOW_MS).completed == 0


@given(st.lists(st.floats(1, 10_000_000), min_size=1, max_size=300))
def test_a_percentile_is_at_most_19_percent_from_the_true_one(durations: list[float]) -> None:
    found = statistics(counted([(0, ms, True) for ms in durations]), NOW_MS)

    for share, shown in ((0.5, found.p50_ms), (0.95, found.p95_ms), (0.99, found.p99_ms)):
        true = sorted(durations)[math.ceil(share * len(durations)) - 1]
        assert shown is not None
        assert abs(shown - true) <= true * PERCENTILE_ERROR * 1.000001


@given(st.floats(0, 2**30))
def test_every_duration_lies_in_its_bin(ms: float) -> None:
    low, high = bounds_ms(bin_of(ms))

    assert low * 0.999999 <= ms <= high * 1.000001 or bin_of(ms) == BIN_MAX


def test_runs_of_less_than_a_millisecond_have_percentiles_below_one() -> None:
    found = statistics(counted([(0, 0.2, True)] * 10), NOW_MS)

    assert found.p99_ms is not None
    assert found.p99_ms < 1


@pytest.mark.parametrize("minutes", [0, 61])
async def test_what_was_not_kept_cannot_be_asked_for(queue: QueueUnderTest, minutes: int) -> None:
    with pytest.raises(ValueError, match="1 to 60 minutes"):
        statistics({}, NOW_MS, minutes=minutes)
    with pytest.raises(ValueError, match="1 to 60 minutes"):
        await read_statistics(queue.server, queue.keys, minutes=minutes)


async def test_what_settle_counts_is_read(queue: QueueUnderTest) -> None:
    durations = [0, 1, 2, 3, 100, 1000, 65_536]
    await queue.add(*(job(id=f"{n}") for n in range(len(durations))))
    held = await queue.fetch()

    await queue.settle_all(
        [
            Outcome(delivery, Verdict.DEAD if ms == 1000 else Verdict.COMPLETED, ran_ms=ms)
            for delivery, ms in zip(held, durations, strict=True)
        ]
    )

    found = await read_statistics(queue.server, queue.keys, minutes=2)
    assert (found.completed, found.failed) == (6, 1)
    assert found.mean_ms == sum(durations) / len(durations)
    hash_: Any = await queue.client.hgetall(queue.keys.stats)
    bins = {name.partition(b":b")[2] for name in hash_ if b":b" in name}
    assert bins == {str(bin_of(ms)).encode() for ms in durations}
