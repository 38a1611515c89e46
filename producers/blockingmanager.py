"""Managing a queue from code without an event loop."""

from collections.abc import Callable, Collection, Generator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Self

from anyio.from_thread import BlockingPortal, start_blocking_portal

from producers.manager import (
    MINUTES_DEFAULT,
    RETRIES_MAX,
    Level,
    QueueManager,
    QueueStatistics,
    RetryReport,
)
from streams.clear import Cleared
from streams.gate import Gate
from streams.letterfilter import LetterFilter
from streams.listed import JobPage
from streams.priority import Priority
from streams.remove import Removal
from streams.reprioritise import Reprioritised
from streams.state import State


class BlockingQueueManager:
    """`QueueManager` for threads: each call waits for its answer, and any thread may call.

    What hears of progress is called in the thread of the event loop behind it.
    """

    def __init__(self, portal: BlockingPortal, manager: QueueManager) -> None:
        self._portal = portal
        self._manager = manager

    @classmethod
    @contextmanager
    def connect(cls, url: str, *, queue: str) -> Generator[Self]:
        """The manager of *queue* on the Redis at *url*; as `QueueManager.connect`."""
        with start_blocking_portal(name="millstream-manager") as portal:
            opened = QueueManager.connect(url, queue=queue)
            with portal.wrap_async_context_manager(opened) as manager:
                yield cls(portal, manager)

    @property
    def queue(self) -> str:
        """The queue that is managed."""
        return self._manager.queue

    def pause(self, *levels: Level, by: str = "", reason: str = "") -> frozenset[Priority]:
        """Let workers take nothing of *levels*; as `QueueManager.pause`."""
        return self._portal.call(partial(self._manager.pause, *levels, by=by, reason=reason))

    def resume(self, *levels: Level) -> frozenset[Priority]:
        """Let workers take jobs of *levels* again; as `QueueManager.resume`."""
        return self._portal.call(self._manager.resume, *levels)

    def drain(self, *, by: str = "", reason: str = "") -> bool:
        """Take no new jobs; as `QueueManager.drain`."""
        return self._portal.call(partial(self._manager.drain, by=by, reason=reason))

    def reopen(self) -> bool:
        """Take new jobs again; as `QueueManager.reopen`."""
        return self._portal.call(self._manager.reopen)

    def gate(self) -> Gate:
        """What is stopped; as `QueueManager.gate`."""
        return self._portal.call(self._manager.gate)

    def wait_until_empty(self, *, timeout: timedelta, with_delayed: bool = True) -> None:
        """Wait until nothing is left; as `QueueManager.wait_until_empty`."""
        wait = self._manager.wait_until_empty
        self._portal.call(partial(wait, timeout=timeout, with_delayed=with_delayed))

    def clear(
        self,
        *levels: Level,
        states: Collection[State] = (State.READY, State.DELAYED),
        progress: Callable[[Cleared], None] | None = None,
    ) -> Cleared:
        """End the jobs of *states* in *levels*; as `QueueManager.clear`."""
        call = partial(self._manager.clear, *levels, states=states, progress=progress)
        return self._portal.call(call)

    def remove(self, job_id: str) -> Removal:
        """Remove a job; as `QueueManager.remove`."""
        return self._portal.call(self._manager.remove, job_id)

    def reprioritise(self, job_id: str, priority: Level) -> Reprioritised:
        """Give a job another level; as `QueueManager.reprioritise`."""
        return self._portal.call(self._manager.reprioritise, job_id, priority)

    def retry_failed(
        self,
        wanted: LetterFilter | None = None,
        *,
        by: str = "",
        limit: int = RETRIES_MAX,
        progress: Callable[[RetryReport], None] | None = None,
    ) -> RetryReport:
        """Make dead jobs run again; as `QueueManager.retry_failed`."""
        retry = self._manager.retry_failed
        return self._portal.call(partial(retry, wanted, by=by, limit=limit, progress=progress))

    def list(
        self, state: State, *, priority: Level | None = None, limit: int = 50, cursor: str = ""
    ) -> JobPage:
        """A page of the jobs in one state; as `QueueManager.list`."""
        listing = self._manager.list
        return self._portal.call(
            partial(listing, state, priority=priority, limit=limit, cursor=cursor)
        )

    def statistics(self, *, minutes: int = MINUTES_DEFAULT) -> QueueStatistics:
        """What the queue holds, and how jobs have run; as `QueueManager.statistics`."""
        return self._portal.call(partial(self._manager.statistics, minutes=minutes))
