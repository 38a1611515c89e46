"""Deliveries without a server."""

from itertools import count
from typing import Any

from streams.entry import decode_entry
from streams.job import Delivery, Token

_ENTRIES = count(1)


def delivery(kind: str = "test.note", payload: str = "{}", **fields: Any) -> Delivery:
    """An entry as any producer may have written it; no two are the same."""
    token = Token(3, f"1700000000000-{next(_ENTRIES)}", "box:1:ab", 1)
    return entry(token, kind=kind, payload=payload, **fields)


def entry(token: Token, **fields: Any) -> Delivery:
    """What *fields* are read as."""
    flat = [part for name, value in fields.items() for part in (name.encode(), _bytes(value))]
    return decode_entry(token, flat)


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()
