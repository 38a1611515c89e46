"""How far a running job has come, as its handler says."""

import orjson

from streams.job import Delivery
from streams.keys import Keys
from streams.scripts.loader import load
from streams.server import Server

#: What is kept of a progress, as JSON; a longer message is cut.
PROGRESS_BYTES_MAX = 1024

_PROGRESS = load("progress")
_NOTED = 1


async def note_progress(
    server: Server, keys: Keys, delivery: Delivery, fraction: float, message: str = ""
) -> bool:
    """Note the progress of *delivery*: *fraction* from 0 to 1, *message* for a person.

    False where the delivery is not its consumer's any more: nothing was noted, and its
    handler must stop. Only the last progress is kept; the next attempt begins without one.

    Raises:
        ValueError: *fraction* is not from 0 to 1.
        RedisError: what the server or the network says; a progress may be dropped then.
    """
    if not 0 <= fraction <= 1:
        raise ValueError(f"a fraction is from 0 to 1, got {fraction}")
    token = delivery.token
    code = await server.run(
        _PROGRESS,
        keys={
            **keys.streams,
            "events": keys.events,
            "watchers": keys.watchers,
            "job": keys.job(delivery.id),
        },
        args={
            "consumer": token.consumer,
            "level": token.level,
            "entry": token.entry,
            "deliveries": token.deliveries,
            "id": delivery.id,
            "kind": delivery.kind,
            "progress": _packed(fraction, message),
        },
    )
    return bool(code == _NOTED)


def _packed(fraction: float, message: str) -> bytes:
    """Both as JSON, with as much of *message* as there is room for."""
    fraction = round(fraction, 4)
    # Surrogates, which JSON cannot hold, become question marks.
    message = message.encode(errors="replace").decode()
    while len(packed := orjson.dumps({"fraction": fraction, "message": message})) > (
        PROGRESS_BYTES_MAX
    ):
        surplus = len(packed) - PROGRESS_BYTES_MAX
        # A character has up to six bytes in JSON, so no more is cut than must be.
        message = message[: -max(1, surplus // 6)]
    return packed
