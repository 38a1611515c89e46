"""Brings jobs of a batch handler together, runs them in one call, and takes them apart again."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import anyio

from consumers.batch import BatchJob, BatchRule, results_of
from consumers.calling import Called, Value, call_in_loop, call_in_thread
from consumers.ending import Ending, Interrupted, Invalid
from consumers.errors import PermanentError
from consumers.execution import Execution, timeout_s, wall_ms
from consumers.failpoints import failpoint
from consumers.handling import ending_of, raised, returned, validated
from consumers.inflight import Running, Stop
from consumers.places import Places
from consumers.registry import Binding
from producers.payloads.base import Payload

#: Told of each delivery: how it ended, and when its handler was called (Unix milliseconds).
Ended = Callable[[Running, Binding, Ending, int], None]


class _Shared:
    """The scope of a batch, as each of its jobs sees it: cancelled when all of them are.

    A job that is lost or cancelled alone does not take its neighbours with it. Its handler
    can see it in `Context.cancelled`, and what it makes of it is not recorded.
    """

    def __init__(self, jobs: int) -> None:
        self.scope = anyio.CancelScope()
        self._left = jobs

    def cancel(self) -> None:
        """One job more has been ended from outside; each says so once."""
        self._left -= 1
        if self._left == 0:
            self.scope.cancel()


@dataclass(slots=True)
class _Batch:
    """Jobs that will run in one call, and when it began to gather."""

    binding: Binding
    rule: BatchRule
    members: list[tuple[Running, Payload]] = field(default_factory=list[tuple[Running, Payload]])
    timer: asyncio.TimerHandle | None = None


class Batches:
    """Gathers deliveries until a batch is full or its first job has waited for long enough.

    Nor does any wait while *is_full* says that every slot is taken: no more can come then.
    *ended* is called once for each delivery, when its end is known; *broken* when a batch
    fails by an error that is not its handler's.
    """

    def __init__(
        self,
        execution: Execution,
        places: Places,
        is_full: Callable[[], bool],
        ended: Ended,
        broken: Callable[[BaseException], None],
    ) -> None:
        self._execution = execution
        self._places = places
        self._is_full = is_full
        self._ended = ended
        self._broken = broken
        self._loop = asyncio.get_running_loop()
        self._gathering: dict[tuple[str, object], _Batch] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, running: Running, binding: Binding, rule: BatchRule) -> None:
        """Take one delivery; its handler is called soon."""
        payload = validated(binding, running.delivery.payload)
        if isinstance(payload, Invalid):
            self._ended(running, binding, payload, wall_ms())
            return
        try:
            key = (running.delivery.kind, rule.key_of(payload))
            batch = self._gathering.get(key)
        except Exception as error:  # noqa: BLE001 - the key is the handler's own code
            self._ended(running, binding, raised(error, binding), wall_ms())
            return
        if batch is None:
            batch = self._gathering[key] = _Batch(binding, rule)
            batch.timer = self._loop.call_later(rule.wait.total_seconds(), self._start, key)
        batch.members.append((running, payload))
        if len(batch.members) >= rule.size:
            self._start(key)
        if self._gathering and self._is_full():
            for each in list(self._gathering):
                self._start(each)

    def _start(self, key: tuple[str, object]) -> None:
        batch = self._gathering.pop(key)
        if batch.timer is not None:
            batch.timer.cancel()
        task = self._loop.create_task(self._run(batch))
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._broken(error)

    async def _run(self, batch: _Batch) -> None:
        started_ms = wall_ms()
        wanted = [each for each in batch.members if each[0].stop is None]
        for running, _ in batch.members:
            if running.stop is not None:
                self._ended(running, batch.binding, Interrupted(), started_ms)
        if not wanted:
            return
        shared = _Shared(len(wanted))
        timeouts = [timeout_s(each.delivery, batch.binding) for each, _ in wanted]
        deadline_s = time.monotonic() + min(timeouts)
        jobs: list[BatchJob[Payload]] = []
        for running, payload in wanted:
            running.share = shared
            running.renew_until_s = deadline_s
            context = self._execution.context(running, batch.binding, deadline_s)
            jobs.append(BatchJob(payload, context))
        failpoint("before_handler")
        called = await self._call(batch, jobs, deadline_s, shared.scope)
        failpoint("after_handler")
        for (running, _), ending in zip(wanted, _endings(called, batch, len(jobs)), strict=True):
            is_unwanted = running.stop in {Stop.LOST, Stop.CANCELLED}
            self._ended(
                running, batch.binding, Interrupted() if is_unwanted else ending, started_ms
            )

    async def _call(
        self,
        batch: _Batch,
        jobs: list[BatchJob[Payload]],
        deadline_s: float,
        scope: anyio.CancelScope,
    ) -> Called:
        places, handler = self._places, batch.rule.handler
        if batch.binding.is_async:
            return await call_in_loop(lambda: handler(jobs), deadline_s, scope, places.deadlines)
        return await call_in_thread(lambda: handler(jobs), deadline_s, scope, places.threads)


def _endings(called: Called, batch: _Batch, jobs: int) -> list[Ending]:
    """One for each job: what the handler has returned for it, or what became of the call."""
    if not isinstance(called, Value):
        return [ending_of(called, batch.binding)] * jobs
    try:
        results = results_of(called.value, jobs)
    except PermanentError as error:
        return [raised(error, batch.binding)] * jobs
    return [
        raised(each, batch.binding)
        if isinstance(each, Exception)
        else returned(each, batch.binding)
        for each in results
    ]
