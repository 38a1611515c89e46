"""How urgency is named."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.priority import LEVELS, Priority


def test_levels_are_numbered_from_the_most_urgent() -> None:
    assert [(each.value, each.level) for each in LEVELS] == [
        ("critical", 1),
        ("high", 2),
        ("normal", 3),
        ("low", 4),
    ]


@pytest.mark.parametrize(
    ("number", "level"),
    [
        (255, Priority.CRITICAL),
        (250, Priority.CRITICAL),
        (249, Priority.HIGH),
        (200, Priority.HIGH),
        (199, Priority.NORMAL),
        (100, Priority.NORMAL),
        (99, Priority.LOW),
        (0, Priority.LOW),
    ],
)
def test_the_scale_of_numbers_has_its_borders_where_the_docs_say(
    number: int, level: Priority
) -> None:
    assert Priority.of(number) is level


@given(one=st.integers(0, 255), other=st.integers(0, 255))
def test_a_larger_number_is_never_less_urgent(one: int, other: int) -> None:
    if one >= other:
        assert Priority.of(one).level <= Priority.of(other).level


@pytest.mark.parametrize(
    ("word", "level"),
    [
        ("critical", Priority.CRITICAL),
        (" High ", Priority.HIGH),
        ("LOW", Priority.LOW),
        ("urgent", Priority.CRITICAL),
        (Priority.NORMAL, Priority.NORMAL),
    ],
)
def test_words_and_levels_name_themselves(word: str, level: Priority) -> None:
    assert Priority.of(word) is level


@pytest.mark.parametrize("value", ["", "soon", "128", -1, 256, 10**30])
def test_what_names_no_level_is_refused_with_what_does(value: str | int) -> None:
    with pytest.raises(ValueError, match="critical, high, normal, low or a number 0-255, got"):
        Priority.of(value)
