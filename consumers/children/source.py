"""Where a child process has its handlers from: what the operator named, never what a job says."""

import inspect
import re
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from importlib import import_module
from typing import cast

from consumers.errors import ConsumerError
from consumers.registry import Registry
from consumers.systems import find_system
from streams.cache import RedisCache
from streams.connection import connected

#: Makes the registry of a child: at once, or as a context that is left when the child ends.
#: What it really returns is seen when it is called.
Factory = Callable[[], object]

_PATH = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*\Z")


class FactoryError(ConsumerError):
    """Raised at start when the factory of a child's handlers cannot be used."""


@dataclass(frozen=True, slots=True)
class Source:
    """A system by its name, or a factory as `package.module:function`.

    *environment* is added to the child's: what its handlers need and the command line was
    told (`CACHE_URL`). It may hold passwords, which the arguments of a process may not.
    """

    system: str = ""
    factory: str = ""
    environment: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)

    def __post_init__(self) -> None:
        if bool(self.system) == bool(self.factory):
            raise FactoryError("a child has its handlers from a system or from a factory: name one")
        if self.factory and not _PATH.match(self.factory):
            raise FactoryError(
                f"a factory is written `package.module:function`, got {self.factory!r:.120}"
            )


def find_factory(path: str) -> Factory:
    """The function that *path* names.

    Raises:
        FactoryError: there is no such module or function.
    """
    module_name, _, name = path.partition(":")
    try:
        module = import_module(module_name)
    except ImportError as error:
        raise FactoryError(f"the factory {path} cannot be imported: {error}") from error
    found = getattr(module, name, None)
    if not callable(found):
        raise FactoryError(f"the module {module_name} has no function '{name}'")
    return cast("Factory", found)


@asynccontextmanager
async def open_registry(source: Source, environment: Mapping[str, str]) -> AsyncGenerator[Registry]:
    """The handlers of *source*, until the block ends.

    Raises:
        ConsumerError: the system or the factory cannot be opened.
    """
    if source.system:
        open_system = find_system(source.system)
        url = environment.get("CACHE_URL") or environment.get("REDIS_URL", "")
        async with (
            connected(url) as client,
            open_system(RedisCache(client), environment) as registry,
        ):
            yield registry
        return
    made = find_factory(source.factory)()
    if isinstance(made, Registry):
        yield made
    elif isinstance(made, AbstractAsyncContextManager):
        opened = cast("AbstractAsyncContextManager[Registry]", made)
        async with opened as registry:
            yield registry
    else:
        if inspect.iscoroutine(made):
            made.close()
        raise FactoryError(
            f"the factory {source.factory} must return a Registry, or an asynchronous context "
            f"manager of one, got {type(made).__name__}"
        )
