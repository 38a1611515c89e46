"""Ending all jobs of a queue that wait, window by window."""

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from streams.keys import Keys
from streams.listed import ListedJob
from streams.listing import list_jobs
from streams.priority import LEVELS, Priority
from streams.scripts.loader import Row, load
from streams.server import Server
from streams.state import State

#: Jobs of one call: a millisecond of the server.
CLEAR_MAX = 50
#: States whose jobs can be ended.
CLEARABLE = (State.READY, State.DELAYED, State.RUNNING)

_CLEAR = load("clear")


class _Cleared(Enum):
    """What became of one job; the values are the script's codes."""

    GONE = 0
    CANCELLED = 1
    ASKED = 2
    RUNS = 3


@dataclass(frozen=True, slots=True)
class Cleared:
    """What a clearing has done so far."""

    cancelled: int = 0
    """Jobs that have ended now; their records say cancelled."""
    asked: int = 0
    """Running jobs whose workers were asked to end them."""
    left: int = 0
    """Jobs that began to run, ended or moved meanwhile, and were left alone."""

    def plus(self, codes: Sequence[int]) -> "Cleared":
        """The sum with the answers of one more call."""
        answers = [_Cleared(code) for code in codes]
        cancelled, asked = answers.count(_Cleared.CANCELLED), answers.count(_Cleared.ASKED)
        rest = len(answers) - cancelled - asked
        return Cleared(self.cancelled + cancelled, self.asked + asked, self.left + rest)


async def clear(
    server: Server,
    keys: Keys,
    *,
    states: Collection[State] = (State.READY, State.DELAYED),
    levels: Collection[Priority] = LEVELS,
    ended_ttl_ms: int,
) -> AsyncIterator[Cleared]:
    """End the jobs of *states* in *levels*; says after each window what was done so far.

    Jobs that come in meanwhile stay. With `State.RUNNING` the workers of running jobs are
    asked to end them, as `cancel` asks one. Whoever stops listening stops the clearing.

    Raises:
        ValueError: a state whose jobs cannot be ended.
    """
    if unknown := set(states) - set(CLEARABLE):
        raise ValueError(f"jobs are cleared that are ready, delayed or running, got {unknown}")
    done = Cleared()
    client: Any = server.client
    seconds, micros = await client.time()
    began_ms = seconds * 1000 + micros // 1000
    for state in (each for each in CLEARABLE if each in states):
        windows = (
            _delayed(server, keys, levels)
            if state is State.DELAYED
            else _in_streams(server, keys, state, levels, began_ms)
        )
        async for window in windows:
            if window:
                done = done.plus(await _clear(server, keys, window, ended_ttl_ms))
            yield done


async def _in_streams(
    server: Server, keys: Keys, state: State, levels: Collection[Priority], began_ms: int
) -> AsyncIterator[list[ListedJob]]:
    """Jobs whose entries were there when the clearing began, a call's worth at a time."""
    for level in (each for each in LEVELS if each in levels):
        cursor, is_over = "", False
        while not is_over:
            page = await list_jobs(
                server, keys, state, priority=level, limit=CLEAR_MAX, cursor=cursor
            )
            there = [job for job in page.jobs if _arrived_ms(job) <= began_ms]
            cursor = page.next_cursor
            is_over = not cursor or len(there) < len(page.jobs)
            yield there


async def _delayed(
    server: Server, keys: Keys, levels: Collection[Priority]
) -> AsyncIterator[list[ListedJob]]:
    """As many delayed jobs as there were when the clearing began."""
    cursor, is_over = "", False
    left: int = await server.client.zcard(keys.delayed)
    while not is_over:
        page = await list_jobs(server, keys, State.DELAYED, limit=CLEAR_MAX, cursor=cursor)
        left -= len(page.jobs)
        cursor = page.next_cursor
        is_over = not cursor or left <= 0
        yield [job for job in page.jobs if job.priority in levels]


def _arrived_ms(job: ListedJob) -> int:
    """When it came to its place: the name of an entry begins with that."""
    return int(job.entry.partition("-")[0])


async def _clear(
    server: Server, keys: Keys, jobs: Sequence[ListedJob], ended_ttl_ms: int
) -> list[int]:
    codes: list[int] = await server.run(
        _CLEAR,
        keys={
            **keys.streams,
            "delayed": keys.delayed,
            "cancel": keys.cancel,
            "events": keys.events,
            "watchers": keys.watchers,
            "counters": keys.counters,
        },
        args={
            "ended_ttl_ms": ended_ttl_ms,
            "ask": int(jobs[0].state is State.RUNNING),
        },
        rows=[_row(keys, job) for job in jobs],
    )
    return codes


def _row(keys: Keys, job: ListedJob) -> Row:
    level = job.priority.level if job.entry else 0
    return (
        (keys.job(job.id), keys.body(job.id), keys.history(job.id), keys.unique(job.unique)),
        (job.id, job.unique, level, job.entry, job.kind),
    )
