"""Child processes without a queue."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from consumers.children.pool import Children
from consumers.children.process import ChildLimits
from consumers.children.source import Source
from consumers.execution import Execution, Identity
from consumers.inflight import Running
from consumers.logs import open_logger
from consumers.places import Places
from consumers.retry import RetryPolicy
from consumers.threads import Threads
from streams.settle import Outcome
from tests.consumers.support.dangers import EFFECTS_VARIABLE, FACTORY, open_registry
from tests.consumers.support.deliveries import delivery
from tests.consumers.support.kinds import Effects


class Bench:
    """Runs jobs as a worker does, in children of its own."""

    def __init__(self, execution: Execution, children: Children, effects: Effects) -> None:
        self._execution = execution
        self.children = children
        self.effects = effects

    async def run(
        self, deed: str, kind: str = "danger.child", *, text: str = "", **fields: Any
    ) -> Outcome:
        """The outcome of a job that does *deed*."""
        outcome = await self.run_as(self.taken(deed, kind, text=text, **fields))
        assert outcome is not None
        return outcome

    async def run_as(self, running: Running) -> Outcome | None:
        """The outcome of a delivery that the test may end."""
        return await self._execution.run(running)

    def taken(
        self, deed: str, kind: str = "danger.child", *, text: str = "", **fields: Any
    ) -> Running:
        """A delivery of a job that does *deed*; a suspect has the place for those."""
        payload = orjson.dumps({"deed": deed, "text": text}).decode()
        running = Running(delivery(kind, payload, **fields))
        running.has_solo = running.delivery.suspect
        return running


class Benches:
    """Opens benches."""

    def __init__(self, effects: Effects) -> None:
        self._effects = effects

    @asynccontextmanager
    async def open(
        self, *, jobs_max: int = 100, slots: int = 2, memory_mb: int = 512, factory: str = FACTORY
    ) -> AsyncIterator[Bench]:
        """A bench whose children end with the block."""
        log = open_logger("info")
        source, limits = Source(factory=factory), ChildLimits(memory_mb, jobs_max)
        async with Children.open(source, limits, slots, log) as children:
            execution = Execution(
                open_registry(),
                Identity("box:1:ab", "box", "0.1.0"),
                "work",
                RetryPolicy(),
                Places(Threads(2), children),
                chance=lambda: 0,
            )
            yield Bench(execution, children, self._effects)


@pytest.fixture
def benches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Benches:
    """Opens benches, whose effects are in a file of the test's own."""
    path = tmp_path / "effects.jsonl"
    monkeypatch.setenv(EFFECTS_VARIABLE, str(path))
    return Benches(Effects(path))


@pytest.fixture
async def bench(benches: Benches) -> AsyncIterator[Bench]:
    """A bench with the usual limits."""
    async with benches.open() as bench:
        yield bench
