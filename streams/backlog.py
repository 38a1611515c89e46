"""Jobs that wait for their tenant's turn, and its coming; switching that on and off.

In a fair queue the streams are kept short: what comes beyond a window waits beside them, by
rounds, of which each has one job a tenant. `docs/decisions/0008-turns-before-the-streams.md`
says why.
"""

from collections.abc import Sequence
from typing import Any

from streams.delayed import arrival_row, held_slots
from streams.errors import InvalidJobError
from streams.keys import Keys
from streams.priority import Priority
from streams.scripts.loader import load
from streams.server import Server
from streams.settle import Retention

#: Jobs that wait in the stream of a level before the next ones are let in, and the most.
WINDOW, WINDOW_MAX = 100, 10_000
#: Jobs moved in one call: a millisecond of the server.
ADMIT_MAX = 50

_NEXT = load("next_turns")
_ADMIT = load("admit")
_NOT_NOW = 0
#: Rounds of a level (`_rounds.lua`).
_ROUNDS = 10**15


async def admit(server: Server, keys: Keys, retention: Retention) -> tuple[int, bool]:
    """Move up to `ADMIT_MAX` jobs whose turn has come into their streams, as these have room.

    Any number of callers may do so at once: the order of the turns is kept. Returns how many
    have left the backlog, and whether there may be more to move at once.
    """
    ids: list[bytes] = await server.run(
        _NEXT,
        keys={
            **keys.streams,
            "backlog": keys.backlog,
            "turns": keys.turns,
            "gate": keys.gate,
        },
        args={"count": ADMIT_MAX},
    )
    if not ids:
        return 0, False
    codes = await let_in(server, keys, [id_.decode() for id_ in ids], retention)
    return sum(code != _NOT_NOW for code in codes), len(ids) == ADMIT_MAX


async def let_in(
    server: Server, keys: Keys, names: Sequence[str], retention: Retention
) -> list[int]:
    """Move each of *names* that is the next one, where there is room; the codes of `admit.lua`."""
    slots = await held_slots(server, keys, names)
    codes: list[int] = await server.run(
        _ADMIT,
        keys={
            **keys.streams,
            "backlog": keys.backlog,
            "turns": keys.turns,
            "dead": keys.dead,
            "events": keys.events,
            "watchers": keys.watchers,
            "counters": keys.counters,
            "gate": keys.gate,
        },
        args={"ended_ttl_ms": retention.ended_ttl_ms, "dead_ttl_ms": retention.dead_ttl_ms},
        rows=[arrival_row(keys, name, slot) for name, slot in zip(names, slots, strict=True)],
    )
    return codes


def places_of(level: Priority) -> tuple[int, str]:
    """The places of a level in the backlog, as a range of its scores."""
    return level.level * _ROUNDS, f"({(level.level + 1) * _ROUNDS}"


async def share(server: Server, keys: Keys, *, window: int = WINDOW) -> bool:
    """Let the tenants of a queue share its workers in turn; False where it was so before.

    *window* jobs at most wait in the stream of each level: the next ones come as these are
    taken. A tenant's first job is behind them, so that a smaller one is fairer, and a larger
    one keeps more workers busy.

    Raises:
        InvalidJobError: *window* is not 1 to `WINDOW_MAX`.
    """
    if not 1 <= window <= WINDOW_MAX:
        raise InvalidJobError(f"a window has 1 to {WINDOW_MAX} jobs, got {window}")
    before: Any = await server.client.hget(keys.gate, "fair")
    await server.client.hset(keys.gate, "fair", str(window))
    return bool(before != str(window).encode())


async def stop_sharing(server: Server, keys: Keys) -> bool:
    """Take jobs as they come; False where it was so before.

    What waits for its turn is let into the streams at once, in its order.
    """
    return bool(await server.client.hdel(keys.gate, "fair"))
