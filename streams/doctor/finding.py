"""What one check found."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad it is."""

    OK = "ok"
    """As it should be."""
    UNKNOWN = "unknown"
    """Could not be seen, mostly for lack of rights."""
    WARN = "warn"
    """Works, and will hurt one day."""
    FAIL = "fail"
    """Jobs are lost, or are not run."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check: what was found, and what to do where that is not well."""

    check: str
    severity: Severity
    found: str
    advice: str = ""
    queue: str = ""
    """Where it was found; empty for what concerns the whole server."""


def fine(check: str, found: str, queue: str = "") -> Finding:
    """A finding that asks for nothing."""
    return Finding(check, Severity.OK, found, "", queue)


def exit_status(severities: list[Severity], *, strict: bool) -> int:
    """0 fine, 1 for warnings where they count (*strict*), 2 for failures."""
    if Severity.FAIL in severities:
        return 2
    return 1 if strict and Severity.WARN in severities else 0
