"""The streams that a worker stands on: made where they are missing, missed where they are gone."""

import anyio
from redis.asyncio import Redis

from consumers.health import Health
from consumers.logs import Logger
from consumers.metrics import Metrics
from streams.groups import Groups, ensure_groups
from streams.keys import Keys


class Ground:
    """Knows a queue again by its generation, and says so loudly when it is another one.

    A flush, a failover to an empty replica or a deleted key would otherwise look like a
    queue without work. Readiness is red for *red_s*, so that a probe sees it; the metric
    stands.
    """

    def __init__(
        self, client: Redis, keys: Keys, health: Health, metrics: Metrics, log: Logger, red_s: float
    ) -> None:
        self._client = client
        self._keys = keys
        self._health = health
        self._metrics = metrics
        self._log = log
        self._red_s = red_s
        self._generation: str | None = None
        self._checking = anyio.Lock()

    async def check(self) -> None:
        """Make what is missing; the first call learns what is normal.

        Raises:
            RedisError: what the server or the network says.
        """
        # Two roles that come at once would miss the same queue twice.
        async with self._checking:
            found = await ensure_groups(self._client, self._keys)
            known, self._generation = self._generation, found.generation or self._generation
        if known is None:
            return
        if found.created:
            self._log.error(
                "groups_recreated",
                created=found.created,
                streams_missing=found.streams_missing,
                hint="streams or groups were gone: a flush, a failover or a deleted key; jobs "
                "that are still in a stream are delivered again, others are lost",
            )
        if _is_another(known, found):
            self._metrics.data_lost()
            self._health.unready(
                "queue",
                f"the data of the queue '{self._keys.queue}' was lost: a flush, a failover or "
                "a deleted stream",
                for_s=self._red_s,
            )
            self._log.error(
                "queue_data_lost",
                generation=found.generation,
                known_generation=known,
                streams_missing=found.streams_missing,
                hint="accepted jobs are gone: find out who flushed or replaced this server, and "
                "send the jobs again that were not done",
            )


def _is_another(known: str, found: Groups) -> bool:
    """True where the generation is another one, or a stream was missing altogether.

    A server that could not write the generation at the start has none to compare with.
    """
    changed = bool(known and found.generation) and found.generation != known
    return changed or found.streams_missing > 0
