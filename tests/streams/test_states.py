"""The moves of a job: the table in the code, the page, and what the scripts are called."""

import re
from pathlib import Path

import pytest

from streams.scripts.loader import load
from streams.state import ENDS, MOVES, State

PAGE = Path(__file__).parents[2] / "docs" / "states.md"

_ARROW = re.compile(r"^ +(\S+) --> (\S+): (\w+)$", re.MULTILINE)
_TABLE_ROW = re.compile(r"^\| (\w+) \| (-|\w+) \| (-|\w+) \| .+ \|$", re.MULTILINE)

Move = tuple[str, State | None, State | None]


def move(transition: str, source: str, target: str) -> Move:
    def state(word: str) -> State | None:
        return None if word in {"[*]", "-"} else State(word)

    return transition, state(source), state(target)


def rows_of_page() -> list[Move]:
    rows = _TABLE_ROW.findall(PAGE.read_text())
    return [move(*row) for row in rows if row[0] != "transition"]


def test_the_drawing_shows_the_moves_of_the_code() -> None:
    drawn = [move(name, *ends) for *ends, name in _ARROW.findall(PAGE.read_text())]

    assert set(drawn) == MOVES
    assert len(drawn) == len(MOVES), "an arrow is drawn twice"


def test_the_table_names_the_moves_of_the_code() -> None:
    rows = rows_of_page()

    assert set(rows) == MOVES
    assert len(rows) == len(MOVES), "a move is listed twice"


@pytest.mark.parametrize("transition", sorted({transition for transition, _, _ in MOVES}))
def test_each_transition_is_a_script_of_its_name(transition: str) -> None:
    assert load(transition).name == transition


def test_every_state_can_be_reached_and_only_ends_are_left_by_operators() -> None:
    reached = {target for _, _, target in MOVES if target}
    leaving_an_end = {name for name, source, _ in MOVES if source in ENDS}

    assert reached == set(State)
    assert leaving_an_end == {"replay", "purge", "remove"}


def test_the_ends_are_the_states_where_nothing_happens_any_more() -> None:
    assert {state for state in State if state.is_end} == ENDS
    assert {State.COMPLETED, State.DEAD, State.CANCELLED} == ENDS
