"""From a delivery to a submitted outcome: a task a job."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import anyio

from consumers.batches import Batches
from consumers.brakes import Brakes
from consumers.ending import Ending
from consumers.execution import Execution, wall_ms
from consumers.inflight import Inflight, Running, Stop
from consumers.logs import Logger
from consumers.metrics import Metrics
from consumers.places import Places
from consumers.registry import Binding
from consumers.roles.settler import Settler
from streams.job import Delivery
from streams.settle import Outcome, Verdict

_OTHER_EVENTS = {
    Verdict.PARKED: "job_parked",
    Verdict.SNOOZED: "job_snoozed",
    Verdict.RELEASED: "job_released",
    Verdict.CANCELLED: "job_cancelled",
    Verdict.EXPIRED: "job_expired",
}


class Pool:
    """Starts deliveries as tasks.

    Plain tasks of the loop, because one of a task group costs as much as a whole quick job
    (measured: 31 us against 4). Each has a cancel scope in its `Running`, and ends by that.

    *starting* is called with each delivery before its handler can do anything, and *broken*
    when a task fails by an error of its own: the worker cannot go on then.
    """

    def __init__(
        self,
        execution: Execution,
        places: Places,
        inflight: Inflight,
        settler: Settler,
        metrics: Metrics,
        brakes: Brakes,
        starting: Callable[[Running], None],
        broken: Callable[[], None],
        log: Logger,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._execution = execution
        self._batches = Batches(
            execution, places, inflight.is_full, self._batch_ended, self._failed
        )
        self._inflight = inflight
        self._settler = settler
        self._metrics = metrics
        self._brakes = brakes
        self._starting = starting
        self._broken = broken
        self._log = log

    @asynccontextmanager
    async def closing(self) -> AsyncGenerator["Pool"]:
        """At the end of the block no handler runs any more: those that do are ended."""
        try:
            yield self
        finally:
            with anyio.CancelScope(shield=True):
                self._inflight.end_all(Stop.SHUTDOWN)
                await self._inflight.wait_until_no_handler_runs()

    def start(self, delivery: Delivery) -> None:
        """Take a slot and run *delivery*.

        A token that is in hand already is a failover's echo of the same delivery: it is
        ignored, because its handler runs.
        """
        if delivery.token not in self._inflight:
            running = self._inflight.add(delivery)
            self._starting(running)
            self._brakes.started(delivery)
            self._metrics.delivered(delivery, wall_ms())
            self._log.info(
                "job_processing_started",
                job_id=delivery.id,
                kind=delivery.kind,
                attempt=delivery.attempt,
            )
            binding = self._execution.binding_of_batch(delivery)
            if binding is not None and binding.batch is not None:
                self._batches.add(running, binding, binding.batch)
            else:
                running.task = self._loop.create_task(self._run(running))

    async def _run(self, running: Running) -> None:
        started_s = time.monotonic()
        try:
            outcome = await self._execution.run(running)
            self._finish(running, outcome, time.monotonic() - started_s)
        except BaseException as error:  # noqa: BLE001 - nobody awaits this task
            self._inflight.handler_ended(running)
            self._inflight.remove(running.delivery.token)
            self._failed(error)

    def _batch_ended(
        self, running: Running, binding: Binding, ending: Ending, started_ms: int
    ) -> None:
        outcome = self._execution.outcome(running, binding, started_ms, ending)
        self._finish(running, outcome, (wall_ms() - started_ms) / 1000)

    def _finish(self, running: Running, outcome: Outcome | None, seconds: float) -> None:
        """The handler has ended: its slot is free, and what came of it goes to the record."""
        delivery = running.delivery
        outcome = self._brakes.ended(delivery, outcome)
        self._metrics.ended(delivery, outcome.verdict if outcome else None, seconds)
        self._tell(delivery, outcome, seconds)
        self._inflight.handler_ended(running)
        if outcome is None:
            self._inflight.remove(delivery.token)
        else:
            self._settler.submit(outcome)

    def _failed(self, error: BaseException) -> None:
        self._log.critical("job_task_failed", error=repr(error), exc_info=error)
        self._broken()

    def _tell(self, delivery: Delivery, outcome: Outcome | None, seconds: float) -> None:
        duration_ms = round(seconds * 1000, 1)
        if outcome is not None and outcome.verdict is Verdict.COMPLETED:
            self._log.info(
                "job_completed",
                job_id=delivery.id,
                kind=delivery.kind,
                duration_ms=duration_ms,
            )
            return
        log = self._log.bind(job_id=delivery.id, kind=delivery.kind, duration_ms=duration_ms)
        if outcome is None:
            log.warning("job_lost", consumer=delivery.token.consumer)
        elif outcome.verdict is Verdict.RETRY:
            log.warning(
                "job_retry_scheduled",
                attempt=delivery.attempt,
                delay_ms=outcome.delay_ms,
                error=outcome.error,
            )
        elif outcome.verdict is Verdict.CRASHED:
            log.error(
                "job_crashed",
                cause=outcome.detail,
                losses=delivery.losses,
                delay_ms=outcome.delay_ms,
            )
        elif outcome.verdict is Verdict.DEAD:
            log.error(
                "job_failed", attempt=delivery.attempt, cause=outcome.detail, error=outcome.error
            )
        else:
            log.info(_OTHER_EVENTS[outcome.verdict], reason=outcome.detail)
