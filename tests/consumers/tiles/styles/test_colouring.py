"""How values become colours."""

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumers.handlers.tiles.colour import between, rgba
from consumers.handlers.tiles.errors import StyleError
from consumers.handlers.tiles.evenbands import EvenBands
from consumers.handlers.tiles.styles.colouring import STEP_MAX, Colouring
from consumers.handlers.tiles.styles.document import Coloured, Gradient
from consumers.handlers.tiles.styles.library import StyleLibrary
from consumers.handlers.tiles.styles.palettes import named_palette
from tests.support.looks import LIBRARY, PRECIPITATION, TEMPERATURE

RANGE = (250.0, 300.0)
KELVIN = 273.15

COLOURS = st.integers(0, 0xFFFFFFFF).map("#{:08x}".format)


def colouring(value_range: tuple[float, float] | None = None, **document: Any) -> Colouring:
    """The tables of a style that is not in a file."""
    library = StyleLibrary({"mine": orjson.dumps(document)})
    return library.colouring("mine", value_range)


def colour_of(style: Colouring, value: float) -> tuple[int, ...]:
    [colour] = style.colours(np.array([value]))
    return tuple(int(byte) for byte in colour)


def largest_step(palette: npt.NDArray[np.uint8]) -> int:
    """The largest difference of a colour's bytes between two bands."""
    return int(np.abs(np.diff(palette[2:-1].astype(int), axis=0)).max())


@pytest.mark.parametrize("name", LIBRARY.coloured)
def test_every_index_has_a_colour_and_missing_is_transparent(name: str) -> None:
    style = LIBRARY.colouring(name, RANGE)

    assert len(style.palette) == len(style.bands.thresholds) + 2 <= 256
    assert style.palette[0].tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("name", LIBRARY.coloured)
def test_at_its_stops_a_style_has_their_colours(name: str) -> None:
    style, document = LIBRARY.colouring(name, RANGE), LIBRARY.find(name).document

    assert isinstance(document, Coloured)
    for stop in document.stops[1:-1]:
        found = colour_of(style, document.transform.transform.stored(stop.value))
        assert np.abs(np.array(found) - rgba(stop.colour)).max() <= STEP_MAX


@pytest.mark.parametrize("name", LIBRARY.coloured)
def test_the_colours_of_gradients_change_in_steps_that_nobody_sees(name: str) -> None:
    if isinstance(LIBRARY.find(name).document, Gradient):
        assert largest_step(LIBRARY.colouring(name, RANGE).palette) <= STEP_MAX


def test_most_gradients_have_bands_of_one_width() -> None:
    """They are drawn in a sixth of the time."""
    gradients = [
        name for name in LIBRARY.coloured if isinstance(LIBRARY.find(name).document, Gradient)
    ]
    even = {
        name for name in gradients if isinstance(LIBRARY.colouring(name, RANGE).bands, EvenBands)
    }

    assert set(gradients) - even == {"cape", "precipitation", "snow_depth"}


def test_beyond_its_stops_a_style_goes_on_with_the_colours_of_the_ends() -> None:
    assert colour_of(TEMPERATURE, 100) == tuple(rgba("#1f1147"))
    assert colour_of(TEMPERATURE, 400) == tuple(rgba("#560522"))


def test_over_and_under_colours_are_used_where_they_are_given() -> None:
    stops = [[0, "#000000"], [1, "#ffffff"]]
    style = colouring(type="gradient", stops=stops, under="#ff0000", over="#0000ff80")

    assert colour_of(style, -1e-30) == (255, 0, 0, 255)
    assert colour_of(style, 0) == (1, 1, 1, 255) or colour_of(style, 0) == (0, 0, 0, 255)
    assert colour_of(style, float(np.nextafter(np.float32(1), np.float32(0))))[3] == 255
    assert colour_of(style, 1) == (0, 0, 255, 128)
    assert colour_of(style, np.inf) == (0, 0, 255, 128)


def test_what_is_missing_may_have_a_colour() -> None:
    style = colouring(type="gradient", palette="viridis", range=[0, 1], missing="#80808040")

    assert colour_of(style, np.nan) == (128, 128, 128, 64)


def test_a_named_palette_goes_from_its_first_to_its_last_colour() -> None:
    style = colouring(type="gradient", palette="viridis", range=[0, 100])
    viridis = named_palette("viridis")

    assert colour_of(style, -1) == tuple(viridis[0])
    assert np.abs(np.array(colour_of(style, 50)) - viridis[512]).max() <= 2
    assert colour_of(style, 101) == tuple(viridis[-1])


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.integers(-1600, 1600).map(lambda n: n / 8), min_size=1, max_size=30, unique=True),
    st.sampled_from(["k_to_c", "k_to_f", "pa_to_hpa", "mps_to_knots", "m_to_km"]),
    st.data(),
)
def test_bands_are_those_of_an_exact_search_over_the_stops(
    shown: list[float], transform: str, data: st.DataObject
) -> None:
    """A value on a threshold belongs to the upper band, in the units of the grid."""
    thresholds = sorted(shown)
    colours = [data.draw(COLOURS) for _ in thresholds]
    stops = list(zip(thresholds, colours, strict=True))
    document = {"type": "discrete", "transform": transform, "stops": stops, "under": "#010203"}
    library = StyleLibrary({"mine": orjson.dumps(document)})
    part = library.find("mine").document.transform.transform
    edges = np.array([part.stored(value) for value in thresholds], dtype=np.float32)
    style = library.colouring("mine", None)
    values = np.concatenate(
        (edges, np.nextafter(edges, np.float32(-np.inf)), np.array([-1e9, 0, 1e9], np.float32))
    )

    found = style.palette[style.indices(values)]

    exact = [
        rgba(colours[count - 1]) if count else rgba("#010203")
        for count in np.searchsorted(edges, values, side="right")
    ]
    np.testing.assert_array_equal(found, np.array(exact))


@settings(deadline=None, max_examples=60)
@given(st.floats(1e-3, 10), st.floats(1.5, 1e5), st.integers(2, 9))
def test_a_logarithmic_scale_gives_every_factor_the_same_share(
    low: float, factor: float, count: int
) -> None:
    colours = ["#000000", "#ffffff"] * count
    style = colouring(
        type="gradient", scale="log", range=[low, low * factor], colours=colours[:count]
    )
    edges = style.bands.thresholds.astype(np.float64)

    np.testing.assert_allclose(np.log(edges[1:] / edges[:-1]), np.log(factor) / 253, rtol=2e-2)


def test_filled_contours_take_their_colours_from_a_palette() -> None:
    style = colouring(
        type="filled_contour", palette="turbo", range=[900, 1060], interval=20, over="#ffffff"
    )

    assert style.bands.thresholds.tolist() == [900, 920, 940, 960, 980, 1000, 1020, 1040, 1060]
    assert colour_of(style, 899) == (0, 0, 0, 0)
    assert colour_of(style, 900) == tuple(named_palette("turbo")[0])
    assert colour_of(style, 1059) == tuple(named_palette("turbo")[-1])
    assert colour_of(style, 1060) == (255, 255, 255, 255)


def test_below_its_threshold_precipitation_is_transparent_and_then_fades_in() -> None:
    opacities = [colour_of(PRECIPITATION, value)[3] for value in (0, 0.0499, 0.06, 0.3, 1, 500)]

    assert opacities[:2] == [0, 0]
    assert opacities == sorted(opacities)
    assert opacities[-1] == 255


def test_freezing_is_the_palest_place_of_the_cold_colours() -> None:
    freezing = colour_of(TEMPERATURE, KELVIN)
    colder = [colour_of(TEMPERATURE, KELVIN - degrees) for degrees in range(1, 60)]

    assert all(sum(freezing) > sum(colour) for colour in colder)


def test_both_scales_of_temperature_have_freezing_in_one_colour() -> None:
    fahrenheit = LIBRARY.colouring("temperature_f", None)

    difference = np.subtract(colour_of(fahrenheit, KELVIN), colour_of(TEMPERATURE, KELVIN))
    assert np.abs(difference).max() <= STEP_MAX


def test_a_colour_means_the_same_value_whatever_the_layer_holds() -> None:
    assert LIBRARY.colouring("temperature", (0.0, 1.0)) is TEMPERATURE


def test_default_takes_its_range_from_the_layer() -> None:
    style = LIBRARY.colouring("default", (1000.0, 3000.0))

    assert colour_of(style, 999) == (68, 1, 84, 255)
    assert colour_of(style, 3001) == (253, 231, 37, 255)
    assert style is LIBRARY.colouring("default", (1000.0, 3000.0))


@pytest.mark.parametrize(
    "value_range", [(5.0, 5.0), (0.0, 0.0), (-1e-7, 1e-7), (101_325.0, 101_325.001), (-3.0, -3.0)]
)
def test_a_layer_of_one_value_can_be_drawn(value_range: tuple[float, float]) -> None:
    style = LIBRARY.colouring("default", value_range)

    assert 1 < style.indices(np.array([value_range[0]], dtype=np.float32))[0] < 255


@pytest.mark.parametrize("value_range", [None, (float("nan"), 1.0), (0.0, float("inf"))])
def test_default_needs_a_range(value_range: tuple[float, float] | None) -> None:
    with pytest.raises(StyleError, match="needs the range of the layer's values"):
        LIBRARY.colouring("default", value_range)


def test_stops_that_float32_cannot_tell_apart_are_refused() -> None:
    with pytest.raises(StyleError, match="the style 'mine': "):
        colouring(type="discrete", stops=[[101_325.001, "#000000"], [101_325.002, "#ffffff"]])


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
