"""How values become colours."""

from itertools import pairwise

import numpy as np
import pytest

from consumers.handlers.tiles.colour import between, rgba
from consumers.handlers.tiles.errors import StyleError, UnknownStyle
from consumers.handlers.tiles.style import Stop, Style
from consumers.handlers.tiles.styles import PRECIPITATION, STYLES, TEMPERATURE, find_style

RANGE = (250.0, 300.0)
KELVIN = 273.15


def colour_of(style: Style, value: float) -> tuple[int, ...]:
    index = style.indices(np.array([value], dtype=np.float32))[0]
    return tuple(int(byte) for byte in style.palette[index])


def largest_step(style: Style) -> int:
    """The largest difference of a colour's bytes between two bands."""
    return int(np.abs(np.diff(style.palette[2:-1].astype(int), axis=0)).max())


@pytest.mark.parametrize("name", sorted(STYLES))
def test_every_index_has_a_colour_and_missing_is_transparent(name: str) -> None:
    style = find_style(name, RANGE)

    assert len(style.palette) == style.bands.count + 1 <= 256
    assert style.palette[0].tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("name", sorted(STYLES))
def test_at_its_stops_a_style_has_their_colours(name: str) -> None:
    style = find_style(name, RANGE)

    for stop in style.stops[1:-1]:
        difference = np.array(colour_of(style, stop.value)) - rgba(stop.colour).astype(int)
        assert np.abs(difference).max() <= 12


@pytest.mark.parametrize("name", sorted(STYLES))
def test_colours_change_in_steps_that_nobody_sees(name: str) -> None:
    assert largest_step(find_style(name, RANGE)) <= 12


def test_beyond_its_stops_a_style_goes_on_with_the_colours_of_the_ends() -> None:
    assert colour_of(TEMPERATURE, 100) == tuple(rgba(TEMPERATURE.stops[0].colour))
    assert colour_of(TEMPERATURE, 400) == tuple(rgba(TEMPERATURE.stops[-1].colour))


def test_over_and_under_colours_are_used_where_they_are_given() -> None:
    style = Style("s", (Stop(0, "#000000"), Stop(1, "#ffffff")), below="#ff0000", above="#0000ff80")

    assert colour_of(style, -0.001) == (255, 0, 0, 255)
    assert colour_of(style, 0) != (255, 0, 0, 255)
    assert colour_of(style, 0.999) != (0, 0, 255, 128)
    assert colour_of(style, 1) == (0, 0, 255, 128)


def test_below_its_threshold_precipitation_is_transparent_and_then_fades_in() -> None:
    opacities = [colour_of(PRECIPITATION, value)[3] for value in (0, 0.049, 0.06, 0.3, 1, 500)]

    assert opacities[:2] == [0, 0]
    assert opacities == sorted(opacities)
    assert opacities[-1] == 255


def test_freezing_is_the_palest_place_of_the_cold_colours() -> None:
    freezing = colour_of(TEMPERATURE, KELVIN)
    colder = [colour_of(TEMPERATURE, KELVIN - degrees) for degrees in range(1, 60)]

    assert all(sum(freezing) > sum(colour) for colour in colder)


def test_a_colour_means_the_same_value_whatever_the_layer_holds() -> None:
    assert find_style("temperature", (0.0, 1.0)) is find_style("temperature", None) is TEMPERATURE


def test_default_takes_its_range_from_the_layer() -> None:
    style = find_style("default", (1000.0, 3000.0))

    assert colour_of(style, 1000) == (68, 1, 84, 255) or colour_of(style, 999) == (68, 1, 84, 255)
    assert colour_of(style, 3000) == (253, 231, 37, 255)
    assert style is find_style("default", (1000.0, 3000.0))


@pytest.mark.parametrize(
    "value_range", [(5.0, 5.0), (0.0, 0.0), (-1e-7, 1e-7), (101_325.0, 101_325.001), (-3.0, -3.0)]
)
def test_a_layer_of_one_value_can_be_drawn(value_range: tuple[float, float]) -> None:
    style = find_style("default", value_range)

    assert 1 < style.indices(np.array([value_range[0]], dtype=np.float32))[0] < 255


@pytest.mark.parametrize("value_range", [None, (float("nan"), 1.0), (0.0, float("inf"))])
def test_default_needs_a_range(value_range: tuple[float, float] | None) -> None:
    with pytest.raises(StyleError, match="needs the range of the layer's values"):
        find_style("default", value_range)


def test_a_relative_style_cannot_draw_before_it_has_a_range() -> None:
    with pytest.raises(StyleError, match="use `over`"):
        STYLES["default"].indices(np.zeros(1, dtype=np.float32))


def test_an_unknown_style_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UnknownStyle, match=r"did you mean 'temperature'\? there are default, "):
        find_style("temprature", None)


@pytest.mark.parametrize(
    "stops", [(), (Stop(0, "#000000"),), (Stop(1, "#000000"), Stop(0, "#ffffff"))]
)
def test_a_style_needs_rising_stops(stops: tuple[Stop, ...]) -> None:
    with pytest.raises(StyleError, match="two stops or more"):
        Style("s", stops)


@pytest.mark.parametrize("colour", ["red", "#fff", "#FFFFFF", "#1234567", "#12345g"])
def test_a_colour_is_written_in_one_way(colour: str) -> None:
    with pytest.raises(StyleError, match="#rrggbb"):
        rgba(colour)


def test_between_two_colours_lightness_goes_straight() -> None:
    """Blue and yellow meet in a grey in sRGB; in Oklab the way stays as light as its ends."""
    way = between(rgba("#0000ff"), rgba("#ffff00"), np.linspace(0, 1, 9))
    light = way[:, :3] @ np.array([0.2126, 0.7152, 0.0722])

    assert way[0].tolist() == [0, 0, 255, 255]
    assert way[-1].tolist() == [255, 255, 0, 255]
    assert all(one < other for one, other in pairwise(light))


def test_a_transparent_colour_takes_the_hue_of_its_neighbour() -> None:
    way = between(rgba("#00000000"), rgba("#ff0000ff"), np.array([0.0, 0.5]))

    assert way.tolist() == [[255, 0, 0, 0], [255, 0, 0, 128]]
