"""What was measured: medians over the rounds, and ratios."""

import statistics
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Column:
    """One thing that is measured: a column of a block of the table."""

    figure: str
    name: str


@dataclass(slots=True)
class Results:
    """All values of all rounds, by contestant and column, and what was refused."""

    values: dict[str, dict[Column, list[float]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )
    nearest: set[tuple[str, Column]] = field(default_factory=set[tuple[str, Column]])
    """Where a contestant ran with fewer jobs at a time than the column says."""
    refused: list[tuple[str, Column, str]] = field(default_factory=list[tuple[str, Column, str]])

    def add(self, contestant: str, values: Mapping[Column, float]) -> None:
        """The values of one round."""
        for column, value in values.items():
            self.values[contestant][column].append(value)

    def refuse(self, contestant: str, column: Column, reason: str) -> None:
        """A measurement that does not count."""
        self.refused.append((contestant, column, reason))

    def columns(self, figure: str) -> list[Column]:
        """The columns of a block, in the order in which they were measured first."""
        everyone = (column for values in self.values.values() for column in values)
        refused = (column for _, column, _ in self.refused)
        found = dict.fromkeys([*everyone, *refused])
        return [column for column in found if column.figure == figure]

    def median(self, contestant: str, column: Column) -> float | None:
        """Over the rounds; None where there is none."""
        values = self.values.get(contestant, {}).get(column)
        return statistics.median(values) if values else None

    def ratio(self, contestant: str, column: Column, base: str) -> float | None:
        """How many times *base*'s value; None where one of the two is missing."""
        value, against = self.median(contestant, column), self.median(base, column)
        return None if value is None or not against else value / against

    def was_refused(self, contestant: str, column: Column) -> bool:
        """True where it was tried, and never counted."""
        return self.median(contestant, column) is None and any(
            (who, what) == (contestant, column) for who, what, _ in self.refused
        )

    def as_json(self) -> dict[str, object]:
        """For a file: each value of each round, and the median."""
        return {
            "values": {
                contestant: {
                    f"{column.figure}: {column.name}": {
                        "median": statistics.median(rounds),
                        "rounds": rounds,
                        "nearest": (contestant, column) in self.nearest,
                    }
                    for column, rounds in columns.items()
                }
                for contestant, columns in self.values.items()
            },
            "refused": [
                {"contestant": who, "figure": f"{what.figure}: {what.name}", "reason": reason}
                for who, what, reason in self.refused
            ],
        }
