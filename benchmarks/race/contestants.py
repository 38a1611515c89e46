"""Who takes part, as peers.toml has it."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROSTER = Path(__file__).with_name("peers.toml")
#: All values are set against these two.
BASE, LIMIT = "millstream", "plain"


@dataclass(frozen=True, slots=True)
class Contestant:
    """One row of the roster; `peers.toml` says what each field means."""

    key: str
    title: str
    module: str
    requirements: tuple[str, ...] = ()
    npm: tuple[str, ...] = ()
    environment: str = ""
    slots_max: int | None = None
    share: float = 1.0
    left_out: str = ""
    note: str = ""

    @property
    def script(self) -> Path:
        """The file with its worker and producer."""
        suffix = ".mjs" if self.npm else ".py"
        return Path(__file__).parent.joinpath(*self.module.split(".")).with_suffix(suffix)

    def slots(self, wanted: int) -> int:
        """The nearest number of jobs at a time that it knows."""
        return wanted if self.slots_max is None else min(wanted, self.slots_max)


def read_roster(path: Path = ROSTER) -> list[Contestant]:
    """All contestants, in the order in which they run."""
    rows: dict[str, dict[str, Any]] = tomllib.loads(path.read_text())
    return [
        Contestant(key=key, **{k: _frozen(v) for k, v in row.items()}) for key, row in rows.items()
    ]


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def chosen(roster: Sequence[Contestant], only: str) -> list[Contestant]:
    """Those that *only* names, with commas between; all where it is empty.

    Raises:
        SystemExit: it names one that there is not.
    """
    names = [name.strip() for name in only.split(",") if name.strip()]
    unknown = set(names) - {each.key for each in roster}
    if unknown:
        known = ", ".join(each.key for each in roster)
        raise SystemExit(f"no contestant {', '.join(sorted(unknown))}: there are {known}")
    return [each for each in roster if not names or each.key in names]
