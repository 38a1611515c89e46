"""The doctor's round: every check of the server, then every check of each queue."""

from collections.abc import Callable, Sequence

from streams.doctor import durability, queue, safety
from streams.doctor.finding import Finding
from streams.doctor.queue import QueueVitals, take_queue_vitals
from streams.doctor.vitals import Vitals, take_vitals
from streams.keys import Keys
from streams.server import Server

SERVER_CHECKS: Sequence[Callable[[Vitals], Finding]] = (
    durability.version,
    safety.package,
    safety.embedded,
    durability.role,
    durability.eviction,
    durability.append_only,
    durability.fsync,
    durability.writes,
    durability.aof_growth,
    durability.memory,
    durability.replicas,
    durability.latency,
    durability.clients,
    durability.clock,
    safety.scripts,
    safety.password,
    safety.transport,
)
QUEUE_CHECKS: Sequence[Callable[[QueueVitals], Finding]] = (
    queue.groups,
    queue.workers,
    queue.gate,
    queue.claiming,
    queue.waiting,
    queue.delayed,
    queue.dead,
    queue.left,
    queue.stranded,
    queue.entries,
)


def examine_server(vitals: Vitals) -> list[Finding]:
    """What every check of the server finds."""
    return [check(vitals) for check in SERVER_CHECKS]


def examine_queue(vitals: QueueVitals) -> list[Finding]:
    """What every check of a queue finds."""
    return [check(vitals) for check in QUEUE_CHECKS]


async def diagnose(server: Server, url: str, queues: Sequence[Keys]) -> list[Finding]:
    """The whole round; *url* is looked at for its scheme and host.

    Raises:
        RedisError: the server does not answer, or refuses INFO.
    """
    found = examine_server(await take_vitals(server.client, url))
    for keys in queues:
        found += examine_queue(await take_queue_vitals(server, keys))
    return found
