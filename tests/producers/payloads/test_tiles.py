"""The input of `tiles.render`, as it stands on the wire."""

from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from producers.payloads.tiles import COORDINATE_MAX, SIZE_PX_MAX, BoundingBox, RenderTile

BOX = {"min_x": -180.0, "min_y": -90.0, "max_x": 180.0, "max_y": 90.0}


def job(**changes: Any) -> dict[str, Any]:
    return {"layer": "gfs_TMP_2m", "bbox": BOX, **changes}


def test_layer_and_area_are_enough() -> None:
    tile = RenderTile.model_validate(job())

    assert (tile.style, tile.crs, tile.width, tile.height) == ("default", "EPSG:3857", 256, 256)
    assert (tile.time, tile.format, tile.priority, tile.id) == (None, "png", 128, None)


def test_a_job_with_every_field_survives_the_wire() -> None:
    tile = RenderTile.model_validate(
        job(
            style="temperature",
            crs="EPSG:4326",
            width=512,
            height=512,
            time="2024-01-01T06:00:00Z",
            format="png",
            priority=200,
            id=str(uuid4()),
            enqueued_at="2024-01-01T00:00:00+01:00",
        )
    )

    assert RenderTile.model_validate_json(tile.model_dump_json()) == tile


@pytest.mark.parametrize(
    "changes",
    [
        {"layer": ""},
        {"layer": "../../etc/passwd"},
        {"layer": "gfs TMP"},
        {"layer": "a:b"},
        {"layer": "x" * 97},
        {"style": "rain/../bow"},
        {"style": "-"},
        {"crs": "3857"},
        {"crs": "EPSG:3857\n"},
        {"crs": "EPSG:"},
        {"width": 0},
        {"width": 100_000},
        {"height": -1},
        {"height": SIZE_PX_MAX + 1},
        {"time": "2024-01-01T06:00:00"},
        {"time": "tomorrow"},
        {"format": "gif"},
        {"scale": 0},
        {"scale": 5},
        {"scale": 4, "width": 1025},
        {"priority": 256},
        {"priority": -1},
        {"id": "7"},
        {"colour": "red"},
        {"bbox": {**BOX, "min_x": 180.0}},
        {"bbox": {**BOX, "min_y": 91.0}},
        {"bbox": {**BOX, "max_x": float("nan")}},
        {"bbox": {**BOX, "min_x": 1.0, "max_x": 1.0}},
        {"bbox": {**BOX, "min_y": 0.0, "max_y": 5e-324}},
        {"bbox": {**BOX, "max_x": float("inf")}},
        {"bbox": {**BOX, "max_x": 2 * COORDINATE_MAX}},
        {"bbox": [0, 0, 1, 1]},
    ],
)
def test_what_no_renderer_could_draw_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RenderTile.model_validate(job(**changes))


@pytest.mark.parametrize("format_name", ["png", "png32", "webp", "jpeg"])
def test_a_picture_for_a_finer_screen_has_more_pixels(format_name: str) -> None:
    tile = RenderTile.model_validate(job(format=format_name, width=256, height=128, scale=2))

    assert (tile.width_px, tile.height_px) == (512, 256)


def test_an_inverted_area_is_named_in_the_message() -> None:
    with pytest.raises(ValidationError, match=r"min_x < max_x.* x 10.0 \.\. 0.0"):
        BoundingBox(min_x=10, min_y=0, max_x=0, max_y=1)


@settings(deadline=None)
@given(st.text(max_size=40))
def test_an_accepted_layer_is_made_of_harmless_letters(layer: str) -> None:
    try:
        tile = RenderTile.model_validate(job(layer=layer))
    except ValidationError:
        return
    assert tile.layer.isascii()
    assert set("/:\\ *?[]{}\n").isdisjoint(tile.layer)
    assert tile.layer not in {".", ".."}
