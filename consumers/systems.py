"""The systems that come with Millstream, by the name that `millstream-worker` takes.

A system is opened only by a worker that runs it, because its packages are heavy: a tile
worker imports numpy and no HTTP client.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, cast

from consumers.errors import ConsumerError, MissingExtraError
from consumers.registry import Registry
from streams.cache import Cache

#: Opens what the handlers of a system share (stores, catalogs) and binds its kinds.
OpenSystem = Callable[[Cache, Mapping[str, str]], AbstractAsyncContextManager[Registry]]


@dataclass(frozen=True, slots=True)
class System:
    """Where a system lives and what it is for.

    *variables* are the names under which its users know settings of the worker, with the
    fields that they set (see `worker_settings`), and *defaults* are its own for such fields.
    """

    name: str
    module: str
    summary: str
    variables: Mapping[str, str] = field(default_factory=dict[str, str])
    defaults: Mapping[str, Any] = field(default_factory=dict[str, Any])


SYSTEMS: Mapping[str, System] = {
    system.name: system
    for system in (
        System("tiles", "consumers.handlers.tiles.system", "weather-map tiles from forecasts"),
        System(
            "gradients",
            "consumers.handlers.gradients.system",
            "palettes, gradients and blur placeholders of gallery images",
            variables={"GRADIENT_WORKER_CONCURRENCY": "concurrency"},
            # Its children do not grow, and a new one costs as much as thirty pictures.
            defaults={"concurrency": 2, "child_jobs_max": 1000},
        ),
    )
}


class UnknownSystemError(ConsumerError):
    """Raised at start for a system that does not exist."""

    def __init__(self, name: str) -> None:
        known = ", ".join(sorted(SYSTEMS))
        super().__init__(f"there is no system '{name}': known are {known}")


def system_named(name: str) -> System:
    """The system *name*.

    Raises:
        UnknownSystemError: there is none.
    """
    if name not in SYSTEMS:
        raise UnknownSystemError(name)
    return SYSTEMS[name]


def find_system(name: str) -> OpenSystem:
    """The way to open the system *name*.

    Raises:
        UnknownSystemError: there is none.
        MissingExtraError: its packages are not installed.
    """
    system = system_named(name)
    try:
        module = import_module(system.module)
    except ModuleNotFoundError as error:
        raise MissingExtraError(name, error.name or "?") from error
    return cast("OpenSystem", module.open_system)
