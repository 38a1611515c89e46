"""The states of jobs as people name them in commands."""

import typer

from streams.listing import LISTED
from streams.state import State

#: Words that other services have for the same.
_WORDS = {"waiting": State.READY, "active": State.RUNNING, "failed": State.DEAD}


def state_of(word: str) -> State:
    """The state that *word* names: `waiting`, `running`, `delayed`, `dead`, and their like.

    Raises:
        typer.BadParameter: it names none.
    """
    known = _WORDS | {state.value: state for state in State}
    if (name := word.strip().lower()) not in known:
        listed = ", ".join(state_word(state) for state in LISTED)
        raise typer.BadParameter(f"there is no state {word!r:.40}: {listed} have a list")
    return known[name]


def state_word(state: State) -> str:
    """What people call it: a ready job waits."""
    return "waiting" if state is State.READY else state.value
