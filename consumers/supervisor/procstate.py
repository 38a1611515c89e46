"""Whether a process runs, as the system sees it."""

from pathlib import Path

_STOPPED = frozenset("Tt")
_GONE = frozenset("ZXx")


def is_running(pid: int) -> bool:
    """True where the process is neither stopped (SIGSTOP, a debugger) nor dead.

    False where the system does not tell (no `/proc`): who is not known to run must not
    be kept alive by somebody else.
    """
    try:
        line = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    # The name of the program stands before it in parentheses, and may hold some itself.
    state = line.rpartition(")")[2].split()[0]
    return state not in _STOPPED | _GONE
