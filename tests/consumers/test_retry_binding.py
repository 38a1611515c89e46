"""What a binding says of retries, and what a handler says itself."""

from datetime import timedelta
from typing import Any, ClassVar

import orjson
import pytest
from pydantic import JsonValue

from consumers.errors import PermanentError, RegistryError, RetryableError, Snooze
from consumers.execution import REASON_CHARS_MAX, Execution, Identity
from consumers.handler import Context
from consumers.inflight import Running
from consumers.places import Places
from consumers.registry import Registry
from consumers.retry import SNOOZES_MAX, RetryPolicy
from consumers.threads import Threads
from producers.payloads.base import Payload
from streams.settle import Outcome, Verdict
from tests.consumers.support.deliveries import delivery


class Order(Payload):
    """Fails with what a test wants."""

    kind: ClassVar[str] = "test.order"


class ClosedError(LookupError):
    """A subclass."""


async def run(
    error: Exception,
    *,
    permanent: tuple[type[Exception], ...] = (),
    retry: RetryPolicy | None = None,
    backoff: bytes = b"",
    snoozes: int = 0,
    attempt: int = 1,
    attempts: int = 3,
    usually: int | None = None,
) -> Outcome:
    """The outcome of a run that raises *error*."""
    registry = Registry()

    @registry.handler(Order, permanent=permanent, retry=retry, attempts=usually)
    async def handler(_payload: Order, _context: Context) -> JsonValue:
        raise error

    assert handler is not None
    return await executed(
        registry, snoozes=snoozes, attempt=attempt, attempts=attempts, backoff=backoff
    )


async def executed(registry: Registry, **fields: Any) -> Outcome:
    """The outcome of a job with these *fields*."""
    execution = Execution(
        registry,
        Identity("box:1:ab", "box", "0.1.0"),
        "work",
        RetryPolicy(),
        Places(Threads(1)),
        chance=lambda: 0,
    )
    outcome = await execution.run(Running(delivery(Order.kind, **fields)))
    assert outcome is not None
    return outcome


async def test_a_kind_has_its_own_policy() -> None:
    slow = RetryPolicy(first=timedelta(hours=1), cap=timedelta(hours=1), jitter=0)

    assert (await run(ValueError(), retry=slow)).delay_ms == 3_600_000
    assert (await run(ValueError())).delay_ms == 2_000


async def test_a_job_that_carries_a_backoff_has_that_instead_of_its_kinds() -> None:
    slow = RetryPolicy(first=timedelta(hours=1), cap=timedelta(hours=1), jitter=0)

    own = await run(ValueError(), retry=slow, backoff=b'{"first_ms":60000,"jitter":0}')

    assert own.delay_ms == 60_000


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (LookupError("no such layer"), Verdict.DEAD),
        (ClosedError("closed"), Verdict.DEAD),
        (KeyError("layer"), Verdict.DEAD),
        (OSError("disk"), Verdict.RETRY),
    ],
)
async def test_errors_of_a_permanent_class_and_its_subclasses_end_the_job(
    error: Exception, verdict: Verdict
) -> None:
    outcome = await run(error, permanent=(LookupError,))

    assert outcome.verdict is verdict
    row = orjson.loads(outcome.attempt)
    assert (row["error"], row["message"]) == (type(error).__name__, str(error))


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (RetryableError("busy"), Verdict.RETRY),
        (Snooze(timedelta(seconds=1)), Verdict.SNOOZED),
        (PermanentError("no"), Verdict.DEAD),
    ],
)
async def test_where_everything_is_permanent_the_handlers_own_word_counts(
    error: Exception, verdict: Verdict
) -> None:
    assert (await run(error, permanent=(Exception,))).verdict is verdict
    assert (await run(ValueError(), permanent=(Exception,))).verdict is Verdict.DEAD


async def test_a_job_that_is_put_off_says_why_and_is_no_failure() -> None:
    reason = "wait for redis://user:canary@host/0 " + "x" * 1_000
    outcome = await run(Snooze(timedelta(minutes=2), reason), attempts=1)

    assert (outcome.verdict, outcome.delay_ms, outcome.error) == (Verdict.SNOOZED, 120_000, "")
    assert str(outcome.detail).startswith("wait for redis://***@host/0 xxx")
    assert len(outcome.detail) == REASON_CHARS_MAX
    row = orjson.loads(outcome.attempt)
    assert (row["outcome"], "error" in row) == ("snoozed", False)


async def test_beyond_its_number_a_snooze_is_a_failed_attempt() -> None:
    early = Snooze(timedelta(minutes=2), "too early")

    retried = await run(early, snoozes=SNOOZES_MAX)
    dead = await run(early, snoozes=SNOOZES_MAX, attempts=1)

    assert (retried.verdict, retried.delay_ms) == (Verdict.RETRY, 120_000)
    assert retried.error == "Snooze: too early"
    assert (dead.verdict, dead.detail) == (Verdict.DEAD, "attempts used up")


async def test_a_binding_may_say_how_often_a_job_runs_that_does_not_say_so_itself() -> None:
    """Also for a job that brings a backoff of its own."""
    backoff = b'{"first_ms":60000,"jitter":0}'
    ends = [
        (await run(ValueError(), usually=usually, attempt=3, attempts=asked, backoff=own)).verdict
        for usually, asked, own in [(5, 3, b""), (5, 3, backoff), (None, 3, b""), (5, 2, b"")]
    ]

    assert ends == [Verdict.RETRY, Verdict.RETRY, Verdict.DEAD, Verdict.DEAD]


async def test_the_handler_is_told_how_often_its_job_may_run() -> None:
    told: list[int] = []
    registry = Registry()

    @registry.handler(Order, attempts=5)
    async def handler(_payload: Order, context: Context) -> JsonValue:
        told.append(context.attempts_max)
        return None

    assert handler is not None
    await executed(registry, attempts=3)
    await executed(registry, attempts=2)

    assert told == [5, 2]


@pytest.mark.parametrize("attempts", [0, -1, 1001])
def test_a_number_of_attempts_that_cannot_be_is_refused(attempts: int) -> None:
    with pytest.raises(RegistryError, match="is 1 to 1000, got"):
        Registry().add(Order, _returns, attempts=attempts)


async def _returns(_payload: Order, _context: Context) -> JsonValue:
    return None
