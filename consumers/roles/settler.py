"""Records outcomes: those that gather while a round trip is under way go with the next."""

from collections import deque

import anyio
from redis.exceptions import (
    ClusterDownError,
    MasterDownError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)

from consumers.inflight import Inflight
from consumers.logs import Logger
from consumers.metrics import Metrics
from streams.keys import Keys
from streams.server import Server
from streams.settle import SETTLE_MAX, Outcome, Retention, Settled, settle

#: Waits between two tries at a server that does not answer.
BACKOFF_FIRST_S, BACKOFF_LAST_S = 0.05, 2.0
#: Answers that pass: the server starts, is full, or is being replaced. The library makes
#: classes of some and takes the word off their text; inside a script's error, or in the
#: way that 6.2 tells it, the word is all there is.
_PASSING = (
    "LOADING",
    "BUSY",
    "MISCONF",
    "OOM",
    "READONLY",
    "NOREPLICAS",
    "MASTERDOWN",
    "CLUSTERDOWN",
)
_PASSING_CLASSES = (ClusterDownError, MasterDownError, OutOfMemoryError, ReadOnlyError)


class Settler:
    """A queue of outcomes and the task that records them.

    It is bounded by `Inflight`: an outcome stays in hand until it is recorded, and no more
    is fetched while too many wait.
    """

    def __init__(
        self,
        server: Server,
        keys: Keys,
        consumer: str,
        retention: Retention,
        inflight: Inflight,
        metrics: Metrics,
        log: Logger,
    ) -> None:
        self._server = server
        self._keys = keys
        self._consumer = consumer
        self._retention = retention
        self._inflight = inflight
        self._metrics = metrics
        self._log = log
        self._waiting: deque[Outcome] = deque()
        self._arrived = anyio.Event()

    def submit(self, outcome: Outcome) -> None:
        """Have *outcome* recorded."""
        self._waiting.append(outcome)
        self._arrived.set()

    async def run(self) -> None:
        """Record what is submitted, until cancelled."""
        while True:
            while not self._waiting:
                self._arrived = anyio.Event()
                await self._arrived.wait()
            batch = [self._waiting.popleft() for _ in range(min(SETTLE_MAX, len(self._waiting)))]
            await self._record(batch)

    async def _record(self, batch: list[Outcome]) -> None:
        """Repeat the same call until it is answered: the server knows what it has recorded."""
        wait_s = BACKOFF_FIRST_S
        while batch:
            try:
                answers = await settle(
                    self._server, self._keys, self._consumer, batch, self._retention
                )
            except (RedisError, OSError) as error:
                self._metrics.role_failed("settler")
                if isinstance(error, ResponseError) and not _passes(error):
                    await self._record_apart(batch, error)
                    return
                self._log.warning("settle_failed", error=str(error), outcomes=len(batch))
                await anyio.sleep(wait_s)
                wait_s = min(wait_s * 2, BACKOFF_LAST_S)
                # What was lost meanwhile needs no record.
                batch = [each for each in batch if each.delivery.token in self._inflight]
            else:
                for outcome, answer in zip(batch, answers, strict=True):
                    self._ended(outcome, answer)
                return

    async def _record_apart(self, batch: list[Outcome], error: ResponseError) -> None:
        """One outcome that the server refuses must not hold up its neighbours.

        What is refused alone too is given up here: its lease lapses, and the claimer's
        count of losses ends it.
        """
        if len(batch) == 1:
            self._log.error("settle_refused", job_id=batch[0].delivery.id, error=str(error))
            self._inflight.remove(batch[0].delivery.token)
            return
        for outcome in batch:
            await self._record([outcome])

    def _ended(self, outcome: Outcome, answer: Settled) -> None:
        if answer is Settled.LOST:
            self._metrics.fenced()
            self._log.warning("outcome_fenced", job_id=outcome.delivery.id)
        self._inflight.remove(outcome.delivery.token)


def _passes(error: ResponseError) -> bool:
    return isinstance(error, _PASSING_CLASSES) or any(word in str(error) for word in _PASSING)
