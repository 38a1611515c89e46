"""Which handler runs which kind."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from consumers.errors import RegistryError
from consumers.handler import Handler
from producers.payloads.base import Payload
from streams.errors import InvalidJobError
from streams.job import require_kind

PayloadT = TypeVar("PayloadT", bound=Payload)

#: A handler that says nothing about its time gets this much.
DEFAULT_TIMEOUT = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Binding:
    """A payload model, the handler that runs it, and the time one attempt may take."""

    payload_type: type[Payload]
    handler: Handler[Any]
    timeout: timedelta


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
        handler: Handler[PayloadT],
        *,
        timeout: timedelta = DEFAULT_TIMEOUT,
    ) -> None:
        """Bind *handler* to the kind of *payload_type*.

        Raises:
            RegistryError: the model names no kind or one that no producer may send, the
                kind has a handler already, or the timeout is not positive.
        """
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
        if kind in self._bindings:
            raise RegistryError(f"the kind '{kind}' has a handler already: bind each kind once")
        if timeout <= timedelta(0):
            raise RegistryError(f"the timeout of '{kind}' must be positive, got {timeout}")
        self._bindings[kind] = Binding(payload_type, handler, timeout)

    def handler(
        self, payload_type: type[PayloadT], *, timeout: timedelta = DEFAULT_TIMEOUT
    ) -> Callable[[Handler[PayloadT]], Handler[PayloadT]]:
        """Use `add` as a decorator."""

        def bind(handler: Handler[PayloadT]) -> Handler[PayloadT]:
            self.add(payload_type, handler, timeout=timeout)
            return handler

        return bind

    def find(self, kind: str) -> Binding | None:
        """The binding of *kind*, or None where this worker does not know it."""
        return self._bindings.get(kind)

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._bindings))

    def __len__(self) -> int:
        return len(self._bindings)
