"""How a process ended, in the words that a history and a cause of death use."""

import signal

#: What a child exits with when its memory is used up. Not one of the usual numbers.
EXIT_MEMORY = 77


def exit_words(status: int) -> str:
    """`killed by SIGSEGV`, `memory limit` or `exit status 3`.

    *status* is the exit status, negative for the signal that ended the process.
    """
    if status == EXIT_MEMORY:
        return "memory limit"
    if status >= 0:
        return f"exit status {status}"
    try:
        return f"killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"killed by signal {-status}"
