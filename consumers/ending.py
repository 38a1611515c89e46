"""How a run of a handler ended: a value, whoever ran it (the loop, a thread, a child)."""

from dataclasses import dataclass

from consumers.attempt import Failure


@dataclass(frozen=True, slots=True)
class Returned:
    """The handler came to its end."""

    result: bytes
    """What it returned, as JSON."""


@dataclass(frozen=True, slots=True)
class Raised:
    """The handler failed."""

    failure: Failure
    """For the record: class, message and traceback."""
    error: BaseException
    """For the decision what becomes of the job. What a child process raised is known here
    only as permanent, retryable, or anything else: never by its class."""


@dataclass(frozen=True, slots=True)
class Invalid:
    """The payload does not fit its model: no handler has run."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class TimedOut:
    """The attempt has had its time."""


@dataclass(frozen=True, slots=True)
class Interrupted:
    """Ended from outside: a lost lease, a cancellation, a shutdown."""


@dataclass(frozen=True, slots=True)
class Crashed:
    """The child process that ran it has died."""

    cause: str
    """`killed by SIGSEGV`, `exit status 3`, `memory limit`."""
    output: str = ""
    """The last that it wrote: with a signal, where it was."""


@dataclass(frozen=True, slots=True)
class Unstarted:
    """No child process could be had: nobody has tried the job."""

    reason: str


Ending = Returned | Raised | Invalid | TimedOut | Interrupted | Crashed | Unstarted
