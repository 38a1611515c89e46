"""Contour lines meet at the edges of pictures, and no number is cut there."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumers.handlers.tiles.drawing.contours import Contours, Line
from consumers.handlers.tiles.drawing.ink import Ink, paint, transparent
from consumers.handlers.tiles.drawing.levels import EveryLevel, ListedLevels
from consumers.handlers.tiles.drawing.linelabels import Labels
from consumers.handlers.tiles.drawing.margins import with_margin
from consumers.handlers.tiles.errors import StyleError
from consumers.handlers.tiles.grid import Grid
from consumers.handlers.tiles.mapping import map_tile
from consumers.handlers.tiles.pixels import Target
from consumers.handlers.tiles.sample import bilinear
from producers.payloads.tiles import BoundingBox
from producers.tilegrid import WORLDS, Tile, tile_bbox
from tests.consumers.tiles.grids import Float32s, areas, field, global_grid, picture, projected_grid
from tests.support.oracle import crop

Picture = npt.NDArray[np.uint8]

STYLE = Contours(EveryLevel(5.0, 280.0, 3))


def sampled(grid: Grid, values: Float32s, target: Target) -> Float32s:
    mapping = map_tile(grid, target)
    if mapping is None:
        return np.full((target.height_px, target.width_px), np.nan, dtype=np.float32)
    return bilinear(crop(values, mapping.window), mapping)


def inks(grid: Grid, values: Float32s, target: Target, contours: Contours) -> tuple[Ink, ...]:
    wider = with_margin(target, contours.margin_px)
    x_axis, y_axis = wider.axes()
    return contours.draw(sampled(grid, values, wider), (x_axis.first, y_axis.first))


def draw(grid: Grid, values: Float32s, target: Target, contours: Contours) -> Picture:
    drawn = transparent((target.height_px, target.width_px))
    paint(drawn, inks(grid, values, target, contours))
    return drawn


def block(tile: Tile, crs: str, size_px: int) -> tuple[list[list[Target]], Target]:
    """Two by two tiles from *tile* on, and the one picture of all four."""
    boxes = [
        [tile_bbox(Tile(tile.z, tile.x + right, tile.y + down), crs) for right in (0, 1)]
        for down in (0, 1)
    ]
    whole = BoundingBox(
        min_x=boxes[0][0].min_x,
        max_x=boxes[0][1].max_x,
        min_y=boxes[1][0].min_y,
        max_y=boxes[0][0].max_y,
    )
    parts = [[Target(crs, box, size_px, size_px) for box in row] for row in boxes]
    return parts, Target(crs, whole, 2 * size_px, 2 * size_px)


@st.composite
def blocks(draw: st.DrawFn, zoom_max: int = 7) -> tuple[Tile, str]:
    crs = draw(st.sampled_from(sorted(WORLDS)))
    z = draw(st.integers(1, zoom_max))
    x = draw(st.integers(0, (WORLDS[crs].columns << z) - 2))
    return Tile(z, x, draw(st.integers(0, (1 << z) - 2))), crs


@settings(deadline=None, max_examples=15)
@given(
    tile_crs=blocks(),
    kind=st.sampled_from(["global", "lambert", "rotated"]),
    scale=st.sampled_from([1, 1, 2]),
    missing=st.booleans(),
)
def test_four_tiles_are_one_picture_to_the_last_bit(
    tile_crs: tuple[Tile, str], kind: str, scale: int, *, missing: bool
) -> None:
    """With numbers, holes in the field, and at scale 2."""
    grid = global_grid() if kind == "global" else projected_grid(kind)
    values = field(grid, missing=missing)
    contours, size_px = STYLE.scaled(scale), 256 * scale
    parts, whole = block(*tile_crs, size_px)

    tiles = [[draw(grid, values, part, contours) for part in row] for row in parts]

    joined = np.vstack([np.hstack(row) for row in tiles])
    np.testing.assert_array_equal(joined, draw(grid, values, whole, contours))


@settings(deadline=None, max_examples=15)
@given(tile_crs=blocks(), missing=st.booleans())
def test_the_lines_themselves_do_not_know_of_tiles(
    tile_crs: tuple[Tile, str], *, missing: bool
) -> None:
    """Drawn as one piece, not cell by cell, they are where they are in the tiles."""
    grid = global_grid()
    values = field(grid, missing=missing)
    plain = replace(STYLE, labels=None)
    parts, whole = block(*tile_crs, 256)

    tiles = [[draw(grid, values, part, plain) for part in row] for row in parts]

    in_one = draw(grid, values, whole, replace(plain, cell_px=1 << 40))
    np.testing.assert_array_equal(np.vstack([np.hstack(row) for row in tiles]), in_one)


@settings(deadline=None, max_examples=20)
@given(areas(), st.integers(1, 60))
def test_pictures_out_of_step_with_tiles_have_the_same_lines(target: Target, col: int) -> None:
    """Left and right part of any map, without numbers: they may stand elsewhere in parts."""
    grid = global_grid()
    values = field(grid)
    plain = replace(STYLE, labels=None)
    wider = with_margin(target, plain.margin_px)
    whole = sampled(grid, values, wider)
    col = min(col, target.width_px)
    edge = 2 * plain.margin_px

    left = plain.draw(whole[:, : col + edge], (0, 0))
    right = plain.draw(whole[:, col:], (col, 0))

    for ink, one, other in zip(plain.draw(whole, (0, 0)), left, right, strict=True):
        np.testing.assert_array_equal(np.hstack((one.coverage, other.coverage)), ink.coverage)


def test_over_the_date_line_lines_meet_as_well() -> None:
    grid = global_grid()
    values = field(grid)
    plain = replace(STYLE, labels=None)
    last, first = (
        draw(grid, values, picture(Tile(3, x, 3)), plain)[..., 3].astype(int) for x in (7, 0)
    )
    box = tile_bbox(Tile(3, 7, 3))
    step = box.max_x - box.min_x
    across = Target("EPSG:3857", box.model_copy(update={"max_x": box.max_x + step}), 512, 256)

    # Places beyond the date line are counted on, so the last bits may be others.
    off = np.abs(draw(grid, values, across, plain)[..., 3].astype(int) - np.hstack((last, first)))
    assert off.max() <= 2
    assert last[:, -1].any()


@pytest.mark.parametrize("crs", ["EPSG:3413", "EPSG:3035", "EPSG:32661"])
def test_in_every_system_pictures_of_whole_cells_agree(crs: str) -> None:
    grid = global_grid()
    values = field(grid, missing=True)
    step = 256 * 4000.0
    left, top = {"EPSG:3035": (4, 4), "EPSG:32661": (2, 2)}.get(crs, (0, 0))

    def drawn(west: int, north: int, tiles: int) -> Picture:
        box = BoundingBox(
            min_x=(left + west) * step,
            max_x=(left + west + tiles) * step,
            min_y=(top + north - tiles) * step,
            max_y=(top + north) * step,
        )
        return draw(grid, values, Target(crs, box, 256 * tiles, 256 * tiles), STYLE)

    parts = [[drawn(west, north, 1) for west in (-1, 0)] for north in (1, 0)]

    whole = drawn(-1, 1, 2)
    np.testing.assert_array_equal(np.vstack([np.hstack(row) for row in parts]), whole)
    assert whole.any()


def ramp(width_px: int = 256, height_px: int = 256) -> Float32s:
    """The value of a pixel of the picture itself is the number of its column."""
    margin = STYLE.margin_px
    columns = np.arange(-margin, width_px + margin, dtype=np.float32) + np.float32(0.5)
    return np.tile(columns, (height_px + 2 * margin, 1))


def test_lines_are_where_the_level_is_and_as_wide_as_they_say() -> None:
    style = Contours(
        ListedLevels((40.5, 80.5, 120.5), majors=(80.5,)),
        minor=Line("#ff0000", 1.0),
        major=Line("#0000ff", 3.0),
        labels=None,
    )
    margin = style.margin_px - STYLE.margin_px
    assert margin == 1
    values = np.pad(ramp(), 1, mode="reflect", reflect_type="odd")

    minor, major = style.draw(values, (-style.margin_px, -style.margin_px))

    assert (minor.colour, major.colour) == ("#ff0000", "#0000ff")
    assert np.flatnonzero(minor.coverage[128]).tolist() == [40, 120]
    assert np.flatnonzero(major.coverage[128]).tolist() == [79, 80, 81]
    assert (minor.coverage[:, 40] == 255).all()
    assert (major.coverage[:, 79:82] == 255).all()


def test_where_the_field_is_missing_there_is_no_line() -> None:
    values = ramp()
    values[100:160] = np.nan
    margin = STYLE.margin_px

    [minor, _] = replace(STYLE, labels=None).draw(values, (-margin, -margin))

    hole = minor.coverage[100 - margin + 2 : 160 - margin - 2]
    assert not hole.any()
    assert minor.coverage[:90].any()
    assert minor.coverage[170:].any()


def test_of_a_field_without_values_nothing_is_drawn() -> None:
    nothing = np.full((300, 300), np.nan, dtype=np.float32)

    assert not any(ink.coverage.any() for ink in STYLE.draw(nothing, (0, 0)))


def test_twice_as_fine_is_the_same_twice_as_large() -> None:
    grid = global_grid()
    box = tile_bbox(Tile(3, 2, 3))
    values = field(grid)

    one, two = (
        inks(grid, values, Target("EPSG:3857", box, 256 * scale, 256 * scale), STYLE.scaled(scale))
        for scale in (1, 2)
    )

    for small, large in zip(one, two, strict=True):
        shrunk = large.coverage.reshape(256, 2, 256, 2).mean(axis=(1, 3))
        assert shrunk.sum() == pytest.approx(small.coverage.sum(), rel=0.06)


def test_numbers_may_stand_on_major_lines_only() -> None:
    style = Contours(EveryLevel(20.0, 0.0, 2), labels=Labels(majors_only=True, rim=None))
    values, corner = ramp(), (-STYLE.margin_px,) * 2

    minor, major, _ = style.draw(values, corner)
    plain_minor, plain_major = replace(style, labels=None).draw(values, corner)

    # A line with a number has a gap.
    np.testing.assert_array_equal(minor.coverage, plain_minor.coverage)
    assert (major.coverage < plain_major.coverage).any()


def test_too_many_lines_are_refused() -> None:
    with pytest.raises(StyleError, match="choose a larger one"):
        Contours(EveryLevel(0.1)).draw(ramp(), (0, 0))


def test_only_few_pixels_beyond_the_picture_are_needed() -> None:
    assert STYLE.margin_px <= 5
    assert STYLE.scaled(2).margin_px <= 8
