"""Repairing pending lists after the server's clock was put back."""

from streams.keys import Keys
from streams.priority import LEVELS
from streams.scripts.loader import load
from streams.server import Server

#: Rows in one window; each may be written.
RESTAMP_ROWS = 100

_RESTAMP = load("restamp")


async def restamp(server: Server, keys: Keys, *, lease_ms: int) -> int:
    """Give rows that are stamped with a moment to come the present one; returns how many.

    They keep owner and count. It may be called at any time: a row that is not from the
    future and happens to be touched is one whose owner was heard of within this millisecond.
    """
    stamped = 0
    for priority in LEVELS:
        cursor = "-"
        while cursor:
            following, count = await server.run(
                _RESTAMP,
                keys=keys.streams,
                args={
                    "level": priority.level,
                    "cursor": cursor,
                    "count": RESTAMP_ROWS,
                    "lease_ms": lease_ms,
                },
            )
            stamped += count
            cursor = following.decode()
    return stamped
