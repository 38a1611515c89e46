"""Making a dead job run again, perhaps edited, with a trace of who did so."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import orjson
from redis.asyncio import Redis

from streams.errors import InvalidJobError
from streams.job import ATTEMPTS_MAX, PAYLOAD_BYTES_MAX
from streams.keys import Keys
from streams.letter import DeadLetter
from streams.priority import Priority
from streams.scripts.loader import load
from streams.server import Server
from streams.state import State

#: Letters looked at in one call.
FORESEEN_MAX = 100
#: Characters of the name of whoever replays.
BY_CHARS_MAX = 100
#: Characters of a cause that the history of the next run keeps.
CAUSE_CHARS_MAX = 200

_REPLAY = load("replay")


class Replayed(Enum):
    """What a replay led to; the values are the script's codes."""

    UNKNOWN = 0
    """There is no such dead letter."""
    READY = 1
    """The job is in its stream again."""
    LIVE = 2
    """A job with this id lives already: nothing was changed."""
    BODY_LOST = 3
    """The job's entry was deleted before it died; there is nothing to run."""
    TAKEN = 4
    """Another job holds its unique key meanwhile: nothing was changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """What an operator changes of a job before it runs again; None leaves a thing as it is."""

    payload: bytes | None = None
    priority: Priority | None = None
    attempts_max: int | None = None

    def __post_init__(self) -> None:
        if self.payload is not None and len(self.payload) > PAYLOAD_BYTES_MAX:
            raise InvalidJobError(
                f"a payload may have {PAYLOAD_BYTES_MAX} bytes, got {len(self.payload)}: put "
                "the data into an object store and its name into the payload"
            )
        if self.attempts_max is not None and not 1 <= self.attempts_max <= ATTEMPTS_MAX:
            raise InvalidJobError(f"attempts is 1 to {ATTEMPTS_MAX}, got {self.attempts_max}")

    @property
    def names(self) -> tuple[str, ...]:
        """What is changed, in the words of the history."""
        values = (("payload", self.payload), ("priority", self.priority))
        changed = [name for name, value in values if value is not None]
        return (*changed, "attempts") if self.attempts_max is not None else tuple(changed)


_AS_IT_WAS = Edit()


async def foresee_replay(
    client: Redis, keys: Keys, letters: Sequence[DeadLetter]
) -> list[Replayed]:
    """What `replay` would answer for each of *letters* now; changes nothing.

    Raises:
        ValueError: more than `FORESEEN_MAX` letters.
    """
    if len(letters) > FORESEEN_MAX:
        raise ValueError(f"one call takes {FORESEEN_MAX} dead letters, got {len(letters)}")
    async with client.pipeline(transaction=False) as pipe:
        for letter in letters:
            pipe.hget(keys.job(letter.id), "state")
            pipe.get(keys.unique(letter.unique))
        found = await pipe.execute()
    return [
        _foreseen(letter, state, holder)
        for letter, state, holder in zip(letters, found[::2], found[1::2], strict=True)
    ]


def _foreseen(letter: DeadLetter, state: bytes | None, holder: bytes | None) -> Replayed:
    if state is not None and not State(state.decode()).is_end:
        return Replayed.LIVE
    if letter.is_body_lost:
        return Replayed.BODY_LOST
    if letter.unique and holder is not None and holder.decode() != letter.id:
        return Replayed.TAKEN
    return Replayed.READY


async def replay(
    server: Server,
    keys: Keys,
    letter: DeadLetter,
    *,
    by: str = "",
    host: str = "",
    edit: Edit = _AS_IT_WAS,
) -> Replayed:
    """Make a dead job run again, from its first attempt and with its history.

    The history gets a row `replayed` that tells who did so (*by*, *host*), when, from which
    dead letter, what it had died of, and what was edited; the record tells the first three.

    Raises:
        InvalidJobError: *by* is no printable text of up to 100 characters.
    """
    if len(by) > BY_CHARS_MAX or not by.isprintable():
        raise InvalidJobError(
            f"who replays is named in up to {BY_CHARS_MAX} printable characters, got {by!r:.120}"
        )
    code, _text = await server.run(
        _REPLAY,
        keys={
            **keys.streams,
            "dead": keys.dead,
            "events": keys.events,
            "watchers": keys.watchers,
            "counters": keys.counters,
            "job": keys.job(letter.id),
            "history": keys.history(letter.id),
            "unique_key": keys.unique(letter.unique),
        },
        args={
            "dead_entry": letter.dead_entry,
            "id": letter.id,
            "level": (edit.priority or letter.priority).level,
            "unique": letter.unique,
            "edited": " ".join(edit.names),
            "payload": b"" if edit.payload is None else edit.payload,
            "attempts": "" if edit.attempts_max is None else edit.attempts_max,
            "by": by,
            "host": host,
            "cause": letter.cause[:CAUSE_CHARS_MAX],
        },
        rows=[((), (orjson.dumps(attempt),)) for attempt in letter.history],
    )
    return Replayed(code)
