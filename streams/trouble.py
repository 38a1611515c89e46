"""What an error of the server, or of the way to it, means for whoever made the call.

Everybody asks here, so that no answer is waited out by one role and given up by another.
"""

import re
from enum import Enum

from redis.exceptions import ResponseError

#: Answers about the server and not about the call: it starts, is full, runs a long script,
#: cannot write to its disk, is being replaced, or its operator is changing rights. The
#: library takes the word off the text of some; 6.2 wraps all errors of a script's commands
#: into a sentence, in the middle of which the word stands.
_PASSING = frozenset(
    {
        "LOADING",
        "BUSY",
        "MISCONF",
        "OOM",
        "READONLY",
        "NOREPLICAS",
        "MASTERDOWN",
        "CLUSTERDOWN",
        "TRYAGAIN",
        "NOPERM",
        "NOAUTH",
        "NOSCRIPT",
    }
)
#: How a script is told that its caller lacks a right; no word stands before it.
_NO_RIGHT = "The user executing the script can't"
_WORD = re.compile(r"(?:^|[\s-])([A-Z]{3,})(?=\s|:|$)")
_LOST = frozenset({"NOGROUP", "UNBLOCKED"})
#: The other reason for which a blocked read ends: the server has become a replica.
_DEMOTED = "instance state changed"


class Trouble(Enum):
    """What to do about an error."""

    PASSES = "passes"
    """Wait, and make the same call again: no answer, or one that will change."""
    GROUP_LOST = "group lost"
    """Streams or groups are gone (a flush, a failover, a deleted key): make them again."""
    REFUSED = "refused"
    """The same call would always be refused."""


def trouble_of(error: BaseException) -> Trouble:
    """Read *error*; whatever is no answer of the server passes."""
    if not isinstance(error, ResponseError):
        return Trouble.PASSES
    words, said = _words(error), str(error)
    if words & _LOST and _DEMOTED not in said:
        return Trouble.GROUP_LOST
    if words & _PASSING or _DEMOTED in said or _NO_RIGHT in said:
        return Trouble.PASSES
    return Trouble.REFUSED


def is_group_lost(error: BaseException) -> bool:
    """True where *error* says that a stream or its group is gone."""
    return trouble_of(error) is Trouble.GROUP_LOST


def is_read_only(error: BaseException) -> bool:
    """True where a replica has answered: the master is somewhere else now."""
    return isinstance(error, ResponseError) and (
        "READONLY" in _words(error) or _DEMOTED in str(error)
    )


def is_starting(error: BaseException) -> bool:
    """True where the server is there and will answer when it has read its data."""
    return str(getattr(error, "status_code", "")) == "LOADING"


def _words(error: ResponseError) -> set[str]:
    """The code of an answer, wherever the library or the server has put it."""
    code = str(getattr(error, "status_code", None) or "")
    return {code, *_WORD.findall(str(error))}
