"""Where a job can be, and which transitions lead from one place to the next.

`docs/states.md` draws this table; a test compares the two.
"""

from enum import StrEnum


class State(StrEnum):
    """The one place where a job is."""

    READY = "ready"
    """In a stream, waiting for a consumer."""
    DELAYED = "delayed"
    """Waiting for its time: enqueued for later, retried, or parked."""
    RUNNING = "running"
    """Delivered to a consumer. Never written: the pending list says so."""
    COMPLETED = "completed"
    """Ended with a result."""
    DEAD = "dead"
    """Ended without success; its dead letter tells why."""
    CANCELLED = "cancelled"
    """Ended because somebody asked for it."""

    @property
    def is_end(self) -> bool:
        """True where nothing happens any more without an operator."""
        return self in ENDS


ENDS = frozenset({State.COMPLETED, State.DEAD, State.CANCELLED})

#: (transition, from, to); None stands for "not there yet" or "gone".
MOVES: frozenset[tuple[str, State | None, State | None]] = frozenset(
    {
        ("enqueue", None, State.READY),
        ("enqueue", None, State.DELAYED),
        ("tick", None, State.READY),
        ("promote", State.DELAYED, State.READY),
        ("promote", State.DELAYED, State.DEAD),
        ("promote", State.DELAYED, State.CANCELLED),
        ("fetch", State.READY, State.RUNNING),
        ("renew", State.RUNNING, State.RUNNING),
        ("progress", State.RUNNING, State.RUNNING),
        ("restamp", State.RUNNING, State.RUNNING),
        ("claim", State.RUNNING, State.RUNNING),
        ("claim", State.READY, State.RUNNING),
        ("claim", State.RUNNING, State.DEAD),
        ("abandon", State.RUNNING, State.READY),
        ("abandon", State.RUNNING, State.DEAD),
        ("settle", State.RUNNING, State.COMPLETED),
        ("settle", State.RUNNING, State.DELAYED),
        ("settle", State.RUNNING, State.DEAD),
        ("settle", State.RUNNING, State.READY),
        ("settle", State.RUNNING, State.CANCELLED),
        ("cancel", State.READY, State.CANCELLED),
        ("cancel", State.DELAYED, State.CANCELLED),
        ("cancel", State.RUNNING, State.RUNNING),
        ("clear", State.READY, State.CANCELLED),
        ("clear", State.DELAYED, State.CANCELLED),
        ("clear", State.RUNNING, State.RUNNING),
        ("remove", State.READY, None),
        ("remove", State.DELAYED, None),
        ("remove", State.COMPLETED, None),
        ("remove", State.CANCELLED, None),
        ("remove", State.DEAD, None),
        ("hurry", State.READY, State.READY),
        ("hurry", State.DELAYED, State.DELAYED),
        ("reprioritise", State.READY, State.READY),
        ("reprioritise", State.DELAYED, State.DELAYED),
        ("replay", State.DEAD, State.READY),
        ("purge", State.DEAD, None),
    }
)
