"""From a delivery to a submitted outcome: a task a job."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import anyio

from consumers.brakes import Brakes
from consumers.execution import Execution
from consumers.inflight import Inflight, Running, Stop
from consumers.logs import Logger
from consumers.metrics import Metrics
from consumers.roles.settler import Settler
from streams.job import Delivery
from streams.settle import Outcome, Verdict

_OTHER_EVENTS = {
    Verdict.PARKED: "job_parked",
    Verdict.SNOOZED: "job_snoozed",
    Verdict.RELEASED: "job_released",
    Verdict.CANCELLED: "job_cancelled",
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
        inflight: Inflight,
        settler: Settler,
        metrics: Metrics,
        brakes: Brakes,
        starting: Callable[[Delivery], None],
        broken: Callable[[], None],
        log: Logger,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._execution = execution
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
            self._starting(delivery)
            self._brakes.started(delivery)
            running.task = self._loop.create_task(self._run(running))

    async def _run(self, running: Running) -> None:
        delivery = running.delivery
        try:
            outcome = await self._run_and_tell(running)
        except BaseException as error:  # noqa: BLE001 - nobody awaits this task
            self._log.critical("job_task_failed", job_id=delivery.id, exc_info=error)
            self._inflight.handler_ended(running)
            self._inflight.remove(delivery.token)
            self._broken()
            return
        self._inflight.handler_ended(running)
        if outcome is None:
            self._inflight.remove(delivery.token)
        else:
            self._settler.submit(outcome)

    async def _run_and_tell(self, running: Running) -> Outcome | None:
        delivery = running.delivery
        started_s = time.monotonic()
        self._metrics.delivered(delivery, time.time_ns() // 1_000_000)
        self._log.info(
            "job_processing_started",
            job_id=delivery.id,
            kind=delivery.kind,
            attempt=delivery.attempt,
        )
        outcome = self._brakes.ended(delivery, await self._execution.run(running))
        seconds = time.monotonic() - started_s
        self._metrics.ended(delivery, outcome.verdict if outcome else None, seconds)
        self._tell(delivery, outcome, seconds)
        return outcome

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
