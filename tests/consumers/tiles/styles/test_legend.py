"""What legends say, and how they are drawn."""

import io
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import orjson
import pytest
from PIL import Image, ImageColor

from consumers.handlers.tiles.errors import StyleError
from consumers.handlers.tiles.styles.document import Coloured
from consumers.handlers.tiles.styles.legend import Scale, legend_of
from consumers.handlers.tiles.styles.legendpicture import (
    BREADTH_PX,
    LENGTH_PX,
    MARGIN_PX,
    Orientation,
    legend_png,
)
from tests.support.looks import LIBRARY, TEMPERATURE

RANGE = (250.0, 300.0)
Bytes = npt.NDArray[np.uint8]


def scale_of(name: str) -> Scale:
    scale = legend_of(LIBRARY, name, RANGE).scale
    assert scale is not None
    return scale


def picture(name: str, *, standing: bool = False, scale: int = 1) -> Bytes:
    orientation: Orientation = "vertical" if standing else "horizontal"
    png = legend_png(legend_of(LIBRARY, name, RANGE), orientation=orientation, scale=scale)
    with Image.open(io.BytesIO(png)) as image:
        return np.asarray(image.convert("RGB"))


@pytest.mark.parametrize("name", LIBRARY.names)
def test_every_style_has_a_legend_as_json(name: str) -> None:
    legend = orjson.loads(orjson.dumps(legend_of(LIBRARY, name, RANGE).to_json()))

    assert (legend["style"], legend["version"]) == (name, LIBRARY.find(name).version)
    assert {"colours", "samples", "formula", "layers"} & set(legend)
    assert legend["title"]


@pytest.mark.parametrize("name", LIBRARY.coloured)
def test_the_colours_of_a_legend_are_those_of_tiles(name: str) -> None:
    """Every one of them is in the palette, and the middle between two ticks has its own."""
    scale, style = scale_of(name), LIBRARY.colouring(name, RANGE)
    palette = {bytes(colour) for colour in style.palette}

    assert {bytes(ImageColor.getcolor(each, "RGBA")) for each in scale.ramp} <= palette
    assert [tick.value for tick in scale.ticks] == sorted(tick.value for tick in scale.ticks)
    assert all(0 <= tick.place <= 1 for tick in scale.ticks)


def test_between_two_ticks_lies_the_value_between_them() -> None:
    scale = scale_of("temperature")
    for one, other in pairwise(scale.ticks):
        value, place = (one.value + other.value) / 2, (one.place + other.place) / 2
        shown = ImageColor.getcolor(scale.ramp[int(place * len(scale.ramp))], "RGBA")
        drawn = TEMPERATURE.colours(np.array([value + 273.15]))[0]
        assert np.abs(np.array(shown) - drawn).max() <= 6


@pytest.mark.parametrize("name", LIBRARY.coloured)
def test_ticks_are_the_stops_and_read_differently(name: str) -> None:
    document, ticks = LIBRARY.find(name).document, scale_of(name).ticks

    assert isinstance(document, Coloured)
    assert len({tick.text for tick in ticks}) == len(ticks) >= 2
    if document.stops:
        assert [tick.value for tick in ticks] == [stop.value for stop in document.stops]


def test_a_palette_over_a_range_has_round_ticks_between_its_ends() -> None:
    texts = [tick.text for tick in scale_of("default").ticks]

    assert texts == ["250", "260", "270", "280", "290", "300"]


def test_colours_beyond_the_ends_are_told_where_they_differ() -> None:
    assert scale_of("temperature").under is None
    assert scale_of("precipitation").under == "#00000000"
    assert scale_of("temperature_bands").under == "#1f1147"


def test_bands_with_names_have_them_in_their_middle() -> None:
    scale = scale_of("wind_speed_knots")

    assert [tick.text for tick in scale.ticks] == [str(force) for force in range(1, 13)]
    assert scale.ticks[0].place == pytest.approx(0.5 / 12)


def test_lines_and_signs_are_shown_with_what_they_stand_for() -> None:
    weather = legend_of(LIBRARY, "weather", None).to_json()

    temperature, isobars, barbs = weather["layers"]
    assert temperature["units"] == "°C"
    assert [each["text"] for each in isobars["samples"]] == ["every 4 hPa", "every 20 hPa"]
    assert [each["text"] for each in barbs["samples"]][:3] == ["calm", "5 kt", "10 kt"]


def test_numbers_are_explained_by_their_formula() -> None:
    legend = legend_of(LIBRARY, "data", None).to_json()

    assert legend["formula"] == "-10000 + 0.01 * (red * 65536 + green * 256 + blue)"


def test_a_style_over_the_range_of_a_layer_needs_it() -> None:
    with pytest.raises(StyleError, match="needs the range of the layer's values"):
        legend_of(LIBRARY, "default", None)


@pytest.mark.parametrize("name", LIBRARY.names)
def test_every_style_has_a_legend_as_a_picture(name: str) -> None:
    whole = picture(name)

    assert whole.shape[1] == LENGTH_PX + 2 * MARGIN_PX
    assert len(np.unique(whole.reshape(-1, 3), axis=0)) > 5


@pytest.mark.parametrize("standing", [False, True])
@pytest.mark.parametrize("scale", [1, 2])
def test_the_picture_has_the_colours_of_the_scale_in_their_places(
    standing: bool,  # noqa: FBT001 - a parameter
    scale: int,
) -> None:
    """Looked at in the middle of the ramp, at every tenth: letters may be of any font."""
    pixels = picture("temperature", standing=standing, scale=scale)
    ramp = scale_of("temperature").ramp
    along = MARGIN_PX + (20 if standing else 0)
    across = MARGIN_PX + BREADTH_PX // 2 + (0 if standing else 20)
    for share in np.linspace(0.05, 0.95, 10):
        at = scale * (along + int((1 - share if standing else share) * LENGTH_PX))
        seen = pixels[at, across * scale] if standing else pixels[across * scale, at]
        wanted = ImageColor.getcolor(ramp[int(share * len(ramp))], "RGB")
        assert np.abs(seen.astype(int) - np.array(wanted)).max() <= 12


def test_twice_the_scale_is_twice_as_large() -> None:
    one, two = picture("weather"), picture("weather", scale=2)

    assert two.shape[:2] == (2 * one.shape[0], 2 * one.shape[1])


def test_an_arrow_at_an_end_shows_the_colour_beyond_it() -> None:
    row = picture("temperature_bands")[MARGIN_PX + 20 + BREADTH_PX // 2]

    assert row[MARGIN_PX + 6].tolist() == list(bytes.fromhex("1f1147"))
