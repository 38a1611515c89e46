"""Jobs that wait for their time."""

from streams.keys import Keys
from streams.scripts.loader import load
from streams.server import Server
from streams.settle import Retention

#: Jobs moved in one call.
PROMOTE_MAX = 100

_DUE = load("due")
_PROMOTE = load("promote")
_PROMOTED = 1


async def promote_due(server: Server, keys: Keys, retention: Retention) -> tuple[int, int | None]:
    """Move up to `PROMOTE_MAX` due jobs into their streams.

    Returns how many were moved, and the milliseconds until the next one is due: 0 where
    more is due already, None where nothing waits.
    """
    ids, next_ms = await server.run(
        _DUE, keys={"delayed": keys.delayed}, args={"count": PROMOTE_MAX}
    )
    wait_ms = next_ms if next_ms >= 0 else None
    if not ids:
        return 0, wait_ms
    names = [id_.decode() for id_ in ids]
    codes = await server.run(
        _PROMOTE,
        keys={
            **keys.streams,
            "delayed": keys.delayed,
            "dead": keys.dead,
            "counters": keys.counters,
        },
        args={"dead_ttl_ms": retention.dead_ttl_ms},
        rows=[((keys.job(name), keys.body(name), keys.history(name)), (name,)) for name in names],
    )
    moved = sum(code == _PROMOTED for code in codes)
    return moved, 0 if len(names) == PROMOTE_MAX else wait_ms
