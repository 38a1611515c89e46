"""How fast jobs run and how many fail: pure figures from what `settle` has counted.

`settle` keeps a ring of sixty minutes in one hash. Durations lie in bins whose bounds are 19 %
apart (four bins for each doubling), so that a percentile is known to its bin, and the place
within the bin is interpolated: it is at most 19 % away from the true one.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from streams.keys import Keys
from streams.server import Server

#: Minutes that are kept.
MINUTES = 60
MINUTE_MS = 60_000
#: The last bin has no upper bound; it begins after 31 hours.
BIN_MAX = 107
BINS_A_DOUBLING = 4
#: A percentile may be off by so much of itself, at most.
PERCENTILE_ERROR = 2 ** (1 / BINS_A_DOUBLING) - 1


@dataclass(frozen=True, slots=True)
class Statistics:
    """Runs that ended in the last minutes, the one that runs now included.

    A run that failed is one that is to be tried again, or that was the job's last. Runs that
    were handed back, put off or cancelled are not counted.
    """

    minutes: int
    seconds: float
    """How long that was: the minutes before this one, and what has passed of it."""
    completed: int
    failed: int
    per_s: float
    """Runs that ended, a second."""
    success_rate: float | None
    """Completed runs of all that ended; None where none has."""
    mean_ms: float | None
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None

    @property
    def ended(self) -> int:
        """Runs that ended."""
        return self.completed + self.failed


async def read_statistics(server: Server, keys: Keys, *, minutes: int = MINUTES) -> Statistics:
    """The figures of the last *minutes*, by the server's clock; one round trip.

    Raises:
        ValueError: not 1 to 60 minutes.
    """
    _require_minutes(minutes)
    async with server.client.pipeline(transaction=False) as pipe:
        pipe.time()
        pipe.hgetall(keys.stats)
        (seconds, micros), counted = await pipe.execute()
    return statistics(counted, seconds * 1000 + micros // 1000, minutes=minutes)


def statistics(
    counted: Mapping[bytes, bytes], now_ms: int, *, minutes: int = MINUTES
) -> Statistics:
    """The figures that the hash *counted* gives at *now_ms*.

    Raises:
        ValueError: not 1 to 60 minutes.
    """
    _require_minutes(minutes)
    this = now_ms // MINUTE_MS
    slots = [
        minute % MINUTES
        for minute in range(this - minutes + 1, this + 1)
        if _number(counted, str(minute % MINUTES)) == minute
    ]
    completed = sum(_number(counted, f"{slot}:completed") for slot in slots)
    failed = sum(_number(counted, f"{slot}:failed") for slot in slots)
    running_ms = sum(_number(counted, f"{slot}:ms") for slot in slots)
    bins = [sum(_number(counted, f"{slot}:b{k}") for slot in slots) for k in range(BIN_MAX + 1)]
    ended = completed + failed
    seconds = ((minutes - 1) * MINUTE_MS + now_ms % MINUTE_MS) / 1000
    return Statistics(
        minutes=minutes,
        seconds=seconds,
        completed=completed,
        failed=failed,
        per_s=ended / seconds if seconds else 0.0,
        success_rate=completed / ended if ended else None,
        mean_ms=running_ms / ended if ended else None,
        p50_ms=percentile(bins, 0.5),
        p95_ms=percentile(bins, 0.95),
        p99_ms=percentile(bins, 0.99),
    )


def percentile(bins: list[int], share: float) -> float | None:
    """The duration in ms that *share* of the runs in *bins* did not exceed; None without runs.

    Within a bin the runs are taken to lie evenly on the logarithmic scale.
    """
    total = sum(bins)
    if not total:
        return None
    rank = share * total
    for number, count in enumerate(bins):
        if count and rank <= count:
            low, high = bounds_ms(number)
            return (
                low + (high - low) * rank / count
                if low == 0
                else low * (high / low) ** (rank / count)
            )
        rank -= count
    return bounds_ms(BIN_MAX)[1]


def bounds_ms(number: int) -> tuple[float, float]:
    """From where to where bin *number* reaches, in ms; the last one is taken for as wide."""
    if number == 0:
        return 0.0, 1.0
    return 2 ** ((number - 1) / BINS_A_DOUBLING), 2 ** (number / BINS_A_DOUBLING)


def bin_of(ms: float) -> int:
    """The bin in which `settle` counts a run of *ms*."""
    return 0 if ms < 1 else min(BIN_MAX, 1 + math.floor(BINS_A_DOUBLING * math.log2(ms)))


def _require_minutes(minutes: int) -> None:
    if not 1 <= minutes <= MINUTES:
        raise ValueError(f"statistics go back 1 to {MINUTES} minutes, got {minutes}")


def _number(counted: Mapping[bytes, bytes], name: str) -> int:
    return int(counted.get(name.encode(), 0))
