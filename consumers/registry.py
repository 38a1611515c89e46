"""Which handler runs which kind, and where."""

import inspect
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import Any, Generic, Literal, TypeVar, overload

from consumers.batch import (
    SIZE_DEFAULT,
    WAIT_DEFAULT,
    BatchHandler,
    BatchRule,
    PlainBatchHandler,
)
from consumers.errors import RegistryError
from consumers.handler import Handler, PlainHandler
from consumers.retry import RetryPolicy
from producers.payloads.base import Payload
from streams.errors import InvalidJobError
from streams.job import ATTEMPTS_MAX, require_kind

PayloadT = TypeVar("PayloadT", bound=Payload)
AnyHandler = Handler[PayloadT] | PlainHandler[PayloadT]
AnyBatchHandler = BatchHandler[PayloadT] | PlainBatchHandler[PayloadT]

#: A handler that says nothing about its time gets this much.
DEFAULT_TIMEOUT = timedelta(minutes=10)


class Runs(StrEnum):
    """Where a handler runs."""

    LOOP = "loop"
    """In the worker's event loop: for what awaits. An `async def` does so by itself."""
    THREAD = "thread"
    """In a thread of the worker: for calls that block. A `def` does so by itself."""
    CHILD = "child"
    """In a child process, with a memory limit: for what computes, or may crash."""


@dataclass(frozen=True, slots=True)
class Binding:
    """A payload model, the handler that runs it, where, and the time one attempt may take."""

    payload_type: type[Payload]
    handler: Callable[..., Any]
    timeout: timedelta
    runs: Runs = Runs.LOOP
    is_async: bool = True
    permanent: tuple[type[Exception], ...] = ()
    """Errors of these classes are permanent: no retry can help."""
    retry: RetryPolicy | None = None
    """When to try again; None leaves it to the worker's policy."""
    attempts: int | None = None
    """How often a job runs that does not say so itself; None for the usual number."""
    batch: BatchRule | None = None
    """How jobs of this kind come together; None where each has a call of its own."""


class Registry:
    """Pairs of kind and handler, filled before a worker starts.

    A plain object: nothing is registered by importing a module, and two registries in
    one process know nothing of each other.
    """

    def __init__(self) -> None:
        self._bindings: dict[str, Binding] = {}

    def add(
        self,
        payload_type: type[PayloadT],
        handler: AnyHandler[PayloadT],
        *,
        timeout: timedelta = DEFAULT_TIMEOUT,
        runs: Runs | Literal["loop", "thread", "child"] | None = None,
        permanent: tuple[type[Exception], ...] = (),
        retry: RetryPolicy | None = None,
        attempts: int | None = None,
    ) -> None:
        """Bind *handler* to the kind of *payload_type*.

        Without *runs* an `async def` runs in the event loop and a `def` in a thread. Errors
        of the classes *permanent*, and of their subclasses, end a job as `PermanentError` does.
        *retry* says when to try again what failed; without it the worker's policy does.
        *attempts* is how often a job runs that does not name a number itself; without it that
        is `ATTEMPTS_DEFAULT`.

        Raises:
            RegistryError: the model names no kind or one that no producer may send, the
                kind has a handler already, the timeout or the number of attempts cannot be, or
                the handler cannot run there.
        """
        kind = _kind_of(payload_type)
        if kind in self._bindings:
            raise RegistryError(f"the kind '{kind}' has a handler already: bind each kind once")
        if timeout <= timedelta(0):
            raise RegistryError(f"the timeout of '{kind}' must be positive, got {timeout}")
        if attempts is not None and not 1 <= attempts <= ATTEMPTS_MAX:
            raise RegistryError(f"attempts of '{kind}' is 1 to {ATTEMPTS_MAX}, got {attempts}")
        is_async = _is_async(handler)
        place = _place(kind, runs, is_async=is_async)
        self._bindings[kind] = Binding(
            payload_type,
            handler,
            timeout,
            place,
            is_async or place is Runs.LOOP,
            permanent,
            retry,
            attempts,
        )

    def add_batch(
        self,
        payload_type: type[PayloadT],
        handler: AnyBatchHandler[PayloadT],
        *,
        size: int = SIZE_DEFAULT,
        wait: timedelta = WAIT_DEFAULT,
        key: Callable[[PayloadT], Hashable] | None = None,
        timeout: timedelta = DEFAULT_TIMEOUT,
        permanent: tuple[type[Exception], ...] = (),
        retry: RetryPolicy | None = None,
        attempts: int | None = None,
    ) -> None:
        """Bind *handler* to the kind of *payload_type*: it gets many jobs in one call.

        Up to *size* jobs of the same *key* come together, within *wait* after the first.
        An `async def` runs in the event loop and a `def` in a thread. A job that has cost
        two workers their life comes alone. The rest is as for `add`.

        Raises:
            RegistryError: as for `add`, or a size or wait out of its range.
        """
        rule = BatchRule(handler, size, wait, key)
        alone = rule.alone_in_loop() if _is_async(handler) else rule.alone_in_thread()
        self.add(
            payload_type,
            alone,
            timeout=timeout,
            permanent=permanent,
            retry=retry,
            attempts=attempts,
        )
        self._bindings[payload_type.kind] = replace(self._bindings[payload_type.kind], batch=rule)

    def handler(
        self,
        payload_type: type[PayloadT],
        *,
        timeout: timedelta = DEFAULT_TIMEOUT,
        runs: Runs | Literal["loop", "thread", "child"] | None = None,
        permanent: tuple[type[Exception], ...] = (),
        retry: RetryPolicy | None = None,
        attempts: int | None = None,
    ) -> "_Bind[PayloadT]":
        """Use `add` as a decorator."""

        def bind(handler: AnyHandler[PayloadT]) -> None:
            self.add(
                payload_type,
                handler,
                timeout=timeout,
                runs=runs,
                permanent=permanent,
                retry=retry,
                attempts=attempts,
            )

        return _Bind(bind)

    def find(self, kind: str) -> Binding | None:
        """The binding of *kind*, or None where this worker does not know it."""
        return self._bindings.get(kind)

    def kinds_of(self, place: Runs) -> list[str]:
        """The kinds whose handlers run there, by name."""
        return sorted(kind for kind, each in self._bindings.items() if each.runs is place)

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._bindings))

    def __len__(self) -> int:
        return len(self._bindings)


class _Bind(Generic[PayloadT]):
    """A decorator that leaves its function what it is."""

    def __init__(self, add: Callable[[AnyHandler[PayloadT]], None]) -> None:
        self._add = add

    @overload
    def __call__(self, handler: Handler[PayloadT], /) -> Handler[PayloadT]: ...
    @overload
    def __call__(self, handler: PlainHandler[PayloadT], /) -> PlainHandler[PayloadT]: ...
    def __call__(self, handler: AnyHandler[PayloadT], /) -> AnyHandler[PayloadT]:
        self._add(handler)
        return handler


def _kind_of(payload_type: type[Payload]) -> str:
    kind = getattr(payload_type, "kind", None)
    if not isinstance(kind, str) or not kind:
        raise RegistryError(
            f"{payload_type.__name__} has no kind: "
            'add `kind: ClassVar[str] = "area.verb"` to the model'
        )
    try:
        require_kind(kind)
    except InvalidJobError as error:
        raise RegistryError(f"{payload_type.__name__}: {error}") from error
    return kind


def _place(kind: str, runs: str | None, *, is_async: bool) -> Runs:
    if runs is None:
        return Runs.LOOP if is_async else Runs.THREAD
    try:
        place = Runs(runs)
    except ValueError:
        known = ", ".join(Runs)
        raise RegistryError(f"'{kind}' cannot run in '{runs}': known are {known}") from None
    if place is Runs.THREAD and is_async:
        raise RegistryError(
            f"the handler of '{kind}' is an `async def`, which runs in the loop or in a child: "
            "write `def`, or leave `runs` out"
        )
    return place


def _is_async(handler: Callable[..., Any]) -> bool:
    """True for a coroutine function, and for an object whose call is one."""
    call = getattr(handler, "__call__", None)  # noqa: B004 - its kind is asked for
    return inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(call)
