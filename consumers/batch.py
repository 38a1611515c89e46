"""Batch handlers: many jobs in one call, and an outcome for each."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, Protocol, TypeVar

from pydantic import JsonValue

from consumers.errors import PermanentError, RegistryError
from consumers.handler import Context
from producers.payloads.base import Payload

PayloadT_co = TypeVar("PayloadT_co", bound=Payload, covariant=True)
PayloadT_contra = TypeVar("PayloadT_contra", bound=Payload, contravariant=True)

#: Jobs in one call of a batch handler, where nobody says otherwise, and at most.
SIZE_DEFAULT, SIZE_MAX = 64, 1000
#: How long the first job of a batch waits for others.
WAIT_DEFAULT = timedelta(milliseconds=5)
#: A longer wait is a delay, which belongs into the job.
WAIT_MAX = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class BatchJob(Generic[PayloadT_co]):
    """One job of a batch, as its handler sees it."""

    payload: PayloadT_co
    context: Context


#: What comes of one job of a batch: its result, or the error that it failed with.
Result = JsonValue | Exception


class BatchHandler(Protocol[PayloadT_contra]):
    """Does the work of many jobs of one kind at once, in an `async def`.

    Returns a result or an exception for each job, in their order. An exception that it
    returns is that job's alone, and counts as if a handler had raised it; one that it
    raises is every job's.
    """

    def __call__(self, jobs: Sequence[BatchJob[PayloadT_contra]], /) -> Awaitable[Sequence[Result]]:
        """Run the jobs."""
        ...


class PlainBatchHandler(Protocol[PayloadT_contra]):
    """The same without `await`: runs in a thread."""

    def __call__(self, jobs: Sequence[BatchJob[PayloadT_contra]], /) -> Sequence[Result]:
        """Run the jobs."""
        ...


@dataclass(frozen=True, slots=True)
class BatchRule:
    """How jobs of a kind come together: up to *size* of the same *key*, within *wait*.

    Raises:
        RegistryError: a size or wait out of its range.
    """

    handler: Callable[[Sequence[BatchJob[Any]]], Any]
    size: int = SIZE_DEFAULT
    wait: timedelta = WAIT_DEFAULT
    key: Callable[[Any], object] | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.size <= SIZE_MAX:
            raise RegistryError(f"a batch has 1 to {SIZE_MAX} jobs, got {self.size}")
        if not timedelta(0) <= self.wait <= WAIT_MAX:
            raise RegistryError(f"a batch waits for 0 to {WAIT_MAX}, got {self.wait}")

    def key_of(self, payload: Payload) -> object:
        """What jobs must have in common to come together."""
        return None if self.key is None else self.key(payload)

    def alone_in_loop(self) -> Callable[[Any, Context], Awaitable[Any]]:
        """The handler for one job: a suspect runs alone, whatever its kind."""

        async def run(payload: Any, context: Context) -> Any:
            return only_result(await self.handler([BatchJob(payload, context)]))

        return run

    def alone_in_thread(self) -> Callable[[Any, Context], Any]:
        """The same for a plain batch handler."""

        def run(payload: Any, context: Context) -> Any:
            return only_result(self.handler([BatchJob(payload, context)]))

        return run


def only_result(results: Sequence[Result]) -> JsonValue:
    """The result of a batch of one.

    Raises:
        Exception: the one that the handler has returned for it.
        PermanentError: it has returned another number of results.
    """
    [result] = results_of(results, 1)
    if isinstance(result, Exception):
        raise result
    return result


def results_of(results: Any, jobs: int) -> Sequence[Result]:
    """What a batch handler has returned, one for each of *jobs*.

    Raises:
        PermanentError: it is no sequence of this length: the handler is wrong, and no
            further attempt helps.
    """
    if isinstance(results, Sequence) and not isinstance(results, str | bytes):
        found: Sequence[Result] = results
        if len(found) == jobs:
            return found
    what = f"{len(results)} results" if isinstance(results, list | tuple) else repr(results)[:80]
    raise PermanentError(
        f"a batch handler returns a list with a result or an exception for each of its {jobs} "
        f"jobs, in their order; got {what}"
    )
