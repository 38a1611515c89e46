"""When everything fails at once: nothing is lost, nothing comes back in one moment."""

import random
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import JsonValue
from redis.asyncio import Redis

from consumers.brakerules import BrakeRules
from consumers.brakes import Brakes
from consumers.budget import BudgetRules
from consumers.errors import RetryableError
from consumers.execution import Execution, Identity
from consumers.handler import Context
from consumers.health import Health
from consumers.inflight import Inflight, Running
from consumers.logs import open_logger
from consumers.metrics import Metrics
from consumers.places import Places
from consumers.registry import Registry
from consumers.retry import RetryPolicy
from consumers.threads import Threads
from producers.client import Producer
from producers.payloads.base import Payload
from streams.settle import Outcome, Verdict
from tests.consumers.support.failing import Early, Needing
from tests.consumers.support.fleet import Fleet, letters
from tests.consumers.support.probe import http_get
from tests.support.queues import QueueUnderTest, job
from tests.support.waiting import wait_until

#: Printed with a failure by pytest; a failing one becomes a test.
SEED = 20261122
JOBS = 2_000
SOON = timedelta(seconds=30)


class Doomed(Payload):
    """Fails."""

    kind: ClassVar[str] = "test.doomed"


async def fail(_payload: Doomed, _context: Context) -> JsonValue:
    raise RetryableError("the database is down")


class Storm:
    """All jobs of a queue fail in one moment, by a clock that stands."""

    def __init__(self, queue: QueueUnderTest, budget: BudgetRules | None) -> None:
        self.queue = queue
        seeded = random.Random(SEED)
        registry = Registry()
        registry.add(Doomed, fail)
        self._execution = Execution(
            registry,
            Identity("one", "box", "0.1.0"),
            "test",
            RetryPolicy(),
            Places(Threads(1)),
            chance=seeded.random,
        )
        self._brakes = Brakes(
            BrakeRules(None, budget),
            Inflight(100),
            Health(),
            Metrics("test", frozenset(registry), 100),
            open_logger("critical"),
            clock=lambda: 0.0,
            chance=seeded.random,
        )

    async def break_out(self) -> list[float]:
        """Run every job once; returns after how many seconds each is due again."""
        waits: list[float] = []
        for start in range(0, JOBS, 100):
            sent = [job(Doomed.kind, id=str(n)) for n in range(start, start + 100)]
            await self.queue.add(*sent)
            outcomes: list[Outcome] = []
            for delivery in await self.queue.fetch():
                outcome = self._brakes.ended(delivery, await self._execution.run(Running(delivery)))
                assert outcome is not None
                assert outcome.verdict is Verdict.RETRY
                outcomes.append(outcome)
            await self.queue.settle_all(outcomes)
            waits += [outcome.delay_ms / 1000 for outcome in outcomes]
        return waits

    async def require_all_there(self) -> None:
        """Every job waits for its second attempt, and none is anywhere else."""
        client, keys = self.queue.client, self.queue.keys
        delayed: Any = await client.zrange(keys.delayed, 0, -1)
        assert sorted(delayed) == sorted(str(n).encode() for n in range(JOBS))
        assert [await client.xlen(stream) for stream in keys.streams.values()] == [0] * 4
        assert await self.queue.letters() == []
        assert await self.queue.counter("retried") == JOBS
        async with client.pipeline(transaction=False) as pipe:
            for number in range(JOBS):
                pipe.hmget(keys.job(str(number)), ["state", "attempt"])
            records = await pipe.execute()
        assert records == [[b"delayed", b"2"]] * JOBS


@pytest.fixture
async def queue(client: Redis) -> QueueUnderTest:
    """An empty queue named `test`."""
    queue = QueueUnderTest(client)
    await queue.open()
    return queue


@pytest.mark.leaves_jobs
async def test_jobs_that_fail_together_come_back_evenly_over_the_whole_window(
    queue: QueueUnderTest,
) -> None:
    """Two to four seconds after they have failed: 2,000 jobs, about 100 in each tenth."""
    storm = Storm(queue, None)

    waits = await storm.break_out()

    tenths = Counter(int(wait * 10) for wait in waits)
    assert set(tenths) <= set(range(20, 41))
    # Five standard deviations of a binomial distribution with n = 2000 and p = 1/20.
    assert all(100 - 49 <= tenths[tenth] <= 100 + 49 for tenth in range(20, 40))
    await storm.require_all_there()


@pytest.mark.leaves_jobs
async def test_beyond_the_budget_they_come_back_at_its_rate(queue: QueueUnderTest) -> None:
    """A burst of 100, then 10 a second: 2,000 jobs take 190 seconds."""
    storm = Storm(queue, BudgetRules())

    waits = await storm.break_out()

    assert max(waits) == pytest.approx(194, abs=2.1)
    spans = Counter(int(wait // 10) for wait in waits)
    assert spans[0] <= 100 + 100
    # A span of ten seconds has a hundred, and what the jitter of two seconds moves over.
    assert all(80 <= spans[span] <= 120 for span in range(1, 19))
    seconds = Counter(int(wait) for wait in waits)
    assert max(seconds[second] for second in range(5, 195)) <= 30
    await storm.require_all_there()


async def test_a_worker_whose_jobs_all_fail_stops_taking_them_and_goes_on_when_they_succeed(
    fleet: Fleet, jobs: Producer, client: Redis, redis_url: str, tmp_path: Path
) -> None:
    """Most jobs wait out the trouble in their stream, with all their attempts."""
    there = tmp_path / "there"
    environment = {"MILLSTREAM_WORKER_METRICS_PORT": "0"}
    # All are there before the first one runs: a retry comes in behind them, so that none can
    # use up its attempts while the others are still being sent.
    sent = [await jobs.enqueue(Needing(path=there), attempts=3) for _ in range(80)]
    worker = await fleet.start(redis_url, concurrency=2, environment=environment)

    opened = await worker.says("circuit_opened")

    port = (await worker.says("metrics_served"))["port"]
    status, text = http_get(port, "/ready")
    assert (status, text.startswith("ok (circuit open: ")) == (200, True)
    assert opened["runs"] == opened["failures"] == 50
    there.touch()
    await worker.says("circuit_closed", timeout_s=30)
    for each in sent:
        await jobs.result(each.id, timeout=SOON)

    # Those that ran when it opened, and the one that a read under way has brought.
    assert len(fleet.effects.rows("needed")) <= 50 + 2 + 1
    attempts = Counter([(await jobs.get(each.id)).attempt for each in sent])
    assert attempts[1] >= 80 - 53
    assert await letters(client) == []


async def test_a_worker_without_a_breaker_burns_their_attempts(
    fleet: Fleet, jobs: Producer, client: Redis, redis_url: str, tmp_path: Path
) -> None:
    """What the breaker is for, and the switch that turns it off."""
    environment = {"MILLSTREAM_WORKER_BREAKER": "no", "MILLSTREAM_WORKER_RETRIES_PER_S": "0"}
    worker = await fleet.start(redis_url, concurrency=2, environment=environment)
    for _ in range(60):
        await jobs.enqueue(Needing(path=tmp_path / "never"), attempts=2)

    async def dead() -> bool:
        return len(await letters(client)) == 60

    await wait_until(dead, "every job has used up its attempts", 30)
    assert worker.events("circuit_opened") == []
    assert worker.events("retry_budget_exceeded") == []


async def test_a_job_that_puts_itself_off_runs_at_its_first_attempt_in_the_end(
    fleet: Fleet, jobs: Producer, redis_url: str
) -> None:
    worker = await fleet.start(redis_url)
    sent = await jobs.enqueue(Early(times=5), attempts=1)

    assert await jobs.result(sent.id, timeout=SOON) == {"attempt": 1}

    view = await jobs.get(sent.id)
    assert [row["outcome"] for row in view.history] == ["snoozed"] * 5 + ["completed"]
    assert {event["reason"] for event in worker.events("job_snoozed")} == {
        "the run is not there yet"
    }
