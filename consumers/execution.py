"""One run of one job: look at it, run it in its place, decide the outcome."""

import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from consumers.attempt import AttemptRows, Failure
from consumers.ending import (
    Crashed,
    Ending,
    Interrupted,
    Invalid,
    Raised,
    Returned,
    TimedOut,
    Unstarted,
)
from consumers.failpoints import failpoint
from consumers.handler import Context
from consumers.handling import handle
from consumers.inflight import Running, Stop
from consumers.places import Places
from consumers.redaction import redacted
from consumers.registry import Binding, Registry, Runs
from consumers.retry import GiveUp, PutOff, RetryPolicy, decide
from streams.clock import ServerClock
from streams.job import ATTEMPTS_DEFAULT, Delivery
from streams.settle import Outcome, Verdict

#: A job that this worker cannot run waits so long for one that can.
PARKED_MS = 30_000
#: What is kept of the reason for which a handler puts its job off.
REASON_CHARS_MAX = 500


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
        places: Places,
        chance: Callable[[], float] = random.random,
        clock: ServerClock | None = None,
    ) -> None:
        self._registry = registry
        self._rows = AttemptRows(identity.consumer, identity.host, identity.version)
        self._queue = queue
        self._policy = policy
        self._places = places
        self._chance = chance
        self._clock = clock or ServerClock()

    def binding_of_batch(self, delivery: Delivery) -> Binding | None:
        """The binding of a delivery that may run in one call with others, else None."""
        binding = self._registry.find(delivery.kind)
        if binding is None or binding.batch is None or delivery.flaw or delivery.suspect:
            return None
        if delivery.is_expired(self._clock.now_ms()):
            return None
        return None if _is_newer(delivery, binding) else binding

    async def run(self, running: Running) -> Outcome | None:
        """Run one delivery; None where its lease was lost, so that nothing is recorded.

        Never raises for what a job or its handler does.
        """
        delivery = running.delivery
        started_ms = wall_ms()
        if delivery.flaw:
            failure = Failure.said("MalformedEntry", delivery.flaw)
            return self._dead(delivery, started_ms, "malformed entry", failure)
        if delivery.is_expired(self._clock.now_ms()):
            return self._expired(delivery, started_ms)
        binding = self._registry.find(delivery.kind)
        if binding is None or _is_newer(delivery, binding):
            return self._parked(delivery, self._why_unfit(delivery, binding))
        if delivery.suspect and not running.has_solo:
            # Another one runs alone here. Handed back it is claimed by who has that place free.
            return self._stopped(delivery, started_ms, Stop.SHUTDOWN)
        failpoint("before_handler")
        ending = await self._in_its_place(running, binding)
        failpoint("after_handler")
        return self.outcome(running, binding, started_ms, ending)

    async def _in_its_place(self, running: Running, binding: Binding) -> Ending:
        delivery, places = running.delivery, self._places
        limit_s = timeout_s(delivery, binding)
        if places.children and (delivery.suspect or binding.runs is Runs.CHILD):
            return await places.children.run(running, self.context(running, binding), limit_s)
        if binding.runs is Runs.CHILD:
            return Unstarted(f"this worker has no child processes, and '{delivery.kind}' needs one")
        if delivery.suspect:
            with running.waiting():
                await places.alone(running)
            if running.stop is not None:
                return Interrupted()
        deadline_s = time.monotonic() + limit_s
        running.renew_until_s = deadline_s
        context = self.context(running, binding, deadline_s)
        return await handle(
            binding, delivery.payload, context, running.scope, places.threads, places.deadlines
        )

    def outcome(  # noqa: PLR0911 - one for each way to end
        self, running: Running, binding: Binding, started_ms: int, ending: Ending
    ) -> Outcome | None:
        """What to record of a run that ended so; None where its lease was lost."""
        delivery = running.delivery
        match ending:
            case Returned(result):
                attempt = self._attempt(delivery, started_ms, Verdict.COMPLETED.value)
                ran_ms = _ran_ms(started_ms)
                return Outcome(delivery, Verdict.COMPLETED, result, attempt, ran_ms=ran_ms)
            case Interrupted():
                return self._stopped(delivery, started_ms, running.stop or Stop.SHUTDOWN)
            case Invalid(failure):
                # What is wrong quotes the payload: it belongs into the letter, not into logs.
                dead = self._dead(delivery, started_ms, "invalid payload", failure)
                return dead._replace(error=f"{failure.error}: its dead letter says what is wrong")
            case Crashed(cause, output):
                return self._crashed(delivery, binding, started_ms, cause, output)
            case Unstarted(reason):
                return self._parked(delivery, reason)
            case Raised(failure, error):
                return self._failed(delivery, binding, started_ms, error, failure)
            case TimedOut():
                late = TimeoutError(
                    f"the handler of '{delivery.kind}' took longer than "
                    f"{timeout_s(delivery, binding):g} s"
                )
                return self._failed(delivery, binding, started_ms, late, Failure.of(late))

    def context(self, running: Running, binding: Binding, deadline_s: float = math.inf) -> Context:
        """What the handler of *running* is given besides its payload."""
        delivery = running.delivery
        return Context(
            job_id=delivery.id,
            kind=delivery.kind,
            queue=self._queue,
            attempt=delivery.attempt,
            attempts_max=attempts_of(delivery, binding),
            fence=delivery.fence,
            enqueued_ms=delivery.enqueued_ms,
            meta=delivery.meta,
            deadline_s=deadline_s,
            link=self._places.link(running),
        )

    def _failed(
        self,
        delivery: Delivery,
        binding: Binding,
        started_ms: int,
        error: BaseException,
        failure: Failure,
    ) -> Outcome:
        decision = decide(
            error,
            delivery.attempt,
            attempts_of(delivery, binding),
            self._policy_of(delivery, binding),
            self._chance(),
            snoozes=delivery.snoozes,
        )
        if isinstance(decision, GiveUp):
            return self._dead(delivery, started_ms, decision.cause, failure)
        if isinstance(decision, PutOff):
            return self._put_off(delivery, started_ms, decision)
        return Outcome(
            delivery,
            Verdict.RETRY,
            attempt=self._attempt(delivery, started_ms, _how_failed(failure), failure),
            ran_ms=_ran_ms(started_ms),
            error=f"{failure.error}: {failure.message}",
            delay_ms=round(decision.after.total_seconds() * 1000),
        )

    def _policy_of(self, delivery: Delivery, binding: Binding) -> RetryPolicy:
        """The job's own, its kind's, or the worker's."""
        if delivery.backoff is not None:
            return RetryPolicy.of(delivery.backoff)
        return binding.retry or self._policy

    def _put_off(self, delivery: Delivery, started_ms: int, decision: PutOff) -> Outcome:
        return Outcome(
            delivery,
            Verdict.SNOOZED,
            detail=redacted(decision.reason)[:REASON_CHARS_MAX],
            attempt=self._attempt(delivery, started_ms, Verdict.SNOOZED.value),
            delay_ms=round(decision.after.total_seconds() * 1000),
        )

    def _crashed(
        self, delivery: Delivery, binding: Binding, started_ms: int, cause: str, output: str
    ) -> Outcome:
        failure = Failure.said("Crashed", f"the child process that ran it: {cause}", output)
        policy = self._policy_of(delivery, binding)
        delay = policy.delay(delivery.losses + 1, self._chance())
        return Outcome(
            delivery,
            Verdict.CRASHED,
            detail=cause,
            attempt=self._attempt(delivery, started_ms, Verdict.CRASHED.value, failure),
            ran_ms=_ran_ms(started_ms),
            error=f"{failure.error}: {failure.message}",
            delay_ms=round(delay.total_seconds() * 1000),
        )

    def _dead(self, delivery: Delivery, started_ms: int, cause: str, failure: Failure) -> Outcome:
        return Outcome(
            delivery,
            Verdict.DEAD,
            detail=cause,
            attempt=self._attempt(delivery, started_ms, _how_failed(failure), failure),
            ran_ms=_ran_ms(started_ms),
            error=f"{failure.error}: {failure.message}",
        )

    def _expired(self, delivery: Delivery, started_ms: int) -> Outcome:
        attempt = self._attempt(delivery, started_ms, Verdict.EXPIRED.value)
        return Outcome(delivery, Verdict.EXPIRED, attempt=attempt)

    def _parked(self, delivery: Delivery, reason: str) -> Outcome:
        return Outcome(delivery, Verdict.PARKED, detail=reason, delay_ms=PARKED_MS)

    def _why_unfit(self, delivery: Delivery, binding: Binding | None) -> str:
        if binding is None:
            known = ", ".join(self._registry) or "none"
            return f"no worker that has seen it knows the kind '{delivery.kind}' (known: {known})"
        return (
            f"its payload is version {delivery.schema_version} of '{delivery.kind}', and no worker "
            f"that has seen it knows one above {binding.payload_type.schema_version}"
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
        return self._rows.row(delivery.attempt, outcome, started_ms, wall_ms(), failure)


def timeout_s(delivery: Delivery, binding: Binding) -> float:
    """What one attempt may take: the job's own limit, or its kind's."""
    return delivery.timeout_ms / 1000 if delivery.timeout_ms else binding.timeout.total_seconds()


def attempts_of(delivery: Delivery, binding: Binding) -> int:
    """How often the job may run: its own word, its kind's, or the default.

    A job that asks for just the default has not said so: that is not written into entries.
    """
    asked = delivery.attempts_max
    return asked if binding.attempts is None or asked != ATTEMPTS_DEFAULT else binding.attempts


def _is_newer(delivery: Delivery, binding: Binding) -> bool:
    return binding.payload_type.schema_version < delivery.schema_version


def _how_failed(failure: Failure) -> str:
    return "timeout" if failure.error == TimeoutError.__name__ else "error"


def _ran_ms(started_ms: int) -> int:
    # The wall clock may have been put back meanwhile.
    return max(0, wall_ms() - started_ms)


def wall_ms() -> int:
    """Now, in Unix milliseconds: for the record, never for a decision."""
    return time.time_ns() // 1_000_000
