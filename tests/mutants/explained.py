"""The mutants that nothing can notice, and why: `explained.toml`."""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.mutants.mutate import Mutant

EXPLAINED = Path(__file__).parent / "explained.toml"


@dataclass(frozen=True)
class Explanation:
    """Why a mutant may survive."""

    script: str
    was: str
    now: str
    reason: str

    def fits(self, mutant: Mutant) -> bool:
        """True where it is about *mutant*."""
        return (self.script, self.was, self.now) == (mutant.script, mutant.was, mutant.now)


def explanations(text: str | None = None) -> list[Explanation]:
    """All of them."""
    read = tomllib.loads(EXPLAINED.read_text() if text is None else text)
    return [Explanation(**each) for each in read.get("mutant", [])]


def reason_of(mutant: Mutant, known: Iterable[Explanation]) -> str:
    """Why *mutant* may survive; empty where nobody has said so."""
    return next((each.reason for each in known if each.fits(mutant)), "")
