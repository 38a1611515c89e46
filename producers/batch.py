"""Many jobs on their way: into calls that the server can take, and what became of them."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from itertools import islice

from streams.durability import Reached
from streams.enqueue import BATCH_BYTES_MAX, BATCH_MAX, Enqueued
from streams.job import NewJob

#: A job of a slow source waits so long for others that go with it.
LINGER_S = 0.1


@dataclass(frozen=True, slots=True)
class BatchReport:
    """What became of many jobs: how many are new, were there before, or were refused.

    They are refused by a queue that holds as many jobs as it may, or drains.
    """

    accepted: int = 0
    existing: int = 0
    refused: int = 0
    resent: int = 0
    """Jobs of calls whose answer was lost, and which were sent again. Those that had
    arrived the first time count as `existing`."""
    reached: Reached | None = None
    """How safe they are, where more was asked than the server does for every write."""

    @property
    def total(self) -> int:
        """Jobs that were handed in."""
        return self.accepted + self.existing + self.refused

    def with_answers(self, answers: Sequence[Enqueued]) -> "BatchReport":
        """The report with those of one more call."""
        new = sum(answer.is_new for answer in answers)
        refused = sum(answer.acceptance.is_refusal for answer in answers)
        return replace(
            self,
            accepted=self.accepted + new,
            existing=self.existing + len(answers) - new - refused,
            refused=self.refused + refused,
            resent=self.resent + sum(answer.resent for answer in answers),
        )


async def calls_of(
    jobs: Iterable[NewJob] | AsyncIterable[NewJob],
) -> AsyncGenerator[list[NewJob]]:
    """Groups of jobs that fit into one call, in their order.

    Those of a source that is slow go after `LINGER_S`, however few they are.
    """
    if isinstance(jobs, AsyncIterable):
        async with aclosing(_gathered(jobs)) as gathered:
            async for some in gathered:
                for call in chunks(some):
                    yield call
    else:
        for call in chunks(jobs):
            yield call


def chunks(jobs: Iterable[NewJob]) -> Iterable[list[NewJob]]:
    """Groups of jobs that fit into one call, by number and by bytes."""
    waiting = iter(jobs)
    held: list[NewJob] = []
    held_bytes = 0
    while batch := list(islice(waiting, BATCH_MAX)):
        for job in batch:
            if held and (len(held) == BATCH_MAX or held_bytes + len(job.payload) > BATCH_BYTES_MAX):
                yield held
                held, held_bytes = [], 0
            held.append(job)
            held_bytes += len(job.payload)
    if held:
        yield held


async def _gathered(jobs: AsyncIterable[NewJob]) -> AsyncGenerator[list[NewJob]]:
    """What comes together, at most `BATCH_MAX` jobs."""
    source = aiter(jobs)
    held: list[NewJob] = []
    coming = asyncio.ensure_future(_next(source))
    try:
        while True:
            await asyncio.wait({coming}, timeout=LINGER_S if held else None)
            if coming.done():
                if (job := coming.result()) is None:
                    break
                held.append(job)
                coming = asyncio.ensure_future(_next(source))
                if len(held) < BATCH_MAX:
                    continue
            yield held
            held = []
        if held:
            yield held
    finally:
        coming.cancel()
        await asyncio.wait({coming})


async def _next(source: AsyncIterator[NewJob]) -> NewJob | None:
    return await anext(source, None)
