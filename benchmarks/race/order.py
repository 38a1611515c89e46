"""What the driver tells a contestant: one JSON document in its environment.

Standard library only: it is read by each peer's own Python.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass

VARIABLE = "RACE_ORDER"


@dataclass(frozen=True, slots=True)
class Order:
    """A worker looks at the first fields, a producer at the last ones as well."""

    url: str
    work: str = "noop"
    """`noop`, `sleep` (1 ms) or `cpu` (`cpu_loops` hashes)."""
    slots: int = 1
    """Jobs at a time in this process."""
    cpu_loops: int = 0
    has_aof: bool = True
    keeps_waits: bool = False
    """Tell how long each job has waited for its handler."""
    jobs: int = 0
    in_bulk: bool = True
    rate: float = 0.0
    """Jobs a second, one by one and as evenly as can be; 0 means as fast as can be."""

    @property
    def batch(self) -> int:
        """Entries a read, or jobs taken ahead, where a contestant can be told.

        Of long jobs few: what one process holds, another that is free cannot take.
        """
        return 10 if self.work == "cpu" else 100

    def environment(self) -> dict[str, str]:
        """This order as a variable of the environment."""
        return {VARIABLE: json.dumps(asdict(self))}

    @classmethod
    def received(cls, environment: Mapping[str, str] = os.environ) -> "Order":
        """The order of this process."""
        return cls(**json.loads(environment[VARIABLE]))
