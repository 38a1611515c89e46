"""Dead letters by what they died of: how many of each, since when, and one to look at."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from streams.letter import DeadLetter

#: Groups that are told apart. More means that messages hold what no rule takes out of them.
GROUPS_MAX = 1_000
#: Stands for all further groups.
OTHER = "other"


@dataclass(frozen=True, slots=True)
class LetterGroup:
    """Letters of one queue that share a fingerprint.

    `example` is the newest of them. Of the group `other`, kind and title are those of no
    letter in particular.
    """

    queue: str
    digest: str
    title: str
    kind: str
    count: int
    first_ms: int
    last_ms: int
    example: str


class LetterGroups:
    """Counts letters into at most `GROUPS_MAX` groups and one for the rest."""

    def __init__(self) -> None:
        self._groups: dict[tuple[str, str], LetterGroup] = {}

    def add(self, queue: str, letter: DeadLetter) -> None:
        """Count *letter*; letters come in any order."""
        print_ = letter.fingerprint
        found = LetterGroup(
            queue=queue,
            digest=print_.digest,
            title=print_.title,
            kind=letter.kind,
            count=1,
            first_ms=letter.died_ms,
            last_ms=letter.died_ms,
            example=letter.dead_entry,
        )
        place = (queue, found.digest)
        if place not in self._groups and len(self._groups) >= GROUPS_MAX:
            place = ("", OTHER)
            found = replace(
                found, queue="", digest=OTHER, kind="", title="all further groups: filter by kind"
            )
        known = self._groups.get(place)
        self._groups[place] = found if known is None else _joined(known, found)

    def largest_first(self) -> list[LetterGroup]:
        """All groups; of two that are equally large, the one that grew last comes first."""
        return sorted(self._groups.values(), key=lambda each: (-each.count, -each.last_ms))

    @property
    def total(self) -> int:
        """Letters that were counted."""
        return sum(each.count for each in self._groups.values())


def grouped(queue: str, letters: Iterable[DeadLetter]) -> list[LetterGroup]:
    """The groups of *letters*, the largest first."""
    groups = LetterGroups()
    for letter in letters:
        groups.add(queue, letter)
    return groups.largest_first()


def _joined(known: LetterGroup, more: LetterGroup) -> LetterGroup:
    newest = more if more.last_ms >= known.last_ms else known
    return replace(
        known,
        count=known.count + more.count,
        first_ms=min(known.first_ms, more.first_ms),
        last_ms=newest.last_ms,
        example=newest.example,
    )
