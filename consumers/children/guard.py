"""The first that a child process does: limits for itself, and a short leash.

Started by its path and not as a module, because importing the package takes longer than
all of this, and a worker may die meanwhile. Until `main` imports the rest, this file needs
nothing but the standard library.
"""

import argparse
import ctypes
import os
import resource
import signal
import sys
from contextlib import suppress
from pathlib import Path

#: Of `prctl`, Linux: the signal that a process gets when the thread that started it ends.
_PR_SET_PDEATHSIG = 1
#: From -1000 to 1000: whom the kernel ends first when the machine's memory is short.
_OOM_SCORE = "800"


def limit_memory(memory_bytes: int) -> None:
    """Let this process have *memory_bytes* of address space, and write no core file.

    RLIMIT_AS counts what is mapped, not what is used: code, libraries, thread stacks and
    memory that was reserved and never touched count as well.
    """
    _soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard != resource.RLIM_INFINITY:
        memory_bytes = min(memory_bytes, hard)
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Where the kernel has to choose, it takes this process and not the worker.
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE, encoding="ascii")


def die_with_parent(parent_pid: int) -> None:
    """Have the kernel end this process with its parent, where it can (Linux).

    Elsewhere the end of the socket says so, to a child whose event loop turns.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    # A group of its own: what it starts is ended with it.
    os.setpgid(0, 0)
    if os.getppid() != parent_pid:  # it had ended before
        os._exit(0)


def leave_signals_to_parent() -> None:
    """Ignore what a terminal or a service manager sends to the whole group.

    The worker decides when its children end: a shutdown has a grace period.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def main() -> None:
    """Become a child of the worker that has started this process, and serve it."""
    parser = argparse.ArgumentParser(prog="a child process of millstream-worker")
    parser.add_argument("--channel", type=int, required=True, help="number of the open socket")
    parser.add_argument("--parent", type=int, required=True, help="process of the worker")
    parser.add_argument("--memory-bytes", type=int, required=True)
    parser.add_argument("--system", default="")
    parser.add_argument("--factory", default="")
    given = parser.parse_args()
    leave_signals_to_parent()
    die_with_parent(given.parent)
    limit_memory(given.memory_bytes)
    # Here, and not at the top: see there.
    from consumers.children.child import run_child  # noqa: PLC0415 - see above

    run_child(given.channel, given.system, given.factory)


if __name__ == "__main__":
    main()
