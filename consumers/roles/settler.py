"""Records outcomes: those that gather while a round trip is under way go with the next."""

from collections import deque

import anyio
from redis.exceptions import RedisError

from consumers.dues import Dues
from consumers.failpoints import failpoint
from consumers.inflight import Inflight
from consumers.logs import Logger
from consumers.metrics import Metrics
from consumers.orphans import Orphans
from consumers.outage import Outage
from streams.keys import Keys
from streams.server import Server
from streams.settle import Outcome, Retention, Settled, first_call, settle
from streams.trouble import Trouble, trouble_of

#: Waits between two tries at a server that does not answer.
BACKOFF_FIRST_S, BACKOFF_LAST_S = 0.05, 2.0


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
        orphans: Orphans,
        dues: Dues,
        metrics: Metrics,
        log: Logger,
    ) -> None:
        self._server = server
        self._keys = keys
        self._consumer = consumer
        self._retention = retention
        self._inflight = inflight
        self._orphans = orphans
        self._dues = dues
        self._outage = Outage(
            "settler", metrics, log, first_s=BACKOFF_FIRST_S, last_s=BACKOFF_LAST_S
        )
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
            batch = first_call(self._waiting)
            for _ in batch:
                self._waiting.popleft()
            await self._record(batch)

    async def _record(self, batch: list[Outcome]) -> None:
        """Repeat the same call until it is answered: the server knows what it has recorded.

        What is refused for now (a replica, too few replicas, a full disk) is held and
        repeated like what is not answered: the fence decides at the end.
        """
        while batch:
            try:
                failpoint("before_settle")
                answers = await settle(
                    self._server, self._keys, self._consumer, batch, self._retention
                )
            except (RedisError, OSError) as error:
                wait_s = self._outage.failed("settle_failed", error, outcomes=len(batch))
                if trouble_of(error) is Trouble.REFUSED:
                    await self._record_apart(batch, error)
                    return
                await anyio.sleep(wait_s)
                # What was lost meanwhile needs no record.
                batch = [each for each in batch if each.delivery.token in self._inflight]
            else:
                failpoint("after_settle")
                self._outage.over()
                for outcome, answer in zip(batch, answers, strict=True):
                    self._ended(outcome, answer)
                return

    async def _record_apart(self, batch: list[Outcome], error: Exception) -> None:
        """One outcome that the server refuses must not hold up its neighbours.

        What is refused alone too is given up here: its lease lapses, and the claimer's
        count of losses ends it.
        """
        if len(batch) == 1:
            [outcome] = batch
            self._log.error("settle_refused", job_id=outcome.delivery.id, error=str(error))
            self._orphans.leave(outcome.delivery.token)
            self._inflight.remove(outcome.delivery.token)
            return
        for outcome in batch:
            await self._record([outcome])

    def _ended(self, outcome: Outcome, answer: Settled) -> None:
        self._metrics.answered(outcome, answer)
        if answer is Settled.LOST:
            self._metrics.fenced()
            self._log.warning("outcome_fenced", job_id=outcome.delivery.id)
        elif outcome.delay_ms:
            self._dues.expect(outcome.delay_ms)
        self._inflight.remove(outcome.delivery.token)
