"""One run of one job: each step, and what each can do wrong."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, ClassVar

import anyio
import orjson
import pytest
from pydantic import JsonValue, SecretStr, field_validator

from consumers.errors import PermanentError, RetryableError
from consumers.execution import PARKED_MS, Execution, Identity
from consumers.handler import Context
from consumers.inflight import Running, Stop
from consumers.places import Places
from consumers.registry import Registry
from consumers.retry import RetryPolicy
from consumers.threads import Threads
from producers.payloads.base import Payload
from streams.clock import ServerClock
from streams.job import PAYLOAD_BYTES_MAX, Delivery, Token
from streams.settle import RESULT_BYTES_MAX, Outcome, Verdict
from tests.consumers.support.deliveries import delivery, entry
from tests.consumers.support.kinds import UnprintableError

#: Longer than any test.
HOUR = timedelta(hours=1)


class Order(Payload):
    """What the handler of a test is given."""

    kind: ClassVar[str] = "test.order"
    count: int = 1
    address: str = ""

    @field_validator("count")
    @classmethod
    def _careless(cls, value: int) -> int:
        if value == 13:
            raise KeyError(value)
        return value


Handle = Callable[[Order, Context], Any]


def execution(
    handle: Handle | None = None, limit: timedelta = HOUR, clock: ServerClock | None = None
) -> Execution:
    """An execution with one kind, whose handler calls *handle* and awaits what it returns."""
    registry = Registry()

    async def handler(payload: Order, context: Context) -> JsonValue:
        value = handle(payload, context) if handle else None
        return await value if asyncio.iscoroutine(value) else value

    registry.add(Order, handler, timeout=limit)
    identity = Identity("box:1:ab", "box", "0.1.0")
    places = Places(Threads(2))
    return Execution(
        registry, identity, "work", RetryPolicy(), places, chance=lambda: 0, clock=clock
    )


async def run(
    handle: Handle | None = None, job: Delivery | None = None, *, limit: timedelta = HOUR
) -> Outcome:
    running = Running(job or delivery("test.order"))
    outcome = await execution(handle, limit).run(running)
    assert outcome is not None
    assert outcome.delivery is running.delivery
    return outcome


def row(outcome: Outcome) -> dict[str, Any]:
    """The row that the outcome adds to the history."""
    read: dict[str, Any] = orjson.loads(outcome.attempt)
    return read


def raiser(error: BaseException) -> Handle:
    def handle(_payload: Order, _context: Context) -> JsonValue:
        raise error

    return handle


async def test_what_a_handler_returns_is_the_result() -> None:
    outcome = await run(lambda payload, _: {"twice": payload.count * 2})

    assert outcome.verdict is Verdict.COMPLETED
    assert orjson.loads(outcome.detail) == {"twice": 2}
    assert row(outcome)["outcome"] == "completed"
    assert row(outcome)["consumer"] == "box:1:ab"
    assert row(outcome)["started_ms"] <= row(outcome)["ended_ms"]


async def test_a_handler_is_told_all_that_it_may_know() -> None:
    seen: list[Context] = []
    job = delivery(
        "test.order", id="order-1", attempt=2, attempts=5, epoch=3, enqueued_ms=7, meta='{"a": 1}'
    )

    await run(lambda _, context: seen.append(context), job)

    assert seen == [Context("order-1", "test.order", "work", 2, 5, 3 << 16 | 1, 7, {"a": 1})]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"payload": "{}"}, "the field 'kind' is missing"),
        ({"kind": "test.order"}, "the field 'payload' is missing"),
        ({"kind": "no\x1b[31m kind", "payload": "{}"}, "a kind starts with a letter"),
        ({"kind": "test.order", "payload": "{}", "id": "two words"}, "a job id has"),
        ({"kind": "test.order", "payload": "{}", "attempts": "many"}, "attempts: must be"),
        ({"kind": "test.order", "payload": "{}", "meta": "[]"}, "meta: must be a JSON object"),
        ({"kind": "test.order", "payload": "x" * (PAYLOAD_BYTES_MAX + 1)}, "payload: may have"),
    ],
)
async def test_a_malformed_entry_is_dead_at_once_and_says_why(
    fields: dict[str, str], words: str
) -> None:
    outcome = await run(job=entry(Token(3, "1-1", "box:1:ab", 1), **fields))

    assert (outcome.verdict, outcome.detail) == (Verdict.DEAD, "malformed entry")
    assert row(outcome)["error"] == "MalformedEntry"
    assert words in row(outcome)["message"]
    assert words in outcome.error


async def test_an_unknown_kind_waits_for_a_worker_that_knows_it_and_costs_nothing() -> None:
    outcome = await run(job=delivery("test.ordre"))

    assert (outcome.verdict, outcome.delay_ms) == (Verdict.PARKED, PARKED_MS)
    assert "knows the kind 'test.ordre' (known: test.order)" in str(outcome.detail)
    assert outcome.attempt == b""


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        ("no json", "payload: Invalid JSON"),
        ("", "payload: Invalid JSON"),
        ("[]", "payload: Input should be an object"),
        ('{"count": "many"}', "count: Input should be a valid integer"),
        ('{"count": 1, "cuont": 2}', "cuont: Extra inputs are not permitted, got 2"),
        (b"\xff\xfe", "payload: Invalid JSON"),
        ("[" * 100_000, "payload: Invalid JSON"),
    ],
)
async def test_a_payload_that_does_not_fit_is_dead_at_once_and_says_why(
    payload: str | bytes, words: str
) -> None:
    outcome = await run(job=entry(Token(3, "1-1", "b:1:a", 1), kind="test.order", payload=payload))

    assert (outcome.verdict, outcome.detail) == (Verdict.DEAD, "invalid payload")
    assert row(outcome)["error"] == "InvalidPayload"
    assert words in row(outcome)["message"]


async def test_a_model_whose_check_fails_by_itself_makes_a_dead_job_and_no_dead_worker() -> None:
    outcome = await run(job=delivery("test.order", '{"count": 13}'))

    assert (outcome.verdict, outcome.detail) == (Verdict.DEAD, "invalid payload")
    assert row(outcome)["error"] == "KeyError"
    assert "in _careless" in row(outcome)["traceback"]


async def test_every_flaw_of_a_payload_is_named_at_once() -> None:
    outcome = await run(job=delivery("test.order", '{"count": "x", "address": 5}'))

    assert "count: " in row(outcome)["message"]
    assert "; address: " in row(outcome)["message"]


async def test_no_password_of_a_payload_is_shown_even_where_its_value_is_cut() -> None:
    url = f"redis://user:canary{'y' * 100}@host"
    outcome = await run(job=delivery("test.order", orjson.dumps({"url": url}).decode()))

    assert "cana" not in outcome.attempt.decode() + outcome.error


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (SecretStr("x"), "the handler returned what JSON cannot hold"),
        ({1: "a number as a name"}, "the handler returned what JSON cannot hold"),
        (2**70, "the handler returned what JSON cannot hold"),
        ("\udcff", "the handler returned what JSON cannot hold"),
        ("x" * RESULT_BYTES_MAX, "store it and return its name"),
    ],
)
async def test_a_result_that_cannot_be_stored_is_a_permanent_error(value: Any, words: str) -> None:
    outcome = await run(lambda *_: value)

    assert (outcome.verdict, outcome.detail) == (Verdict.DEAD, "permanent error")
    assert words in row(outcome)["message"]


async def test_a_result_of_just_the_limit_is_stored() -> None:
    outcome = await run(lambda *_: "x" * (RESULT_BYTES_MAX - 2))

    assert outcome.verdict is Verdict.COMPLETED
    assert len(outcome.detail) == RESULT_BYTES_MAX


async def test_an_error_is_tried_again_after_the_policys_wait() -> None:
    outcome = await run(raiser(ValueError("no luck")))

    assert (outcome.verdict, outcome.delay_ms) == (Verdict.RETRY, 2_000)
    assert outcome.error == "ValueError: no luck"
    assert row(outcome)["outcome"] == "error"


async def test_an_error_that_names_a_wait_gets_it() -> None:
    outcome = await run(raiser(RetryableError("busy", retry_after=timedelta(minutes=1))))

    assert (outcome.verdict, outcome.delay_ms) == (Verdict.RETRY, 60_000)


async def test_a_permanent_error_and_the_last_attempt_end_a_job() -> None:
    permanent = await run(raiser(PermanentError("no such layer")))
    last = await run(raiser(ValueError("no luck")), delivery("test.order", attempt=3, attempts=3))

    assert (permanent.verdict, permanent.detail) == (Verdict.DEAD, "permanent error")
    assert (last.verdict, last.detail) == (Verdict.DEAD, "attempts used up")


@pytest.mark.parametrize(
    "error",
    [
        SystemExit(3),
        asyncio.CancelledError(),
        BaseExceptionGroup("all at once", [SystemExit(3)]),
        RecursionError("too deep"),
        MemoryError(),
        UnprintableError(),
        FileNotFoundError("no such file: \udcff"),
        StopAsyncIteration(),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_whatever_a_handler_raises_ends_its_attempt_and_no_more(error: BaseException) -> None:
    """Its neighbours run in the same task group, and live on."""
    outcome = await run(raiser(error))

    assert outcome.verdict is Verdict.RETRY
    assert row(outcome)["error"] == type(error).__name__


async def test_a_handler_that_waits_for_something_cancelled_fails_like_any_other() -> None:
    """Two jobs wait for one download, and the job that had begun it was cancelled."""

    async def handle() -> None:
        download = asyncio.get_running_loop().create_future()
        download.cancel()
        await download

    outcome = await run(lambda *_: handle())

    assert outcome.verdict is Verdict.RETRY
    assert row(outcome)["error"] == "CancelledError"


@pytest.mark.parametrize("source", ["kind", "job"])
async def test_a_handler_that_takes_too_long_is_ended_and_tried_again(source: str) -> None:
    job = delivery("test.order", timeout_ms=1 if source == "job" else "")
    limit = HOUR if source == "job" else timedelta(milliseconds=1)

    outcome = await run(lambda *_: anyio.sleep_forever(), job, limit=limit)

    assert outcome.verdict is Verdict.RETRY
    assert row(outcome)["outcome"] == "timeout"
    assert row(outcome)["message"] == "the handler of 'test.order' took longer than 0.001 s"


async def test_a_handler_that_finishes_in_spite_of_its_deadline_has_finished() -> None:
    async def handle() -> str:
        with anyio.CancelScope(shield=True):
            await anyio.sleep(0.02)
        return "done"

    outcome = await run(lambda *_: handle(), limit=timedelta(milliseconds=1))

    assert outcome.verdict is Verdict.COMPLETED


@asynccontextmanager
async def started(handle: Handle) -> AsyncIterator[tuple[Running, list[Outcome | None]]]:
    """A run whose handler waits; at the end of the block it has ended."""
    running, ended = Running(delivery("test.order")), list[Outcome | None]()

    async def execute() -> None:
        ended.append(await execution(handle).run(running))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(execute)
        await anyio.wait_all_tasks_blocked()
        yield running, ended


async def test_a_job_that_has_expired_is_not_run() -> None:
    """By the server's clock: the worker's own may show anything."""
    ran: list[int] = []
    clock = ServerClock()
    late = delivery("test.order", expires_ms=99)
    worker = execution(lambda *_: ran.append(1), clock=clock)

    clock.heard(1)
    in_time = await worker.run(Running(late))
    clock.heard(100)
    outcome = await worker.run(Running(late))

    assert in_time is not None
    assert outcome is not None
    assert (in_time.verdict, outcome.verdict) == (Verdict.COMPLETED, Verdict.EXPIRED)
    assert row(outcome)["outcome"] == "expired"
    assert ran == [1]


STOPS = [(Stop.CANCELLED, Verdict.CANCELLED), (Stop.SHUTDOWN, Verdict.RELEASED)]


@pytest.mark.parametrize(("reason", "verdict"), STOPS)
async def test_a_handler_that_is_ended_from_outside_is_no_failure(
    reason: Stop, verdict: Verdict
) -> None:
    async with started(lambda *_: anyio.sleep_forever()) as (running, ended):
        running.end(reason)

    [outcome] = ended
    assert outcome is not None
    assert (outcome.verdict, row(outcome)["outcome"]) == (verdict, verdict.value)


@pytest.mark.parametrize(("reason", "verdict"), STOPS)
async def test_an_error_on_the_way_out_is_no_failure_either(reason: Stop, verdict: Verdict) -> None:
    """Client libraries turn a cancellation into errors of their own.

    Interrupted work costs no attempt, and who cancels a job does not want it retried.
    """

    async def handle() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            raise ConnectionError("closed in the middle")

    async with started(lambda *_: handle()) as (running, ended):
        running.end(reason)

    [outcome] = ended
    assert outcome is not None
    assert outcome.verdict is verdict


async def test_of_a_lost_lease_nothing_is_recorded() -> None:
    async with started(lambda *_: anyio.sleep_forever()) as (running, ended):
        running.end(Stop.LOST)

    assert ended == [None]


async def test_a_handler_that_finishes_while_it_is_ended_has_finished() -> None:
    async def handle() -> str:
        with anyio.CancelScope(shield=True):
            await anyio.lowlevel.checkpoint()
            await gate.wait()
        return "done"

    gate = anyio.Event()
    async with started(lambda *_: handle()) as (running, ended):
        running.end(Stop.SHUTDOWN)
        gate.set()

    [outcome] = ended
    assert outcome is not None
    assert outcome.verdict is Verdict.COMPLETED


async def test_a_worker_that_is_cancelled_as_a_whole_takes_its_handlers_with_it() -> None:
    with anyio.CancelScope() as worker:
        async with started(lambda *_: anyio.sleep_forever()) as (_running, ended):
            worker.cancel()

    assert worker.cancelled_caught
    assert ended == []
