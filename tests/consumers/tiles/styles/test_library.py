"""The styles of the package and of a directory, their flaws and their versions."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from consumers.handlers.tiles.errors import StyleError, UnknownStyle
from consumers.handlers.tiles.styles.library import (
    FILE_BYTES_MAX,
    StyleLibrary,
    built_in_sources,
    open_library,
)
from tests.support.looks import LIBRARY

STOPS = [[0, "#000000"], [10, "#ffffff"]]
GRADIENT = {"type": "gradient", "stops": STOPS}


def library(**documents: Any) -> StyleLibrary:
    """A library of these documents, and of nothing else."""
    return StyleLibrary({name: orjson.dumps(each) for name, each in documents.items()})


def flaw(document: Any) -> str:
    """What a library says of a style that it cannot use."""
    found = library(mine=document)
    with pytest.raises(StyleError) as error:
        found.find("mine")
    assert found.names == ()
    assert "\n" not in str(error.value)
    return str(error.value).removeprefix("the style 'mine' cannot be used: ")


def test_every_style_of_the_package_can_be_used() -> None:
    assert LIBRARY.flaws == {}
    assert set(LIBRARY.names) == set(built_in_sources())
    assert {"default", "temperature", "isobars", "wind_barbs", "weather"} <= set(LIBRARY.names)


def test_the_kinds_that_forecasters_expect_are_there() -> None:
    kinds = {LIBRARY.find(name).document.type for name in LIBRARY.names}

    assert kinds == {
        "gradient",
        "discrete",
        "filled_contour",
        "contour",
        "wind_barbs",
        "wind_arrows",
        "data",
        "composite",
    }


def test_an_unknown_style_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UnknownStyle, match=r"did you mean 'temperature'\? there are cape, "):
        LIBRARY.find("temprature")


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ([], "the type 'None' is unknown: there are gradient, discrete"),
        ({"stops": STOPS}, "the type 'None' is unknown"),
        ({"type": "gradiant", "stops": STOPS}, "did you mean 'gradient'?"),
        ({**GRADIENT, "stopps": 1}, "unknown field 'stopps': did you mean 'stops'?"),
        ({**GRADIENT, "x": 1}, "unknown field 'x': there are title, about"),
        (
            {"type": "gradient", "stops": [[5, "#000000"], [3, "#ffffff"]]},
            "stops must rise, but stop 2 (3) does not lie above stop 1 (5)",
        ),
        (
            {"type": "gradient", "stops": [[5, "#000000"], [5, "#ffffff"]]},
            "stops must rise, but stop 2 (5)",
        ),
        ({"type": "gradient", "stops": [[5, "#000000"]]}, "two stops or more"),
        ({"type": "gradient"}, "give one of 'stops', 'palette' and 'colours'"),
        ({**GRADIENT, "palette": "viridis"}, "give one of 'stops', 'palette' and 'colours'"),
        (
            {"type": "gradient", "stops": [[0, "red"], [1, "#ffffff"]]},
            "a colour is written #rrggbb or #rrggbbaa, got 'red'",
        ),
        ({"type": "gradient", "stops": [[0], [1, "#ffffff"]]}, "a stop is [value, colour]"),
        (
            {"type": "gradient", "palette": "virids", "range": [0, 1]},
            "there is no palette 'virids': did you mean viridis",
        ),
        ({"type": "gradient", "palette": "viridis"}, "needs a 'range'"),
        ({"type": "gradient", "palette": "viridis", "range": [1, 1]}, "does not rise"),
        ({**GRADIENT, "scale": "log"}, "a logarithmic scale needs stops or a range above 0"),
        (
            {"type": "gradient", "palette": "viridis", "range": "layer", "scale": "log"},
            "a logarithmic scale needs",
        ),
        ({**GRADIENT, "transform": "k_to_f "}, "did you mean 'k_to_f'?"),
        ({**GRADIENT, "transform": {"factor": 0}}, "a transform needs a factor above 0"),
        (
            {"type": "gradient", "stops": [[0, "#000000"], [1e31, "#ffffff"]]},
            "less than or equal to 1000000000000",
        ),
        ({"type": "discrete", "palette": "turbo"}, "needs 'levels', or an 'interval'"),
        (
            {"type": "discrete", "palette": "turbo", "levels": [0, 2, 1]},
            "levels must rise, but 1 follows 2",
        ),
        (
            {"type": "discrete", "palette": "turbo", "range": [0, 1], "interval": 1e-6},
            "2 to 200 levels are possible",
        ),
        ({"type": "discrete", "stops": STOPS, "levels": [1, 2]}, "belong to a palette"),
        ({"type": "discrete", "palette": "turbo", "range": "layer"}, "bands have fixed values"),
        ({"type": "contour"}, "give one of them"),
        ({"type": "contour", "interval": 0}, "greater than 0"),
        ({"type": "contour", "levels": [1, 2], "majors": [3]}, "3 is none of the levels"),
        ({"type": "wind_barbs", "stops": [[5, "#000000"]]}, "the first stop of a wind is 0"),
        ({"type": "wind_arrows", "shortest": 20, "longest": 10}, "longer than the longest"),
        ({"type": "data", "base": 0, "step": 0}, "greater than 0"),
        ({"type": "composite", "layers": []}, "at least 1 item"),
        (
            {"type": "composite", "layers": [{"style": "mine", "layer": "../x"}]},
            "String should match pattern",
        ),
    ],
)
def test_a_wrong_file_is_refused_with_what_is_wrong(document: Any, said: str) -> None:
    assert said in flaw(document)


def test_a_file_that_is_no_json_is_refused() -> None:
    assert "it is no JSON" in StyleLibrary({"x": b"{nope"}).flaws["x"]
    assert "more than" in StyleLibrary({"x": b" " * (FILE_BYTES_MAX + 1)}).flaws["x"]
    assert "String should match" in StyleLibrary({"../x": b"{}"}).flaws["../x"]


def test_a_composite_names_styles_that_are_there_and_plain() -> None:
    found = library(
        lines={"type": "contour", "interval": 1},
        codes={"type": "data", "base": 0, "step": 1},
        good={"type": "composite", "layers": [{"style": "lines"}]},
        missing={"type": "composite", "layers": [{"style": "liness"}]},
        nested={"type": "composite", "layers": [{"style": "good"}]},
        itself={"type": "composite", "layers": [{"style": "itself"}]},
        numbers={"type": "composite", "layers": [{"style": "codes"}]},
    )

    assert found.names == ("codes", "good", "lines")
    assert "did you mean 'lines'?" in found.flaws["missing"]
    assert "is a composite itself" in found.flaws["nested"]
    assert "is a composite itself" in found.flaws["itself"]
    assert "can only stand alone" in found.flaws["numbers"]


def test_a_wrong_file_takes_nothing_away_from_the_others(tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_bytes(orjson.dumps(GRADIENT))
    (tmp_path / "temperature.json").write_bytes(orjson.dumps(GRADIENT))
    (tmp_path / "wrong.json").write_text("[]")
    (tmp_path / "notes.txt").write_text("no style")

    found = open_library(tmp_path)

    assert set(found.names) == {*built_in_sources(), "mine"}
    assert list(found.flaws) == ["wrong"]
    assert found.find("temperature").document.type == "gradient"
    assert found.find("temperature").version != LIBRARY.find("temperature").version
    # What is made of it has changed with it.
    assert found.find("weather").version != LIBRARY.find("weather").version
    assert found.find("pressure").version == LIBRARY.find("pressure").version


def test_a_directory_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StyleError, match="does not exist"):
        open_library(tmp_path / "nowhere")


def test_what_is_only_said_about_a_style_does_not_change_its_version() -> None:
    plain = library(mine=GRADIENT).find("mine").version
    told = library(mine={"title": "T", "about": "A", "fits": ["TMP"], **GRADIENT})

    assert told.find("mine").version == plain
    assert library(mine={**GRADIENT, "under": "#123456"}).find("mine").version != plain
    assert library(other=GRADIENT).find("other").version == plain


def test_colour_may_be_spelt_in_both_ways() -> None:
    one = library(mine={"type": "contour", "interval": 1, "colour": "#FF0000"})
    other = library(mine={"type": "contour", "interval": 1, "color": "#ff0000"})

    assert one.find("mine") == other.find("mine")


def test_plain_colours_come_first_among_the_styles_that_fit() -> None:
    assert LIBRARY.fitting("TMP")[0] == "temperature"
    assert LIBRARY.fitting("PRMSL") == ["pressure", "isobars"]
    assert LIBRARY.related("weather") == {"PRMSL_msl", "WIND_10m"}


def test_styles_of_lines_have_no_colours_for_values() -> None:
    with pytest.raises(StyleError, match=r"\(contour\) has no colours for values"):
        LIBRARY.colouring("isobars", None)
