"""What slows a worker down when its jobs fail: the retry budget and the circuit breaker.

Both belong to one worker. A fleet of ten has ten times the budget, and each finds out by
itself that nothing works where it is.
"""

import random
import time
from collections.abc import Callable

import anyio

from consumers.brakerules import BrakeRules
from consumers.breaker import Breaker, Circuit
from consumers.budget import RetryBudget
from consumers.health import Health
from consumers.inflight import Inflight
from consumers.logs import Logger
from consumers.metrics import Metrics
from consumers.retry import USED_UP
from streams.job import Delivery, Token
from streams.settle import Outcome, Verdict

#: Between two words about an exceeded budget.
TELL_S = 10.0
#: Looked at so often while the circuit is closed; an opening is told at once.
IDLE_S = 60.0
#: How many further jobs may be taken.
_QUOTA = {Circuit.CLOSED: None, Circuit.OPEN: 0, Circuit.HALF_OPEN: 1}


class Brakes:
    """Hears of each start and each end, pushes retries out, and limits what is taken."""

    def __init__(
        self,
        rules: BrakeRules,
        inflight: Inflight,
        health: Health,
        metrics: Metrics,
        log: Logger,
        *,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._breaker = Breaker(rules.breaker) if rules.breaker else None
        self._budget = RetryBudget(rules.budget, clock()) if rules.budget else None
        self._inflight = inflight
        self._health = health
        self._metrics = metrics
        self._log = log
        self._clock = clock
        self._chance = chance
        self._probes: set[Token] = set()
        self._pushed = 0
        self._told_s: float | None = None
        self._changed = anyio.Event()

    def started(self, delivery: Delivery) -> None:
        """A run begins."""
        breaker = self._breaker
        if breaker is None or breaker.state is Circuit.CLOSED:
            return
        if breaker.look(self._clock()) is Circuit.HALF_OPEN:
            self._probes.add(delivery.token)

    def ended(self, delivery: Delivery, outcome: Outcome | None) -> Outcome | None:
        """A run has ended; returns what to record, a retry perhaps with a longer wait."""
        now_s = self._clock()
        probe = delivery.token in self._probes
        self._probes.discard(delivery.token)
        failed = _has_failed(outcome)
        if self._breaker and failed is not None:
            before = self._breaker.state
            after = self._breaker.ended(now_s, failed=failed, probe=probe)
            if (before is Circuit.CLOSED) != (after is Circuit.CLOSED):
                self._turned(self._breaker, now_s)
                self._limit(after)
            elif probe and failed:
                self._log.warning("circuit_still_open", cool_down_s=self._breaker.cool_down_s)
        if self._breaker and probe:
            self._limit(self._breaker.state)
        if outcome is None:
            return None
        return self._within_budget(outcome, now_s)

    async def run(self, stopping: anyio.Event) -> None:
        """Let a probe through whenever a cool-down is over, until *stopping*.

        One more where the last has not ended for as long: it may be a job of hours.
        """
        if self._breaker is None:
            return
        while not stopping.is_set():
            self._changed = anyio.Event()
            now_s = self._clock()
            state = self._breaker.look(now_s)
            wait_s = IDLE_S
            if state is Circuit.OPEN:
                wait_s = self._breaker.wait_s(now_s)
            elif state is Circuit.HALF_OPEN:
                self._inflight.allow(1)
                wait_s = self._breaker.cool_down_s
            with anyio.move_on_after(wait_s):
                await _first_of(stopping, self._changed)

    def _within_budget(self, outcome: Outcome, now_s: float) -> Outcome:
        if self._budget is None:
            return outcome
        if outcome.verdict is Verdict.COMPLETED:
            self._budget.completed(now_s)
        if outcome.verdict is not Verdict.RETRY:
            return outcome
        push = self._budget.retry(now_s, self._chance())
        if not push:
            return outcome
        self._pushed += 1
        self._metrics.retry_pushed(push.total_seconds())
        if self._told_s is None or now_s - self._told_s >= TELL_S:
            self._told_s = now_s
            self._log.warning(
                "retry_budget_exceeded",
                pushed=self._pushed,
                waiting=round(self._budget.debt),
                longer_by_ms=round(push.total_seconds() * 1000),
                hint="more jobs fail than may be tried again at once: their retries wait longer",
            )
            self._pushed = 0
        return outcome._replace(delay_ms=outcome.delay_ms + round(push.total_seconds() * 1000))

    def _turned(self, breaker: Breaker, now_s: float) -> None:
        """The circuit has opened, or closed again."""
        state = breaker.state
        self._metrics.circuit_turned(is_open=state is not Circuit.CLOSED)
        if state is Circuit.CLOSED:
            self._health.note("circuit", "")
            self._log.info("circuit_closed")
            return
        runs, failures = breaker.counted(now_s)
        words = f"circuit open: {failures} of the last {runs} runs have failed"
        self._health.note("circuit", words)
        self._log.error(
            "circuit_opened",
            runs=runs,
            failures=failures,
            cool_down_s=breaker.cool_down_s,
            hint="almost every job fails: none is taken but one now and then, until some "
            "succeed; those that wait are charged nothing",
        )

    def _limit(self, state: Circuit) -> None:
        """Tell how many further jobs may be taken in *state*."""
        self._inflight.allow(_QUOTA[state])
        self._changed.set()


def _has_failed(outcome: Outcome | None) -> bool | None:
    """Whether a run failed of what a retry may cure; None where its end says nothing of that."""
    if outcome is None:
        return None
    if outcome.verdict is Verdict.COMPLETED:
        return False
    used_up = outcome.verdict is Verdict.DEAD and outcome.detail == USED_UP
    return True if used_up or outcome.verdict is Verdict.RETRY else None


async def _first_of(one: anyio.Event, other: anyio.Event) -> None:
    """Wait until either is set."""
    async with anyio.create_task_group() as tasks:

        async def wait(event: anyio.Event) -> None:
            await event.wait()
            tasks.cancel_scope.cancel()

        tasks.start_soon(wait, one)
        tasks.start_soon(wait, other)
