"""Which values get a line."""

import pytest

from consumers.handlers.tiles.drawing.levels import LEVELS_MAX, EveryLevel, ListedLevels
from consumers.handlers.tiles.errors import StyleError


def test_levels_are_counted_from_the_base() -> None:
    levels = EveryLevel(400, base=101_300, major_every=5)

    assert list(levels.between(99_200, 100_500)) == [
        (99_300, True),
        (99_700, False),
        (100_100, False),
        (100_500, False),
    ]


def test_a_level_is_a_major_one_in_every_picture() -> None:
    levels = EveryLevel(0.1, base=0.05, major_every=3)

    whole = dict(levels.between(-4, 4))
    parts = dict(levels.between(-4, 0.7)) | dict(levels.between(0.7, 4))

    assert parts == whole
    assert sum(whole.values()) == 27


def test_there_may_be_no_major_level() -> None:
    assert not any(major for _, major in EveryLevel(1, major_every=0).between(0, 50))


def test_listed_levels_are_those_within_the_range() -> None:
    levels = ListedLevels((1, 2, 5, 10, 20), majors=(5, 20))

    assert list(levels.between(2, 10)) == [(2, False), (5, True), (10, False)]


def test_too_many_lines_are_refused_with_what_to_do() -> None:
    with pytest.raises(StyleError, match=r"gives 1001 lines .*choose a larger one"):
        list(EveryLevel(1).between(0, 1000))
    assert len(list(EveryLevel(1).between(1, LEVELS_MAX))) == LEVELS_MAX


@pytest.mark.parametrize("interval", [0.0, -1.0, float("nan"), float("inf")])
def test_an_interval_is_a_positive_number(interval: float) -> None:
    with pytest.raises(StyleError, match="interval above 0"):
        EveryLevel(interval)


def test_half_a_major_level_is_refused() -> None:
    with pytest.raises(StyleError, match="counts lines from 0 on"):
        EveryLevel(1, major_every=-1)


@pytest.mark.parametrize(
    ("levels", "majors", "text"),
    [
        ((), (), "got 0"),
        ((2.0, 1.0), (), "must rise"),
        ((1.0, 1.0), (), "must rise"),
        ((1.0, float("nan")), (), "must rise"),
        ((1.0, 2.0), (3.0,), "are none of"),
        (tuple(map(float, range(LEVELS_MAX + 1))), (), f"1 .. {LEVELS_MAX} levels"),
    ],
)
def test_a_list_that_is_none_is_refused(
    levels: tuple[float, ...], majors: tuple[float, ...], text: str
) -> None:
    with pytest.raises(StyleError, match=text):
        ListedLevels(levels, majors)
