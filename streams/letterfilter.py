"""Which dead letters are meant: a pure choice by what they died of, when, and what they say."""

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from streams.errors import InvalidJobError
from streams.letter import DeadLetter

#: Shorter beginnings of a fingerprint would soon mean two groups.
DIGEST_CHARS_MIN = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterFilter:
    """All that is named must fit; of several values of one name, one must.

    `kinds` may have wildcards (`tiles.*`). `causes` are beginnings (`poison`). `errors`
    are names of classes. `digests` are fingerprints or their beginnings. `text` is looked
    for in id, cause, error, message and payload, whatever its case. `since_ms` and
    `until_ms` are moments of death in Unix milliseconds, both included.

    Raises:
        InvalidJobError: a digest is too short or is none.
    """

    kinds: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    since_ms: int | None = None
    until_ms: int | None = None
    text: str = ""

    def __post_init__(self) -> None:
        for digest in self.digests:
            if len(digest) < DIGEST_CHARS_MIN or set(digest.lower()) - set("0123456789abcdef"):
                raise InvalidJobError(
                    f"a fingerprint has 12 hexadecimal digits, of which the first "
                    f"{DIGEST_CHARS_MIN} or more are named, got {digest!r:.40}"
                )

    @property
    def is_everything(self) -> bool:
        """True where nothing is named."""
        return self == _EVERYTHING

    @property
    def first(self) -> str:
        """The bound from which a stream is read: letters have the time of their death as id."""
        return "-" if self.since_ms is None else str(max(0, self.since_ms))

    @property
    def last(self) -> str:
        """The bound up to which a stream is read."""
        return "+" if self.until_ms is None else str(max(0, self.until_ms))

    def matches(self, letter: DeadLetter) -> bool:
        """True where *letter* is meant. The cheap questions come first."""
        return (
            self._fits_time(letter)
            and _any(self.kinds, lambda kind: fnmatchcase(letter.kind, kind))
            and _any(self.causes, lambda cause: letter.cause.lower().startswith(cause.lower()))
            and _any(self.errors, lambda error: letter.failure.error.lower() == error.lower())
            and self._fits_text(letter)
            and self._fits_digest(letter)
        )

    def _fits_time(self, letter: DeadLetter) -> bool:
        after = self.since_ms is None or letter.died_ms >= self.since_ms
        return after and (self.until_ms is None or letter.died_ms <= self.until_ms)

    def _fits_text(self, letter: DeadLetter) -> bool:
        if not self.text:
            return True
        wanted = self.text.lower()
        failure = letter.failure
        said = (letter.id, letter.cause, failure.error, failure.message)
        return (
            any(wanted in each.lower() for each in said)
            or wanted in letter.payload.decode(errors="replace").lower()
        )

    def _fits_digest(self, letter: DeadLetter) -> bool:
        if not self.digests:
            return True
        own = letter.fingerprint.digest
        return any(own.startswith(digest.lower()) for digest in self.digests)


_EVERYTHING = LetterFilter()


def _any(wanted: tuple[str, ...], fits: Callable[[str], bool]) -> bool:
    """True where nothing is wanted, or one of the values fits."""
    return not wanted or any(fits(each) for each in wanted)
