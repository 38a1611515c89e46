"""Saying "I am still at it", and learning what has been lost meanwhile."""

from collections.abc import Sequence
from dataclasses import dataclass

from streams.job import Token
from streams.keys import Keys
from streams.scripts.loader import load
from streams.server import BlockingServer

#: Entries in one call.
RENEW_MAX = 100

_RENEW = load("renew")
_LOST, _KEPT, _CANCEL = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Renewal:
    """What became of the leases."""

    lost: frozenset[Token]
    """No longer this consumer's: their handlers must stop."""
    cancel: frozenset[Token]
    """Still this consumer's, and somebody wants them ended."""


def renew(
    server: BlockingServer, keys: Keys, consumer: str, info: str, held: Sequence[tuple[Token, str]]
) -> Renewal:
    """Renew the leases of *held* (tokens with their job ids) and beat for *consumer*.

    *info* is JSON about the consumer for the worker registry.
    """
    lost: set[Token] = set()
    cancel: set[Token] = set()
    chunks = [held[at : at + RENEW_MAX] for at in range(0, len(held), RENEW_MAX)] or [[]]
    for chunk in chunks:
        codes = server.run(
            _RENEW,
            keys={**keys.streams, "cancel": keys.cancel, "workers": keys.workers},
            args={"consumer": consumer, "info": info},
            rows=[
                ((), (token.level, token.entry, token.deliveries, job_id))
                for token, job_id in chunk
            ],
        )
        for (token, _), code in zip(chunk, codes, strict=True):
            if code == _LOST:
                lost.add(token)
            elif code == _CANCEL:
                cancel.add(token)
    return Renewal(frozenset(lost), frozenset(cancel))
