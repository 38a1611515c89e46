"""What this worker has in hand, and how much more it may take."""

import asyncio
import math
import time
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from enum import Enum
from functools import cache
from typing import Protocol

import anyio

from consumers.leases import boot_s
from streams.job import Delivery, Token


class Stop(Enum):
    """Why a running handler is ended from outside."""

    LOST = "lost"
    """Its lease was lost: nothing is recorded, another consumer has the job."""
    CANCELLED = "cancelled"
    """Somebody asked for it."""
    SHUTDOWN = "shutdown"
    """The worker ends: the job is handed back."""


class Share(Protocol):
    """The part of one job in a call for many."""

    def cancel(self) -> None:
        """This job is not wanted any more."""
        ...


class Running:
    """A delivery and the scope in which its handler runs."""

    __slots__ = (
        "_scope",
        "delivery",
        "has_solo",
        "promised_until_s",
        "renew_until_s",
        "settling",
        "share",
        "stop",
        "taken_s",
        "task",
    )

    def __init__(self, delivery: Delivery) -> None:
        self.delivery = delivery
        self._scope: anyio.CancelScope | None = None
        #: Its share of a batch, which is what ends it then.
        self.share: Share | None = None
        self.stop: Stop | None = None
        self.settling = False
        #: The deadline of the handler, on the monotonic clock.
        self.renew_until_s = math.inf
        #: The deadline if its handler began at once: who watches counts on no less while it
        #: has not begun.
        self.promised_until_s = 0.0
        #: When the lease began at the latest, on the clock of `boot_s`.
        self.taken_s = boot_s()
        #: It is a suspect, and has the one slot for those.
        self.has_solo = False
        #: What runs it; kept here, because the loop itself keeps no task alive.
        self.task: asyncio.Task[None] | None = None

    @property
    def scope(self) -> anyio.CancelScope:
        """What ends its handler; made when it is asked for: in a batch nobody does."""
        if self._scope is None:
            self._scope = _new_scope()
        return self._scope

    @contextmanager
    def waiting(self) -> Generator[None]:
        """What comes before the handler; ended from outside as the handler would be.

        Look at `stop` behind the block.
        """
        with self.scope:
            yield
        self._scope = None

    def end(self, reason: Stop) -> bool:
        """End the handler; False where it has ended, or is ending for another reason."""
        if self.stop is not None or self.settling:
            return False
        self.stop = reason
        if self.share is None:
            self.scope.cancel()
        else:
            self.share.cancel()
        return True


def _new_scope() -> anyio.CancelScope:
    """A scope of the running library, which is asked for its kind once.

    `anyio.CancelScope()` asks each time: 1.3 of the 35 microseconds of a quick job.
    """
    return _scope_type()()


@cache
def _scope_type() -> type[anyio.CancelScope]:
    return type(anyio.CancelScope())


class Inflight:
    """The deliveries of one worker, from fetch to the recorded outcome.

    A slot is taken while a handler runs. An outcome that waits for its record needs no
    slot any more, but its lease is still renewed; so many may wait as there are slots,
    and then no more is fetched. Who asks the server for jobs reserves slots first, or the
    fetcher and the claimer would both fill the same ones.

    Of suspects one is run at a time. Where it has no process of its own (*solo_apart* is
    false) nothing more is taken while it is in hand, so that it runs alone in this one.
    """

    def __init__(self, slots: int, *, solo_apart: bool = True) -> None:
        self._slots = slots
        self._solo_apart = solo_apart
        self._solo: Running | None = None
        self._held: dict[Token, Running] = {}
        self._settling = 0
        self._reserved = 0
        self._waiting = self._waiting_first = 0
        self._quota: int | None = None
        self._closed = False
        self._changed: anyio.Event | None = None
        #: Level and entry of what a claim under way may bring: no orphan, though it is
        #: pending under our name and not yet in hand.
        self.expected: set[tuple[int, str]] = set()

    @property
    def free(self) -> int:
        """Slots in which nothing runs and for which nobody asks for jobs."""
        if self._settling > self._slots or (self._solo and not self._solo_apart):
            return 0
        slots = max(0, self._slots - self.running - self._reserved)
        return slots if self._quota is None else max(0, min(slots, self._quota - self._reserved))

    @property
    def solo_free(self) -> bool:
        """True where no suspect runs: one may be claimed."""
        return self._solo is None

    @property
    def running(self) -> int:
        """Handlers that run."""
        return len(self._held) - self._settling

    def is_full(self) -> bool:
        """True while a handler has, or waits in a batch for, every slot."""
        return self.running >= self._slots

    def __len__(self) -> int:
        return len(self._held)

    def __contains__(self, token: Token) -> bool:
        return token in self._held

    def has_entry(self, level: int, entry: str) -> bool:
        """True where some delivery of this entry is in hand."""
        return any(token.level == level and token.entry == entry for token in self._held)

    def add(self, delivery: Delivery) -> Running:
        """Take a slot for *delivery*, and the one for suspects if it is one and that is free."""
        running = Running(delivery)
        if self._quota:
            self._quota -= 1
        if delivery.suspect and self._solo is None:
            running.has_solo = True
            self._solo = running
        self._held[delivery.token] = running
        return running

    def handler_ended(self, running: Running) -> None:
        """Give the slot back; the delivery stays until its outcome is recorded."""
        running.settling = True
        self._settling += 1
        self._leave_solo(running)
        self._notify()

    def remove(self, token: Token) -> None:
        """Forget a delivery whose outcome is recorded or does not matter any more."""
        running = self._held.pop(token, None)
        if running is not None:
            self._settling -= running.settling
            self._leave_solo(running)
        self._notify()

    def leases(self) -> list[tuple[Token, str]]:
        """What must be renewed. Called from the heartbeat's thread: one atomic copy.

        A handler that goes on after its deadline, because it blocks the event loop or
        ignores its cancellation, has one more lease to end; then others may take the job.
        """
        now_s = time.monotonic()
        return [
            (each.delivery.token, each.delivery.id)
            for each in self.snapshot()
            if each.settling or now_s < each.renew_until_s
        ]

    def snapshot(self) -> list[Running]:
        """What is in hand. Safe to call from any thread."""
        return list(self._held.values())

    def end(self, tokens: Iterable[Token], reason: Stop) -> int:
        """End the handlers of *tokens*; returns how many of them ran."""
        found = [self._held[token] for token in tokens if token in self._held]
        return sum([running.end(reason) for running in found])

    def end_all(self, reason: Stop) -> int:
        """End every handler; returns how many ran."""
        return self.end(list(self._held), reason)

    async def reserve(self, wanted: int, *, first: bool = False) -> int:
        """Wait for free slots and keep up to *wanted* of them; 0 after `close`.

        Who asks *first* has those that become free before all others: what a lost worker
        has left was there before any new job.
        """
        await anyio.lowlevel.checkpoint()
        self._waiting += 1
        self._waiting_first += first
        try:
            while not self._closed and not (self.free and (first or not self._waiting_first)):
                await self._next_change()
        finally:
            self._waiting -= 1
            self._waiting_first -= first
            self._notify()
        return self._keep(wanted)

    def reserve_at_once(self, wanted: int) -> int:
        """Keep up to *wanted* free slots; none where somebody else waits for one."""
        return 0 if self._waiting else self._keep(wanted)

    def _keep(self, wanted: int) -> int:
        kept = 0 if self._closed else min(wanted, self.free)
        self._reserved += kept
        return kept

    def release(self, slots: int) -> None:
        """Give back reserved slots: their jobs have been added, or did not come."""
        self._reserved -= slots
        self._notify()

    def allow(self, quota: int | None) -> None:
        """Take no more than *quota* further deliveries; None lifts the limit.

        What was asked for before may still come.
        """
        self._quota = quota
        self._notify()

    def close(self) -> None:
        """Reserve no more: the worker ends."""
        self._closed = True
        self._notify()

    async def wait_until_no_handler_runs(self) -> None:
        """Wait until the last handler has ended."""
        while self.running:
            await self._next_change()

    async def wait_until_alone(self, running: Running) -> None:
        """Wait until no other handler runs than that of *running*."""
        while self.running > (0 if running.settling else 1):
            await self._next_change()

    async def wait_until_empty(self) -> None:
        """Wait until the last outcome is recorded."""
        while self._held:
            await self._next_change()

    def _leave_solo(self, running: Running) -> None:
        if self._solo is running:
            self._solo = None

    def _notify(self) -> None:
        if self._changed is not None:
            self._changed.set()
            self._changed = None

    async def _next_change(self) -> None:
        # Made only where somebody waits: an event costs as much as a quick job's handler.
        if self._changed is None:
            self._changed = anyio.Event()
        await self._changed.wait()
