"""Kinds and handlers form pairs, or the worker does not start."""

from datetime import timedelta
from typing import Any, ClassVar

import pytest
from pydantic import JsonValue

from consumers.errors import RegistryError
from consumers.handler import Context
from consumers.registry import DEFAULT_TIMEOUT, Registry, Runs
from producers.payloads.base import Payload


class First(Payload):
    """A kind."""

    kind: ClassVar[str] = "test.first"


class Second(Payload):
    """Another kind."""

    kind: ClassVar[str] = "test.second"


class Third(Payload):
    """A third kind."""

    kind: ClassVar[str] = "test.third"


class Fourth(Payload):
    """A fourth kind."""

    kind: ClassVar[str] = "test.fourth"


class Nameless(Payload):
    """A payload that nobody can ask for."""


class Empty(Payload):
    """The same."""

    kind: ClassVar[str] = ""


async def handle(_payload: Payload, _context: Context) -> JsonValue:
    """Do nothing."""
    return None


def test_a_kind_is_found_with_its_handler_and_its_time() -> None:
    registry = Registry()
    registry.add(First, handle)
    registry.add(Second, handle, timeout=timedelta(seconds=5))

    first, second = registry.find("test.first"), registry.find("test.second")

    assert first is not None
    assert second is not None
    assert (first.payload_type, first.handler, first.timeout) == (First, handle, DEFAULT_TIMEOUT)
    assert second.timeout == timedelta(seconds=5)
    assert list(registry) == ["test.first", "test.second"]
    assert len(registry) == 2


def plain(_payload: Payload, _context: Context) -> JsonValue:
    """Do nothing, in a thread."""
    return None


class Handling:
    """A handler that is an object."""

    async def __call__(self, payload: Payload, context: Context, /) -> JsonValue:
        """Do nothing."""


def test_where_a_handler_runs_follows_from_what_it_is_or_from_what_was_said() -> None:
    registry = Registry()
    registry.add(First, plain)
    registry.add(Second, Handling())
    registry.add(Third, plain, runs=Runs.CHILD)
    registry.add(Fourth, handle, runs="child")

    found = [registry.find(f"test.{name}") for name in ("first", "second", "third", "fourth")]

    assert [(each.runs, each.is_async) for each in found if each] == [
        (Runs.THREAD, False),
        (Runs.LOOP, True),
        (Runs.CHILD, False),
        (Runs.CHILD, True),
    ]
    assert registry.kinds_of(Runs.CHILD) == ["test.fourth", "test.third"]


@pytest.mark.parametrize(
    ("runs", "words"),
    [("thread", "is an `async def`"), ("moon", "cannot run in 'moon': known are loop, thread")],
)
def test_a_place_that_does_not_fit_is_refused(runs: Any, words: str) -> None:
    with pytest.raises(RegistryError, match=words):
        Registry().add(First, handle, runs=runs)


def test_an_unknown_kind_is_not_found() -> None:
    assert Registry().find("test.first") is None


def test_a_handler_is_bound_by_decorator_and_stays_what_it_is() -> None:
    registry = Registry()

    decorated = registry.handler(First, timeout=timedelta(seconds=1))(handle)

    assert decorated is handle
    assert list(registry) == ["test.first"]


def test_a_kind_has_one_handler() -> None:
    registry = Registry()
    registry.add(First, handle)

    with pytest.raises(RegistryError, match=r"'test\.first' has a handler already"):
        registry.add(First, handle)


@pytest.mark.parametrize("payload", [Nameless, Empty, Payload])
def test_a_payload_without_a_kind_is_refused_with_the_line_to_add(payload: type[Payload]) -> None:
    with pytest.raises(RegistryError, match=r'add `kind: ClassVar\[str\] = "area\.verb"`'):
        Registry().add(payload, handle)


@pytest.mark.parametrize("timeout", [timedelta(0), timedelta(seconds=-1)])
def test_a_handler_has_time(timeout: timedelta) -> None:
    with pytest.raises(RegistryError, match="must be positive"):
        Registry().add(First, handle, timeout=timeout)


def test_a_kind_that_no_producer_may_send_is_refused() -> None:
    """It would wait for ever for a job that every producer refuses to send."""

    class Spaced(Payload):
        kind: ClassVar[str] = "two words"

    with pytest.raises(RegistryError, match="two words"):
        Registry().add(Spaced, handle)


def test_registries_know_nothing_of_each_other() -> None:
    first, second = Registry(), Registry()
    first.add(First, handle)

    assert len(second) == 0
