"""Following jobs: their events as they happen, and their results as they come."""

import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import anyio
import orjson
from pydantic import JsonValue
from redis.exceptions import ConnectionError as LostConnectionError
from redis.exceptions import TimeoutError as LateAnswerError

from producers.errors import JobFailedError
from streams.errors import UnknownJobError
from streams.events import ALL_JOBS, GLANCE_MAX, Gap, JobEvent, Place, Told, glance
from streams.job import require_id
from streams.jobs import PEEK_MAX, End, peek_ends
from streams.keys import Keys
from streams.server import Server
from streams.state import State
from streams.watching import Heard, Watching

#: Whatever is heard or not, the records are looked at so often: an older worker tells
#: nothing, and a record may expire.
LOOK_AGAIN_S = 10.0
#: Between two tries at a server that does not answer.
TRY_AGAIN_S = 0.5

_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class JobResult:
    """How one job has ended."""

    id: str
    state: State
    value: JsonValue
    """What its handler returned; None where it did not complete."""
    cause: str = ""

    @classmethod
    def of(cls, job_id: str, end: End) -> "JobResult":
        """As the record says it."""
        has_value = end.state is State.COMPLETED and end.result
        return cls(job_id, end.state, orjson.loads(end.result) if has_value else None, end.cause)

    def unwrap(self) -> JsonValue:
        """The value.

        Raises:
            JobFailedError: the job died or was cancelled.
        """
        if self.state is not State.COMPLETED:
            raise JobFailedError(self.id, self.state, self.cause)
        return self.value


class Following:
    """The jobs of one queue as their producer follows them, all over one connection."""

    def __init__(self, server: Server, keys: Keys) -> None:
        self._server = server
        self._keys = keys
        self._watching = Watching(server, keys)

    async def close(self) -> None:
        """Hear nothing any more."""
        await self._watching.close()

    async def all_events(self) -> AsyncGenerator[JobEvent | Gap]:
        """What happens to every job of the queue, for as long as it is listened to."""
        async with self._watching.listen([ALL_JOBS]) as listener:
            yield Gap()
            while True:
                heard = await listener.hear(timeout_s=math.inf)
                if heard.has_gap:
                    yield Gap()
                for each in heard.told:
                    yield each.event

    async def events(self, ids: Sequence[str]) -> AsyncGenerator[JobEvent]:
        """What happens to the jobs *ids*, until all of them have ended.

        Each begins with where it is, which is said again where events were missed.
        """
        wanted = _wanted(ids)
        story = _Story()
        async with self._watching.listen(wanted) as listener:
            heard, look_at_s = Heard([], has_gap=True), 0.0
            while listener.ids:
                if heard.has_gap or anyio.current_time() >= look_at_s:
                    look_at_s = anyio.current_time() + LOOK_AGAIN_S
                    for chunk in _chunks([each for each in wanted if each in listener.ids]):
                        place, seen = await self._glance(chunk, patiently=story.has_begun)
                        for event in story.seen(place, seen):
                            yield event
                for event in story.heard(heard.told):
                    yield event
                self._watching.forget(listener, story.ended & listener.ids)
                if listener.ids:
                    left_s = look_at_s - anyio.current_time()
                    heard = await listener.hear(timeout_s=max(0.0, left_s))

    async def results(self, ids: Sequence[str], *, timeout_s: float) -> AsyncGenerator[JobResult]:
        """How the jobs *ids* end, each as soon as it has.

        Raises:
            TimeoutError: some have not ended in time; they go on.
            UnknownJobError: one has no record.
        """
        wanted = _wanted(ids)
        give_up_s = anyio.current_time() + timeout_s
        async with self._watching.listen(wanted) as listener:
            asked, look_at_s = wanted, anyio.current_time() + LOOK_AGAIN_S
            while True:
                for chunk in _chunks(asked, PEEK_MAX):
                    for result in await self._ends(chunk, give_up_s):
                        self._watching.forget(listener, [result.id])
                        yield result
                if not listener.ids:
                    return
                now_s = anyio.current_time()
                if now_s >= give_up_s:
                    raise TimeoutError(
                        f"{len(listener.ids)} of {len(wanted)} jobs have not ended within "
                        f"{timeout_s:g} s; they go on"
                    )
                until_s = min(look_at_s, give_up_s)
                heard = await listener.hear(timeout_s=max(0.0, until_s - now_s))
                if heard.has_gap or anyio.current_time() >= look_at_s:
                    look_at_s = anyio.current_time() + LOOK_AGAIN_S
                    asked = [each for each in wanted if each in listener.ids]
                else:
                    ended = [each.event.id for each in heard.told if each.event.state.is_end]
                    asked = [each for each in dict.fromkeys(ended) if each in listener.ids]

    async def _glance(self, ids: Sequence[str], *, patiently: bool) -> tuple[Place, list[JobEvent]]:
        async def ask() -> tuple[Place, list[JobEvent | None]]:
            return await glance(self._server, self._keys, ids)

        place, seen = await (_patiently(ask, math.inf) if patiently else ask())
        found = [event for event in seen if event is not None]
        if len(found) < len(seen):
            raise UnknownJobError(self._keys.queue, ids[seen.index(None)])
        return place, found

    async def _ends(self, ids: Sequence[str], give_up_s: float) -> list[JobResult]:
        async def ask() -> list[JobResult]:
            ends = await peek_ends(self._server, self._keys, ids)
            return [
                JobResult.of(id_, end)
                for id_, end in zip(ids, ends, strict=True)
                if end is not None
            ]

        return await _patiently(ask, give_up_s)


class _Story:
    """What has been told of some jobs, so that nothing is told twice."""

    def __init__(self) -> None:
        self._last: dict[str, JobEvent] = {}
        self._up_to: dict[str, Place] = {}
        self.ended: set[str] = set()

    @property
    def has_begun(self) -> bool:
        return bool(self._last)

    def seen(self, place: Place, seen: Iterable[JobEvent]) -> list[JobEvent]:
        """What a look shows that is news; events up to *place* are told by it."""
        news: list[JobEvent] = []
        for event in seen:
            self._up_to[event.id] = place
            if _is_news(event, self._last.get(event.id)):
                news.append(self._told(event))
        return news

    def heard(self, told: Iterable[Told]) -> list[JobEvent]:
        """The events that are news; those of jobs that have ended are not."""
        return [
            self._told(event)
            for place, event in told
            if event.id not in self.ended and place > self._up_to[event.id]
        ]

    def _told(self, event: JobEvent) -> JobEvent:
        self._last[event.id] = event
        if event.state.is_end:
            self.ended.add(event.id)
        return event


async def _patiently(ask: Callable[[], Awaitable[_Answer]], give_up_s: float) -> _Answer:
    """Ask again until the server answers, or until it is too late."""
    while True:
        try:
            return await ask()
        except (LostConnectionError, LateAnswerError, OSError):
            if anyio.current_time() + TRY_AGAIN_S >= give_up_s:
                raise
        await anyio.sleep(TRY_AGAIN_S)


def _wanted(ids: Sequence[str]) -> list[str]:
    """*ids*, each once.

    Raises:
        InvalidJobError: one of them is no id.
    """
    wanted = list(dict.fromkeys(ids))
    for each in wanted:
        require_id(each)
    return wanted


def _chunks(ids: Sequence[str], size: int = GLANCE_MAX) -> Iterator[Sequence[str]]:
    return (ids[at : at + size] for at in range(0, len(ids), size))


def _is_news(seen: JobEvent, last: JobEvent | None) -> bool:
    """True where a look shows something else than what was told last."""
    if last is None or (seen.state, seen.attempt) != (last.state, last.attempt):
        return True
    return seen.progress is not None and (
        last.progress is None
        or (seen.progress.fraction, seen.progress.message)
        != (last.progress.fraction, last.progress.message)
    )
