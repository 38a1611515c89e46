"""Which failures are the same: a short name for a kind of death, pure and stable.

Two dead letters share a fingerprint when they are of one kind of job, died of one cause,
with one class of error and one message, in one function. What differs from job to job does
not count: numbers, ids, addresses, paths and quoted values are taken out of the message,
and the number of the line out of the frame, so that neither another job nor a release that
moves a few lines makes a new group.
"""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

#: Characters of a message that are looked at; workers cut theirs there too.
MESSAGE_CHARS_READ = 2_000
#: Characters of a normalised message that count: a longer one is cut at different places.
MESSAGE_CHARS_KEPT = 300
#: Bytes of the fingerprint. With 10,000 groups, two share one with a chance of 2e-7.
DIGEST_BYTES = 6

#: Rows that say nothing of why a job failed: nobody ran it, or somebody interrupted it.
_SILENT = frozenset({"released", "parked", "snoozed", "cancelled", "expired", "completed"})

#: The innermost frame is the last one; groups of exceptions indent theirs behind a bar.
_FRAME = re.compile(r'^[ \t|+-]{0,80}File "([^"\n]+)", line \d+, in (\S+)', re.MULTILINE)
#: Where a package starts, on every machine.
_INSTALLED = re.compile(r".*[/\\](?:site|dist)-packages[/\\]", re.DOTALL)

_MIXED = re.compile(r"\d[A-Za-z]")

_Replacement = str | Callable[[re.Match[str]], str]


def _word(found: re.Match[str]) -> str:
    """Ids mix letters and digits; words do not, and names such as `latin1` end in digits."""
    word = found[0]
    if word.isdigit():
        return word
    has_digit = any(char.isdigit() for char in word)
    only_hex = all(char in "0123456789abcdefABCDEF" for char in word)
    hex_id = only_hex and (has_digit or len(word) >= 16)  # noqa: PLR2004 - no English word
    return "<n>" if hex_id or _MIXED.search(word) else word


#: In this order: what holds other things first. Each is linear in the length of its text.
#: Numbers and ids become the same mark, because some hexadecimal ids have no letter.
_RULES: Sequence[tuple[re.Pattern[str], _Replacement]] = (
    (re.compile(r"\b[a-z][a-z0-9+.-]{1,20}://[^\s'\"<>]+"), "<url>"),
    (re.compile(r"""(?<!\w)(?:'[^'\n]*'|"[^"\n]*"|`[^`\n]*`)(?!\w)"""), "<value>"),
    (re.compile(r"(?<![\w.~-])(?:[A-Za-z]:|~)?[\w.-]*(?:[/\\][\w.@%+~=-]+)+[/\\]?"), "<path>"),
    (re.compile(r"\b0[xX][0-9a-fA-F]+"), "<n>"),
    (re.compile(r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"), "<n>"),
    (re.compile(r"[-+]?(?<![\w.])\d+(?:\.\d+)?[eE][-+]?\d+(?![\w.])"), "<n>"),
    (re.compile(r"\b[A-Za-z0-9]{8,}\b"), _word),
    (re.compile(r"[-+]?(?<!\w)\d+(?:[.,:_T-]\d+)*(?:[eE][-+]?\d+|Z)?(?!\w)"), "<n>"),
    (re.compile(r"[-+]?\d+(?:[.,:]\d+)*"), "<n>"),
    (re.compile(r"(<\w+>)(?:[,;]? ?\1)+"), r"\1"),
    (re.compile(r"\s+"), " "),
)


@dataclass(frozen=True, slots=True)
class Failure:
    """What a job failed of in the end; all empty where no handler said anything."""

    error: str = ""
    message: str = ""
    traceback: str = ""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """`digest` is 12 hexadecimal digits; `title` is what people read."""

    digest: str
    title: str


def fingerprint(kind: str, cause: str, failure: Failure) -> Fingerprint:
    """The fingerprint of a death."""
    message = normalised(failure.message)
    frame = innermost_frame(failure.traceback)
    died_of = normalised(cause)
    parts = (kind, died_of, failure.error, message, frame)
    packed = "\x1f".join(parts).encode(errors="replace")
    digest = hashlib.blake2b(packed, digest_size=DIGEST_BYTES).hexdigest()
    return Fingerprint(digest, _title(died_of, failure.error, message, frame))


def failure_of(history: Sequence[Mapping[str, JsonValue]]) -> Failure:
    """What the attempts since the last replay failed of, by the last that says so.

    A job whose consumer was lost last did not fail of the error before.
    """
    for row in reversed(history):
        outcome = row.get("outcome")
        if outcome == "replayed":
            break
        if outcome not in _SILENT:
            return Failure(_text(row, "error"), _text(row, "message"), _text(row, "traceback"))
    return Failure()


def normalised(message: str) -> str:
    """*message* without what differs from job to job."""
    text = message[:MESSAGE_CHARS_READ]
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text.strip()[:MESSAGE_CHARS_KEPT]


def innermost_frame(traceback: str) -> str:
    """`file:function` where the last traceback of a text ends; empty where there is none."""
    frames = _FRAME.findall(traceback)
    if not frames:
        return ""
    file, function = frames[-1]
    inside = _INSTALLED.sub("", file)
    parts = re.split(r"[/\\]", inside)
    # Checkouts lie anywhere: the last two parts name a file well enough.
    return f"{'/'.join(parts[-2:])}:{function}"


def _title(cause: str, error: str, message: str, frame: str) -> str:
    if not error:
        return cause or "no cause given"
    said = f"{error}: {message}" if message else error
    place = f" in {frame}" if frame else ""
    return f"{said}{place} ({cause})"


def _text(row: Mapping[str, JsonValue], name: str) -> str:
    value = row.get(name)
    return value if isinstance(value, str) else ""
