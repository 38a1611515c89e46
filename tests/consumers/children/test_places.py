"""Plain handlers in threads, a suspect without children, and what a worker refuses."""

import runpy
import threading
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import anyio
import orjson
import pytest
from pydantic import JsonValue

from consumers.children.source import FactoryError, Source
from consumers.errors import RegistryError
from consumers.execution import PARKED_MS, Execution, Identity
from consumers.handler import Context
from consumers.inflight import Inflight, Running, Stop
from consumers.logline import Scalar
from consumers.logs import open_logger
from consumers.places import Places, _open_threads, require_child_source
from consumers.registry import Registry, Runs
from consumers.retry import RetryPolicy
from consumers.threads import Threads
from producers.payloads.base import Payload
from streams.settle import Outcome, Verdict
from tests.consumers.support.deliveries import delivery


class Order(Payload):
    """What the handler of a test is given."""

    kind: ClassVar[str] = "test.order"
    schema_version: ClassVar[int] = 2


class Bench:
    """Runs one plain handler as a worker does."""

    def __init__(self, threads: Threads, handler: Any, **options: Any) -> None:
        registry = Registry()
        registry.add(Order, handler, **options)
        self.inflight = Inflight(3, solo_apart=False)
        self._execution = Execution(
            registry,
            Identity("box:1:ab", "box", "0.1.0"),
            "work",
            RetryPolicy(),
            Places(threads, link=_Linked, alone=self.inflight.wait_until_alone),
            chance=lambda: 0,
        )
        self.ended: list[Outcome | None] = []

    def taken(self, **fields: Any) -> Running:
        return self.inflight.add(delivery("test.order", **fields))

    async def run(self, running: Running) -> None:
        self.ended.append(await self._execution.run(running))
        self.inflight.handler_ended(running)


class _Linked:
    """A link that knows whether its run is to end."""

    def __init__(self, running: Running) -> None:
        self._running = running

    @property
    def cancelled(self) -> bool:
        return self._running.stop is not None

    async def progress(self, fraction: float, message: str) -> None:
        """Publish nothing."""

    def report(self, fraction: float, message: str) -> None:
        """Publish nothing."""

    def log(self, event: str, fields: Mapping[str, Scalar]) -> None:
        """Write nothing."""


def row(outcome: Outcome | None) -> dict[str, Any]:
    assert outcome is not None
    read: dict[str, Any] = orjson.loads(outcome.attempt)
    return read


async def run(handler: Any, **fields: Any) -> Outcome:
    bench = Bench(Threads(1), handler)
    await bench.run(bench.taken(**fields))
    [outcome] = bench.ended
    assert outcome is not None
    return outcome


async def test_a_plain_handler_runs_in_a_thread_and_its_result_is_stored() -> None:
    def handle(_payload: Order, context: Context) -> JsonValue:
        assert timedelta(0) < context.remaining <= timedelta(minutes=10)
        return threading.current_thread().name

    outcome = await run(handle)

    assert (outcome.verdict, outcome.detail) == (Verdict.COMPLETED, b'"handler"')


async def test_what_a_plain_handler_raises_ends_its_attempt() -> None:
    def handle(_payload: Order, _context: Context) -> JsonValue:
        raise SystemExit(3)

    outcome = await run(handle)

    assert (outcome.verdict, row(outcome)["error"]) == (Verdict.RETRY, "SystemExit")


async def test_a_plain_handler_that_returns_an_awaitable_says_how_to_bind_it() -> None:
    async def later() -> None:
        """Never awaited."""

    outcome = await run(lambda _payload, _context: later())

    assert (outcome.verdict, outcome.detail) == (Verdict.DEAD, "permanent error")
    assert 'bind it with runs="loop"' in outcome.error


async def test_a_class_of_errors_that_was_said_to_be_permanent_is() -> None:
    def handle(_payload: Order, _context: Context) -> JsonValue:
        raise FileNotFoundError("no such layer")

    bench = Bench(Threads(1), handle, permanent=(OSError,))
    await bench.run(bench.taken())

    [outcome] = bench.ended
    assert outcome is not None
    assert (outcome.verdict, outcome.detail) == (Verdict.DEAD, "permanent error")
    assert row(outcome)["error"] == "FileNotFoundError"


async def test_a_thread_that_looks_at_its_context_ends_with_its_time() -> None:
    def handle(_payload: Order, context: Context) -> JsonValue:
        while True:
            context.check()
            time.sleep(0.001)

    outcome = await run(handle, timeout_ms=20)

    assert (outcome.verdict, row(outcome)["outcome"]) == (Verdict.RETRY, "timeout")


@pytest.mark.parametrize(
    ("reason", "verdict"),
    [(Stop.CANCELLED, Verdict.CANCELLED), (Stop.SHUTDOWN, Verdict.RELEASED), (Stop.LOST, None)],
)
async def test_a_thread_is_waited_for_before_its_job_may_go_to_another(
    reason: Stop, verdict: Verdict | None
) -> None:
    """As long as it may write, its lease is kept."""
    told, go_on = threading.Event(), threading.Event()

    def handle(_payload: Order, context: Context) -> JsonValue:
        while not context.cancelled:
            time.sleep(0.001)
        told.set()
        go_on.wait(30)
        context.check()
        return None

    bench = Bench(Threads(1), handle)
    async with anyio.create_task_group() as tasks:
        running = bench.taken()
        tasks.start_soon(bench.run, running)
        await anyio.wait_all_tasks_blocked()
        running.end(reason)
        await anyio.to_thread.run_sync(told.wait)
        await anyio.wait_all_tasks_blocked()

        assert bench.ended == []
        assert len(bench.inflight.leases()) == 1
        go_on.set()

    assert [each and each.verdict for each in bench.ended] == [verdict]


async def test_a_thread_that_goes_on_after_its_time_is_abandoned_and_keeps_its_place() -> None:
    """And when no thread is left, the worker ends: only a new process helps."""
    gate, ends = threading.Event(), list[str]()

    def handle(_payload: Order, _context: Context) -> JsonValue:
        gate.wait(30)
        return None

    threads = _open_threads(2, lambda: ends.append("end"), open_logger("critical"))
    bench = Bench(threads, handle)
    try:
        await bench.run(bench.taken(timeout_ms=1))
        assert ends == []
        await bench.run(bench.taken(timeout_ms=1))
        assert ends == ["end"]
        # A third finds no thread, and is not started.
        await bench.run(bench.taken(timeout_ms=1))
    finally:
        gate.set()

    assert [row(each)["outcome"] for each in bench.ended] == ["timeout"] * 3


async def test_a_suspect_without_children_waits_until_nothing_else_runs_and_then_runs_alone() -> (
    None
):
    gate, runs = anyio.Event(), list[str]()

    async def handle(_payload: Order, context: Context) -> JsonValue:
        runs.append(context.job_id)
        await gate.wait()
        return None

    bench = Bench(Threads(1), handle)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(bench.run, bench.taken(id="neighbour"))
        await anyio.wait_all_tasks_blocked()
        tasks.start_soon(bench.run, bench.taken(id="suspect", losses=2))
        await anyio.wait_all_tasks_blocked()

        assert runs == ["neighbour"]
        assert (bench.inflight.free, bench.inflight.solo_free) == (0, False)
        gate.set()

    assert runs == ["neighbour", "suspect"]
    assert bench.inflight.solo_free
    assert [each and each.verdict for each in bench.ended] == [Verdict.COMPLETED] * 2


async def test_a_suspect_that_waits_for_its_turn_is_handed_back_at_a_shutdown() -> None:
    async def handle(_payload: Order, _context: Context) -> None:
        await anyio.sleep_forever()

    bench = Bench(Threads(1), handle)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(bench.run, bench.taken())
        tasks.start_soon(bench.run, bench.taken(losses=2))
        await anyio.wait_all_tasks_blocked()
        bench.inflight.end_all(Stop.SHUTDOWN)

    assert [each and each.verdict for each in bench.ended] == [Verdict.RELEASED] * 2


async def test_a_newer_payload_waits_for_a_newer_worker_and_an_older_one_runs() -> None:
    newer = await run(lambda *_: None, schema_version=3)
    older = await run(lambda *_: None, schema_version=1)

    assert (newer.verdict, newer.delay_ms) == (Verdict.PARKED, PARKED_MS)
    assert "its payload is version 3 of 'test.order'" in str(newer.detail)
    assert "knows one above 2" in str(newer.detail)
    assert older.verdict is Verdict.COMPLETED


def test_a_worker_without_children_refuses_kinds_that_need_one() -> None:
    registry = Registry()
    registry.add(Order, lambda *_: None, runs=Runs.CHILD)

    with pytest.raises(RegistryError, match=r"children=Source\(factory="):
        require_child_source(registry, None)
    require_child_source(registry, Source(system="tiles"))


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"system": "tiles", "factory": "a:b"},
        {"factory": "os.system"},
        {"factory": "a b:c"},
        {"factory": "a:b.c"},
    ],
)
def test_a_source_is_a_system_or_a_factory_written_as_one(given: dict[str, Any]) -> None:
    with pytest.raises(FactoryError):
        Source(**given)


def test_a_source_never_shows_the_environment_that_it_carries() -> None:
    source = Source("tiles", environment={"CACHE_URL": "redis://user:canary@host"})

    assert "canary" not in repr(source)


def test_the_example_of_the_page_about_handlers_opens_a_registry(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "handlers.md").read_text()
    example = tmp_path / "example.py"
    example.write_text(page.split("```python\n")[1].split("```")[0])

    registry = runpy.run_path(str(example))["open_registry"]()

    assert registry.kinds_of(Runs.CHILD) == ["pictures.resize"]
