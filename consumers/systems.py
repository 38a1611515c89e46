"""The systems that come with Millstream, by the name that `millstream-worker` takes.

A system is opened only by a worker that runs it, because its packages are heavy: a tile
worker imports numpy and no HTTP client.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from importlib import import_module
from typing import cast

from consumers.errors import ConsumerError, MissingExtraError
from consumers.registry import Registry
from streams.cache import Cache

#: Opens what the handlers of a system share (stores, catalogs) and binds its kinds.
OpenSystem = Callable[[Cache, Mapping[str, str]], AbstractAsyncContextManager[Registry]]


@dataclass(frozen=True, slots=True)
class System:
    """Where a system lives and what it is for."""

    name: str
    module: str
    summary: str


SYSTEMS: Mapping[str, System] = {
    system.name: system
    for system in (
        System("tiles", "consumers.handlers.tiles.system", "weather-map tiles from forecasts"),
    )
}


class UnknownSystemError(ConsumerError):
    """Raised at start for a system that does not exist."""

    def __init__(self, name: str) -> None:
        known = ", ".join(sorted(SYSTEMS))
        super().__init__(f"there is no system '{name}': known are {known}")


def find_system(name: str) -> OpenSystem:
    """The way to open the system *name*.

    Raises:
        UnknownSystemError: there is none.
        MissingExtraError: its packages are not installed.
    """
    system = SYSTEMS.get(name)
    if system is None:
        raise UnknownSystemError(name)
    try:
        module = import_module(system.module)
    except ModuleNotFoundError as error:
        raise MissingExtraError(name, error.name or "?") from error
    return cast("OpenSystem", module.open_system)
