"""The address of a page or a file on the web."""

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from producers.payloads.fields.text import CONTROLS

#: The longest address, in characters.
WEB_URL_LENGTH_MAX = 2048

#: Schemes that a worker may speak: no files, no other protocols.
SCHEMES = ("http", "https")

_UNSEEN = re.compile(rf"[\s\\{CONTROLS}]")


def is_web_url(value: str) -> bool:
    """Whether *value* begins as a web address does, whatever else is wrong with it."""
    return value.lower().startswith(tuple(f"{scheme}://" for scheme in SCHEMES))


def require_web_url(value: str) -> str:
    """*value*, if a worker may be asked to fetch it. No message repeats it: it may hold a password.

    Whether the host is one that may be asked is known only when its name is resolved, by
    whoever fetches it.

    Raises:
        ValueError: not http or https, no host, a user name or password, a port that does not
            exist, or white space, control characters or backslashes.
    """
    if not is_web_url(value):
        raise ValueError("a web address begins with http:// or https://")
    if _UNSEEN.search(value):
        raise ValueError(
            "a web address has no spaces, control characters or backslashes: percent-encode them"
        )
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"a web address that cannot be read: {error}") from error
    if "@" in parts.netloc:
        raise ValueError("a web address carries no user name or password: jobs are stored")
    if not parts.hostname or port == 0:
        raise ValueError("a web address names a host, and no port 0")
    return value


#: An http or https address of at most 2048 characters, as it was given: nothing is normalised.
WebUrl = Annotated[
    str,
    Field(min_length=1, max_length=WEB_URL_LENGTH_MAX, json_schema_extra={"format": "uri"}),
    AfterValidator(require_web_url),
]
