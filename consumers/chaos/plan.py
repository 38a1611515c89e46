"""What a run of the kit is told."""

from dataclasses import dataclass, field
from pathlib import Path

from consumers.chaos.faults import EVERY_S, Fault

#: Waiting for the last job, at most.
DRAIN_S = 90.0


@dataclass(frozen=True, slots=True)
class Plan:
    """One run with one seed."""

    seed: int
    seconds: float
    jobs: int
    directory: Path
    lease_ms: int = 2_000
    workers: int = 4
    """Worker processes on their own."""
    supervised: int = 2
    """Worker processes below one supervisor; 0 for none."""
    concurrency: int = 8
    faults: frozenset[Fault] = field(default_factory=lambda: frozenset(Fault))
    every_s: float = EVERY_S
    """Between two faults, on average."""
    fenced: bool = True
    handlers: str = ""
    payloads: Path | None = None

    @property
    def lease_s(self) -> float:
        """The lease in seconds."""
        return self.lease_ms / 1000
