"""Places between two steps of a worker where it can be made to die, for tests of exactly that.

`MILLSTREAM_FAIL=before_settle:kill` lets a worker kill itself between the end of a handler
and the record of its outcome; `before_settle:kill@3` does so at the third pass. Nothing
happens, and nothing is counted, while the variable is not set.

| action | what happens at the place |
| --- | --- |
| `kill` | SIGKILL to this process, as the kernel does when memory is short |
| `stop` | SIGSTOP to this process: it freezes until somebody sends SIGCONT |
| `raise` | a `FailpointError`, as a defect of the worker would |
| `exit` | the process ends at once with status 70, without a word to anybody |
"""

import os
import re
import signal
import sys
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from itertools import count

from consumers.errors import ConsumerError
from consumers.logs import Logger

#: Every place, in the order of a job's way through a worker.
FAILPOINTS = (
    "after_fetch",
    "after_claim",
    "before_handler",
    "before_renew",
    "after_renew",
    "after_handler",
    "before_settle",
    "after_settle",
    "before_release",
)
#: The exit status of `exit` (EX_SOFTWARE).
EXIT_STATUS = 70

_FORM = re.compile(r"(?P<name>\w+):(?P<action>\w+)(?:@(?P<pass_>[1-9]\d{0,5}))?")


class Action(StrEnum):
    """What happens at a failpoint."""

    KILL = "kill"
    """SIGKILL to this process."""
    STOP = "stop"
    """SIGSTOP to this process."""
    RAISE = "raise"
    """A `FailpointError` comes from the place."""
    EXIT = "exit"
    """The process ends at once."""


class FailpointError(ConsumerError):
    """Raised at a failpoint that was told to raise: stands for a defect of the worker."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What is to happen, where, and at which pass."""

    name: str
    action: Action
    at_pass: int = 1

    @classmethod
    def parse(cls, text: str) -> "Fate":
        """Read `name:action` or `name:action@pass`.

        Raises:
            ValueError: it has another form, or names what does not exist; says what does.
        """
        match = _FORM.fullmatch(text)
        if match is None:
            raise ValueError(
                "a failpoint is written `name:action` or `name:action@pass`, "
                f"as in `before_settle:kill@3`, got {text!r:.80}"
            )
        name, action = match["name"], match["action"]
        if name not in FAILPOINTS:
            raise ValueError(_unknown("failpoint", name, FAILPOINTS))
        actions = tuple(Action)
        if action not in actions:
            raise ValueError(_unknown("action", action, actions))
        return cls(name, Action(action), int(match["pass_"] or 1))


class _Armed:
    """A fate and the passes so far. `next` of a counter is atomic: roles run in two threads."""

    def __init__(self, fate: Fate, log: Logger) -> None:
        self._fate = fate
        self._log = log
        self._passes = count(1)

    def reach(self, name: str) -> None:
        fate = self._fate
        if name != fate.name or next(self._passes) != fate.at_pass:
            return
        self._log.error("failpoint_reached", failpoint=name, action=fate.action.value)
        sys.stdout.flush()
        if fate.action is Action.KILL:
            os.kill(os.getpid(), signal.SIGKILL)
        elif fate.action is Action.STOP:
            os.kill(os.getpid(), signal.SIGSTOP)
        elif fate.action is Action.EXIT:
            os._exit(EXIT_STATUS)
        else:
            raise FailpointError(f"the failpoint {name} was told to raise (MILLSTREAM_FAIL)")


#: One a process, and not an object that is handed around: what it does it does to the
#: process, and the places where it is asked must cost nothing.
_armed: _Armed | None = None


def arm(fate: Fate | None, log: Logger) -> None:
    """Let *fate* happen in this process from now on; with None nothing does."""
    global _armed  # noqa: PLW0603 - see above
    _armed = None
    if fate is not None:
        _armed = _Armed(fate, log)
        log.warning(
            "failpoint_armed",
            failpoint=fate.name,
            action=fate.action.value,
            at_pass=fate.at_pass,
            hint="this worker is going to fail on purpose: unset MILLSTREAM_FAIL in production",
        )


def failpoint(name: str) -> None:
    """A place where this process may be told to fail.

    Raises:
        FailpointError: it was told to raise here.
    """
    if _armed is not None:
        _armed.reach(name)


def _unknown(what: str, got: str, known: tuple[str, ...]) -> str:
    near = get_close_matches(got, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
    return f"there is no {what} {got!r:.80}: {hint}"
