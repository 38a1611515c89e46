"""Keeping passwords out of logs and histories."""

import re

_CREDENTIALS = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*://)[^/\s@'\"]*:[^/\s@'\"]*@", re.IGNORECASE
)


def redacted(text: str) -> str:
    """*text* with the user and password of every URL replaced by `***`."""
    return _CREDENTIALS.sub(r"\1***@", text)
