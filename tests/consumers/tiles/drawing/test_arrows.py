"""Arrows point to where the wind blows."""

import numpy as np
import numpy.typing as npt
import pytest

from consumers.handlers.tiles.drawing.arrows import Arrows
from consumers.handlers.tiles.drawing.glyphs import Halo
from consumers.handlers.tiles.drawing.winds import Winds
from consumers.handlers.tiles.errors import StyleError

STYLE = Arrows()
Y, X = np.mgrid[0:80, 0:80] + 0.5 - 40


def one(speed: float, bearing_deg: float = 90, style: Arrows = STYLE) -> npt.NDArray[np.float64]:
    angle = np.radians(bearing_deg)
    winds = Winds(
        np.array([[40.0, 40.0]]),
        np.array([[np.sin(angle), -np.cos(angle)]]) * (speed > 0),
        np.array([speed]),
        np.array([False]),
    )
    *_, ink = style.draw(winds, (80, 80))
    return ink.coverage / 255


def length(drawn: npt.NDArray[np.float64]) -> float:
    return float(np.ptp(X[drawn > 0.5])) + 1


@pytest.mark.parametrize("bearing_deg", range(0, 360, 24))
def test_the_head_is_where_the_wind_blows_to(bearing_deg: float) -> None:
    drawn = one(20, bearing_deg)

    angle = np.radians(bearing_deg)
    ahead = X * np.sin(angle) - Y * np.cos(angle)
    aside = X * np.cos(angle) + Y * np.sin(angle)
    # There is more of it in front, and it is as long on both sides of its place.
    assert np.average(ahead, weights=drawn) > 2
    assert np.average(aside, weights=drawn) == pytest.approx(0, abs=0.3)
    inked = ahead[drawn > 0.5]
    assert inked.max() + inked.min() == pytest.approx(0, abs=1.5)


def test_it_is_longer_the_faster_the_wind_and_then_no_longer() -> None:
    lengths = [length(one(speed)) for speed in (1, 6, 12, 18, 25, 60)]

    assert lengths == sorted(lengths)
    assert lengths[0] == pytest.approx(8, abs=3)
    assert lengths[4] == pytest.approx(28, abs=2)
    assert lengths[5] == lengths[4]


def test_calm_air_is_a_dot() -> None:
    for speed in (0.0, 0.4):
        drawn = one(speed)
        assert 0.5 < drawn.sum() < 4
        assert drawn[39:41, 39:41].sum() > 0.5


@pytest.mark.parametrize("halo", [None, Halo(width_px=4)])
def test_no_arrow_reaches_further_than_it_says(halo: Halo | None) -> None:
    style = Arrows(halo=halo)
    winds = Winds(
        np.array([[40.0, 40.0]]), np.array([[0.6, 0.8]]), np.array([90.0]), np.array([False])
    )

    for ink in style.draw(winds, (80, 80)):
        assert np.hypot(X, Y)[ink.coverage > 0].max() <= style.reach_px


def test_twice_as_fine_is_twice_as_large() -> None:
    assert STYLE.scaled(2).longest_px == 2 * STYLE.longest_px
    assert length(one(25, style=STYLE.scaled(2))) == pytest.approx(2 * length(one(25)), abs=2)


def test_lengths_and_speeds_that_do_not_rise_are_refused() -> None:
    with pytest.raises(StyleError, match="that rise"):
        Arrows(shortest_px=30)
    with pytest.raises(StyleError, match="that rise"):
        Arrows(full_m_per_s=0.5)
