"""From a delivery to a submitted outcome: a task a job."""

import time
from collections.abc import Callable

from anyio.abc import TaskGroup

from consumers.brakes import Brakes
from consumers.execution import Execution
from consumers.inflight import Inflight, Running
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
    """Starts deliveries as tasks of the worker's task group.

    *starting* is called with each of them before its handler can do anything.
    """

    def __init__(
        self,
        tasks: TaskGroup,
        execution: Execution,
        inflight: Inflight,
        settler: Settler,
        metrics: Metrics,
        brakes: Brakes,
        starting: Callable[[Delivery], None],
        log: Logger,
    ) -> None:
        self._tasks = tasks
        self._execution = execution
        self._inflight = inflight
        self._settler = settler
        self._metrics = metrics
        self._brakes = brakes
        self._starting = starting
        self._log = log

    def start(self, delivery: Delivery) -> None:
        """Take a slot and run *delivery*.

        A token that is in hand already is a failover's echo of the same delivery: it is
        ignored, because its handler runs.
        """
        if delivery.token not in self._inflight:
            running = self._inflight.add(delivery)
            self._starting(delivery)
            self._brakes.started(delivery)
            self._tasks.start_soon(self._run, running)

    async def _run(self, running: Running) -> None:
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
        self._inflight.handler_ended(running)
        self._tell(delivery, outcome, seconds)
        if outcome is None:
            self._inflight.remove(delivery.token)
        else:
            self._settler.submit(outcome)

    def _tell(self, delivery: Delivery, outcome: Outcome | None, seconds: float) -> None:
        log = self._log.bind(
            job_id=delivery.id, kind=delivery.kind, duration_ms=round(seconds * 1000, 1)
        )
        if outcome is None:
            log.warning("job_lost", consumer=delivery.token.consumer)
        elif outcome.verdict is Verdict.COMPLETED:
            log.info("job_completed")
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
