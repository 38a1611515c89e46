"""One run of one job: validate, run with a deadline, decide the outcome."""

import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

import anyio
import orjson
from pydantic import ValidationError

from consumers.attempt import Attempt, Failure
from consumers.errors import PermanentError
from consumers.handler import Context
from consumers.inflight import Running, Stop
from consumers.redaction import redacted
from consumers.registry import Binding, Registry
from consumers.retry import GiveUp, RetryPolicy, decide
from producers.payloads.base import Payload
from streams.job import Delivery
from streams.settle import RESULT_BYTES_MAX, Outcome, Verdict

#: A job that this worker cannot run waits so long for one that can.
PARKED_MS = 30_000


@dataclass(frozen=True, slots=True)
class Identity:
    """Who runs: stands in every row of a history."""

    consumer: str
    host: str
    version: str


class Execution:
    """Runs deliveries of one worker, each to its outcome."""

    def __init__(
        self,
        registry: Registry,
        identity: Identity,
        queue: str,
        policy: RetryPolicy,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._registry = registry
        self._identity = identity
        self._queue = queue
        self._policy = policy
        self._chance = chance

    async def run(self, running: Running) -> Outcome | None:
        """Run one delivery; None where its lease was lost, so that nothing is recorded.

        Never raises for what a job or its handler does.
        """
        delivery = running.delivery
        started_ms = _wall_ms()
        if delivery.flaw:
            return self._dead(
                delivery,
                started_ms,
                "malformed entry",
                Failure.said("MalformedEntry", delivery.flaw),
            )
        binding = self._registry.find(delivery.kind)
        if binding is None:
            return self._parked(delivery)
        try:
            payload = binding.payload_type.model_validate_json(delivery.payload)
        except ValidationError as error:
            failure = Failure.said("InvalidPayload", _explained(error))
            return self._dead(delivery, started_ms, "invalid payload", failure)
        except Exception as error:  # noqa: BLE001 - a model's own validator may raise anything
            return self._dead(delivery, started_ms, "invalid payload", Failure.of(error))
        return await self._run_handler(running, binding, payload, started_ms)

    async def _run_handler(
        self, running: Running, binding: Binding, payload: Payload, started_ms: int
    ) -> Outcome | None:
        delivery = running.delivery
        timeout_s = (
            delivery.timeout_ms / 1000 if delivery.timeout_ms else binding.timeout.total_seconds()
        )
        result = b""
        failed: BaseException | None = None
        deadline = anyio.move_on_after(timeout_s)
        running.renew_until_s = time.monotonic() + timeout_s
        with running.scope, deadline:
            try:
                value = await binding.handler(payload, self._context(delivery))
                result = _packed(value)
            except BaseException as error:
                if _is_from_outside(error):
                    raise
                failed = error
        # A handler may turn its cancellation into an error of its own: that is no failure.
        if running.stop is not None and (running.scope.cancelled_caught or failed is not None):
            return self._stopped(delivery, started_ms, running.stop)
        if deadline.cancelled_caught:
            failed = TimeoutError(
                f"the handler of '{delivery.kind}' took longer than {timeout_s:g} s"
            )
        if failed is not None:
            return self._failed(delivery, started_ms, failed)
        return Outcome(
            delivery,
            Verdict.COMPLETED,
            detail=result,
            attempt=self._attempt(delivery, started_ms, Verdict.COMPLETED.value),
        )

    def _context(self, delivery: Delivery) -> Context:
        return Context(
            job_id=delivery.id,
            kind=delivery.kind,
            queue=self._queue,
            attempt=delivery.attempt,
            attempts_max=delivery.attempts_max,
            fence=delivery.fence,
            enqueued_ms=delivery.enqueued_ms,
            meta=delivery.meta,
        )

    def _failed(self, delivery: Delivery, started_ms: int, error: BaseException) -> Outcome:
        failure = Failure.of(error)
        decision = decide(
            error, delivery.attempt, delivery.attempts_max, self._policy, self._chance()
        )
        if isinstance(decision, GiveUp):
            return self._dead(delivery, started_ms, decision.cause, failure)
        return Outcome(
            delivery,
            Verdict.RETRY,
            attempt=self._attempt(delivery, started_ms, _how_failed(failure), failure),
            error=f"{failure.error}: {failure.message}",
            delay_ms=round(decision.after.total_seconds() * 1000),
        )

    def _dead(self, delivery: Delivery, started_ms: int, cause: str, failure: Failure) -> Outcome:
        return Outcome(
            delivery,
            Verdict.DEAD,
            detail=cause,
            attempt=self._attempt(delivery, started_ms, _how_failed(failure), failure),
            error=f"{failure.error}: {failure.message}",
        )

    def _parked(self, delivery: Delivery) -> Outcome:
        known = ", ".join(self._registry) or "none"
        return Outcome(
            delivery,
            Verdict.PARKED,
            detail=f"no worker that has seen it knows the kind '{delivery.kind}' (known: {known})",
            delay_ms=PARKED_MS,
        )

    def _stopped(self, delivery: Delivery, started_ms: int, reason: Stop) -> Outcome | None:
        if reason is Stop.LOST:
            return None
        verdict = Verdict.CANCELLED if reason is Stop.CANCELLED else Verdict.RELEASED
        return Outcome(
            delivery, verdict, attempt=self._attempt(delivery, started_ms, verdict.value)
        )

    def _attempt(
        self, delivery: Delivery, started_ms: int, outcome: str, failure: Failure | None = None
    ) -> bytes:
        return Attempt(
            attempt=delivery.attempt,
            consumer=self._identity.consumer,
            host=self._identity.host,
            version=self._identity.version,
            started_ms=started_ms,
            ended_ms=_wall_ms(),
            outcome=outcome,
            failure=failure,
        ).to_json()


def _how_failed(failure: Failure) -> str:
    return "timeout" if failure.error == TimeoutError.__name__ else "error"


def _is_from_outside(error: BaseException) -> bool:
    """True for what is not the handler's own doing: its cancellation, or the program's end.

    A handler that calls `sys.exit`, or waits for something that was cancelled elsewhere,
    has failed like any other; its neighbours go on.
    """
    if isinstance(error, anyio.get_cancelled_exc_class()):
        return anyio.current_effective_deadline() == -math.inf
    return isinstance(error, KeyboardInterrupt | GeneratorExit)


def _packed(value: object) -> bytes:
    """A handler's result as JSON.

    Raises:
        PermanentError: it is no JSON value, or too large; another attempt would be too.
    """
    try:
        packed = orjson.dumps(value)
    except TypeError as error:
        raise PermanentError(f"the handler returned what JSON cannot hold: {error}") from error
    if len(packed) > RESULT_BYTES_MAX:
        raise PermanentError(
            f"a result may have {RESULT_BYTES_MAX} bytes, got {len(packed)}: store it and "
            "return its name"
        )
    return packed


def _explained(error: ValidationError) -> str:
    """Every flaw of a payload in one line: the field, what is wrong, what it got."""
    return "; ".join(
        f"{'.'.join(str(part) for part in each['loc']) or 'payload'}: {each['msg']}"
        + (f", got {redacted(repr(each['input'])):.80}" if each["loc"] else "")
        for each in error.errors(include_url=False)
    )


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000
