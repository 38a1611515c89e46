"""What is done with the jobs of a worker whose event loop never came to hand them back.

A handler blocks the loop, the worker was told to end, and its time is over. Its neighbours
have had no chance to stop: their jobs, and its own, are handed back here, so that a deploy
charges nobody with a loss. The process ends right after the answer.
"""

import time

import anyio
from redis.exceptions import RedisError

from consumers.attempt import AttemptRows
from consumers.execution import Identity
from consumers.inflight import Inflight, Running
from consumers.leases import boot_s
from consumers.logs import Logger
from streams.connection import open_client
from streams.keys import Keys
from streams.server import Server
from streams.settle import SETTLE_MAX, Outcome, Retention, Verdict, settle

#: A server that does not answer by then is not waited for.
PATIENCE_S = 2.0


class LastWill:
    """Carried out by another thread than that of the event loop, with a loop of its own."""

    def __init__(
        self,
        url: str,
        keys: Keys,
        identity: Identity,
        retention: Retention,
        inflight: Inflight,
        log: Logger,
    ) -> None:
        self._url = url
        self._keys = keys
        self._identity = identity
        self._retention = retention
        self._inflight = inflight
        self._log = log

    def carry_out(self) -> None:
        """Hand back whatever nobody has told to stop.

        A handler that was told, and goes on, is left to lose its lease: it is at fault.
        """
        untold = [
            each for each in self._inflight.snapshot() if each.stop is None and not each.settling
        ]
        if not untold:
            return
        try:
            anyio.run(self._hand_back, untold[:SETTLE_MAX])
        except (RedisError, OSError) as error:
            self._log.warning("last_will_failed", error=str(error))

    async def _hand_back(self, untold: list[Running]) -> None:
        client = open_client(self._url)
        with anyio.fail_after(PATIENCE_S):
            await settle(
                Server(client),
                self._keys,
                self._identity.consumer,
                [self._released(each) for each in untold],
                self._retention,
            )
        self._log.info("worker_drained", handed_back=len(untold), unsettled=0)

    def _released(self, running: Running) -> Outcome:
        now_ms = time.time_ns() // 1_000_000
        identity = self._identity
        attempt = AttemptRows(identity.consumer, identity.host, identity.version).row(
            running.delivery.attempt,
            Verdict.RELEASED.value,
            now_ms - round((boot_s() - running.taken_s) * 1000),
            now_ms,
        )
        return Outcome(running.delivery, Verdict.RELEASED, attempt=attempt)
