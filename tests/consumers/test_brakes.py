"""The brakes of a worker: what is pushed out, what is taken, and what is said."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import anyio
import orjson
import pytest
from prometheus_client import CollectorRegistry

from consumers.brakerules import BrakeRules
from consumers.brakes import TELL_S, Brakes
from consumers.breaker import BreakerRules
from consumers.budget import BudgetRules
from consumers.health import Health
from consumers.inflight import Inflight
from consumers.logs import open_logger
from consumers.metrics import Metrics
from streams.job import Delivery
from streams.settle import Outcome, Verdict
from tests.consumers.support.deliveries import delivery
from tests.support.waiting import wait_until

BREAKER = BreakerRules(runs_min=4, cool_down_s=5, cool_down_max_s=20, probes=2)
BUDGET = BudgetRules(per_s=10, burst=2)


@dataclass
class Bench:
    """Brakes with a clock that stands, on a worker with four slots that runs nothing."""

    breaker: BreakerRules | None = None
    budget: BudgetRules | None = None
    now_s: float = 100.0
    inflight: Inflight = field(default_factory=lambda: Inflight(4))
    health: Health = field(default_factory=Health)

    def __post_init__(self) -> None:
        metrics = Metrics("work", frozenset({"test.note"}), 4)
        self.registry: CollectorRegistry = metrics.registry
        self.brakes = Brakes(
            BrakeRules(self.breaker, self.budget),
            self.inflight,
            self.health,
            metrics,
            open_logger("debug"),
            clock=lambda: self.now_s,
            chance=lambda: 0.5,
        )

    def start(self) -> Delivery:
        """A job is taken."""
        taken = delivery()
        self.inflight.add(taken)
        self.brakes.started(taken)
        return taken

    def end(
        self, taken: Delivery, verdict: Verdict | None, detail: str = "", delay_ms: int = 0
    ) -> Outcome | None:
        """Its run ends."""
        outcome = Outcome(taken, verdict, detail, b"", delay_ms) if verdict else None
        self.inflight.remove(taken.token)
        return self.brakes.ended(taken, outcome)

    def run(self, verdict: Verdict | None, detail: str = "", delay_ms: int = 0) -> Outcome | None:
        """A job is taken and ends."""
        return self.end(self.start(), verdict, detail, delay_ms)

    def value(self, name: str) -> float | None:
        """A metric."""
        return self.registry.get_sample_value(f"millstream_{name}", {"queue": "work"})


def said(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """What was logged."""
    return [orjson.loads(line) for line in capsys.readouterr().out.splitlines()]


def opened() -> Bench:
    """A bench whose circuit has opened."""
    bench = Bench(BREAKER)
    for _ in range(4):
        bench.run(Verdict.RETRY)
    return bench


async def test_a_retry_beyond_the_budget_waits_longer_and_everything_else_as_it_is() -> None:
    bench = Bench(budget=BUDGET)

    found = [bench.run(Verdict.RETRY, delay_ms=2_000) for _ in range(4)]

    assert [each.delay_ms for each in found if each] == [2_000, 2_000, 2_100, 2_200]
    assert bench.value("retries_pushed_total") == 2
    assert bench.value("retry_push_seconds_total") == pytest.approx(0.3)
    for verdict in set(Verdict) - {Verdict.RETRY}:
        other = bench.run(verdict, "x", delay_ms=7)
        assert other is not None
        assert (other.delay_ms, other.detail) == (7, "x")
    assert bench.run(None) is None


async def test_an_exceeded_budget_is_told_of_now_and_then(
    capsys: pytest.CaptureFixture[str],
) -> None:
    bench = Bench(budget=BUDGET)

    for _ in range(5):
        bench.run(Verdict.RETRY)
    bench.now_s += TELL_S
    for _ in range(150):
        bench.run(Verdict.RETRY)

    first, second = said(capsys)
    assert first["event"] == second["event"] == "retry_budget_exceeded"
    assert (first["pushed"], first["waiting"], first["longer_by_ms"]) == (1, 1, 100)
    assert second["pushed"] == 3


async def test_without_rules_nothing_is_braked() -> None:
    bench = Bench()

    for _ in range(1000):
        outcome = bench.run(Verdict.RETRY, delay_ms=5)
        assert outcome is not None
        assert outcome.delay_ms == 5
    assert bench.inflight.free == 4


async def test_when_everything_fails_nothing_more_is_taken_and_that_is_said_but_not_red(
    capsys: pytest.CaptureFixture[str],
) -> None:
    bench = opened()
    bench.health.ready("fetcher")

    assert bench.inflight.free == 0
    assert bench.value("circuit_open") == bench.value("circuit_openings_total") == 1
    assert bench.health.why_not_ready == ""
    assert bench.health.notes == "circuit open: 4 of the last 4 runs have failed"
    [line] = said(capsys)
    assert (line["event"], line["runs"], line["failures"]) == ("circuit_opened", 4, 4)


@pytest.mark.parametrize(
    ("verdict", "detail"),
    [
        (Verdict.COMPLETED, ""),
        (Verdict.DEAD, "permanent error"),
        (Verdict.DEAD, "invalid payload"),
        (Verdict.DEAD, "malformed entry"),
        (Verdict.PARKED, "unknown kind"),
        (Verdict.SNOOZED, "too early"),
        (Verdict.RELEASED, ""),
        (Verdict.CANCELLED, ""),
        (Verdict.CRASHED, "killed by SIGSEGV"),
        (None, ""),
    ],
)
async def test_only_what_a_retry_may_cure_opens_the_circuit(
    verdict: Verdict | None, detail: str
) -> None:
    bench = Bench(BREAKER)

    for _ in range(100):
        bench.run(verdict, detail)

    assert bench.inflight.free == 4


async def test_the_last_attempt_counts_as_the_others() -> None:
    bench = Bench(BREAKER)

    for _ in range(4):
        bench.run(Verdict.DEAD, "attempts used up")

    assert bench.inflight.free == 0


async def run_until(bench: Bench, check: Callable[[], object], description: str) -> None:
    """Run the role until *check* is true."""
    stopping = anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(bench.brakes.run, stopping)
        await wait_until(check, description)
        stopping.set()


async def test_after_the_cool_down_one_job_at_a_time_is_taken_until_enough_succeed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    bench = opened()
    bench.now_s += 5

    await run_until(bench, lambda: bench.inflight.free == 1, "a probe may be taken")
    probe = bench.start()
    assert bench.inflight.free == 0
    bench.end(probe, Verdict.COMPLETED)
    assert bench.inflight.free == 1
    bench.run(Verdict.COMPLETED)

    assert bench.inflight.free == 4
    assert bench.value("circuit_open") == 0
    assert bench.health.notes == ""
    assert [line["event"] for line in said(capsys)] == ["circuit_opened", "circuit_closed"]


async def test_a_probe_that_fails_opens_it_again(capsys: pytest.CaptureFixture[str]) -> None:
    bench = opened()
    bench.now_s += 5
    await run_until(bench, lambda: bench.inflight.free == 1, "a probe may be taken")

    bench.run(Verdict.RETRY)

    assert bench.inflight.free == 0
    assert bench.value("circuit_openings_total") == 1
    bench.now_s += 9.9
    bench.run(Verdict.COMPLETED)
    assert bench.inflight.free == 0
    opening, probe = said(capsys)
    assert (opening["event"], opening["cool_down_s"]) == ("circuit_opened", 5)
    assert (probe["event"], probe["cool_down_s"]) == ("circuit_still_open", 10)


async def test_a_probe_that_says_nothing_is_followed_by_another() -> None:
    bench = opened()
    bench.now_s += 5
    await run_until(bench, lambda: bench.inflight.free == 1, "a probe may be taken")

    for verdict in (None, Verdict.SNOOZED, Verdict.RELEASED):
        bench.run(verdict)
        assert bench.inflight.free == 1


async def test_a_probe_that_takes_hours_does_not_stop_the_queue() -> None:
    """Another one is taken after each further cool-down."""
    rules = BreakerRules(runs_min=1, cool_down_s=0.01, cool_down_max_s=0.01)
    bench = Bench(rules)
    bench.run(Verdict.RETRY)
    bench.now_s += 1

    await run_until(bench, lambda: bench.inflight.free == 1, "a probe may be taken")
    bench.start()
    assert bench.inflight.free == 0
    await run_until(bench, lambda: bench.inflight.free == 1, "another one may be taken")


async def test_the_role_ends_when_the_worker_does() -> None:
    stopping = anyio.Event()
    stopping.set()

    with anyio.fail_after(5):
        await Bench(BREAKER, BUDGET).brakes.run(stopping)
        await Bench(None, BUDGET).brakes.run(anyio.Event())


async def test_who_waits_for_slots_gets_them_when_the_circuit_closes() -> None:
    bench = opened()
    got: list[int] = []

    async def take() -> None:
        got.append(await bench.inflight.reserve(10))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(take)
        await anyio.wait_all_tasks_blocked()
        assert got == []
        bench.inflight.allow(None)

    assert got == [4]


async def test_a_push_is_of_whole_milliseconds() -> None:
    bench = Bench(budget=BudgetRules(per_s=3, burst=1, push_max=timedelta(hours=1)))
    bench.run(Verdict.RETRY)

    outcome = bench.run(Verdict.RETRY)

    assert outcome is not None
    assert outcome.delay_ms == 333
