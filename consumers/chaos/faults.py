"""What is done to a system, and when: a schedule that follows from a seed alone."""

import random
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum

from consumers.errors import ConsumerError


class Fault(StrEnum):
    """Everything that the kit can do to a system."""

    KILL = "kill"
    """SIGKILL to a worker process."""
    FREEZE = "freeze"
    """SIGSTOP to a worker for longer than its lease, then SIGCONT."""
    STALL = "stall"
    """SIGSTOP for less than a lease: nothing may come of it."""
    DROP = "drop"
    """The answers to a worker's commands are lost for a while, then its connections."""
    BLACKHOLE = "blackhole"
    """Nothing arrives at a worker or from it, for up to two leases."""
    RESET = "reset"
    """The connections of a worker are reset."""
    ROLLOUT = "rollout"
    """SIGTERM to a worker, and a new one in its place when it has ended."""
    DEAF = "deaf"
    """The producer's answers are lost, then its connections: it asks again."""
    SEVER = "sever"
    """CLIENT KILL: the server closes every connection."""
    FORGET = "forget"
    """SCRIPT FLUSH: the server forgets every script."""
    CRASH = "crash"
    """SIGKILL to the server, which comes back with its append-only file."""
    MEMORY = "memory"
    """The server's memory is full for a while."""
    DISK = "disk"
    """The server cannot write its file to the end; it comes back when it has died of it."""


#: What is done to one member of the fleet.
TO_A_MEMBER = frozenset(
    {
        Fault.KILL,
        Fault.FREEZE,
        Fault.STALL,
        Fault.DROP,
        Fault.BLACKHOLE,
        Fault.RESET,
        Fault.ROLLOUT,
    }
)
#: What stops everybody for a moment.
TO_THE_SERVER = frozenset({Fault.SEVER, Fault.CRASH, Fault.MEMORY, Fault.DISK})

#: How often each happens, against the others.
WEIGHTS: Mapping[Fault, float] = {
    Fault.KILL: 8,
    Fault.FREEZE: 5,
    Fault.STALL: 2,
    Fault.DROP: 3,
    Fault.BLACKHOLE: 3,
    Fault.RESET: 2,
    Fault.ROLLOUT: 3,
    Fault.DEAF: 2,
    Fault.SEVER: 1,
    Fault.FORGET: 1,
    Fault.CRASH: 2,
    Fault.MEMORY: 1,
    Fault.DISK: 1,
}
#: Between two faults, on average; the one before may still last. A job that takes longer
#: than its workers live on average has no chance, whoever kills them.
EVERY_S = 2.5
#: The fleet gets this long to take up its work before the first one.
FIRST_S = 1.0

#: How long each lasts: from and to, in leases.
_LEASES: Mapping[Fault, tuple[float, float]] = {
    Fault.FREEZE: (1.25, 2.2),
    Fault.STALL: (0.1, 0.6),
    Fault.DROP: (0.05, 0.5),
    Fault.BLACKHOLE: (0.2, 2.0),
    Fault.DEAF: (0.05, 0.5),
    Fault.CRASH: (0.05, 0.5),
    Fault.MEMORY: (0.3, 1.0),
    Fault.DISK: (0.05, 0.3),
}


class UnknownFaultError(ConsumerError):
    """Raised for a fault that the kit cannot do."""

    def __init__(self, name: str) -> None:
        near = get_close_matches(name, [*Fault], n=1)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(Fault)}"
        super().__init__(f"there is no fault '{name}': {hint}")


@dataclass(frozen=True, slots=True)
class Planned:
    """One fault of a schedule."""

    fault: Fault
    at_s: float
    lasts_s: float
    pick: float
    """Which of those that could be hit: a share from 0 to 1."""


def parse_faults(text: str) -> frozenset[Fault]:
    """The faults in a list with commas; all where it is empty.

    Raises:
        UnknownFaultError: one of them does not exist.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in set(Fault):
            raise UnknownFaultError(name)
    return frozenset(map(Fault, names)) or frozenset(Fault)


def schedule(
    seed: int,
    seconds: float,
    lease_s: float,
    faults: Collection[Fault],
    *,
    every_s: float = EVERY_S,
) -> list[Planned]:
    """The faults of *seconds*, in their order; the same for the same arguments."""
    chance = random.Random(seed)
    kinds = sorted(faults)
    weights = [WEIGHTS[each] for each in kinds]
    planned: list[Planned] = []
    at_s = FIRST_S
    while at_s < seconds:
        [fault] = chance.choices(kinds, weights)
        low, high = _LEASES.get(fault, (0.0, 0.0))
        lasts_s = chance.uniform(low, high) * lease_s
        planned.append(Planned(fault, at_s, lasts_s, chance.random()))
        at_s += chance.uniform(0.3, 1.7) * every_s
    return planned
