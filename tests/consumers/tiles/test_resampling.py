"""Nearest and bicubic: the other ways from points to pixels."""

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from consumers.handlers.tiles.grid import GeographicGrid, Grid
from consumers.handlers.tiles.ingest import ingest_fields
from consumers.handlers.tiles.mapping import map_tile
from consumers.handlers.tiles.pixels import Target
from consumers.handlers.tiles.sample import Resampling, bilinear, sample
from producers.payloads.tiles import BoundingBox, RenderTile
from producers.tilegrid import Tile, tile_bbox
from tests.consumers.tiles.grids import Case, Float32s, cases, field, global_grid, picture
from tests.support.oracle import Float64s, crop, exact_positions, on_the_edge
from tests.support.tiledata import RUN, make_field, open_tile_data

CUBIC = Resampling.BICUBIC


def sampled(values: Float32s, grid: Grid, target: Target, how: Resampling) -> Float32s:
    mapping = map_tile(grid, target, margin=how.margin)
    if mapping is None:
        return np.full((target.height_px, target.width_px), np.nan, dtype=np.float32)
    return sample(crop(values, mapping.window), mapping, how)


def keys(t: Float64s) -> Float64s:
    """Keys' kernel with a = -1/2 at a distance of *t* points."""
    t = np.abs(t)
    inner = 1.5 * t**3 - 2.5 * t**2 + 1
    outer = -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2
    return np.where(t <= 1, inner, np.where(t < 2, outer, 0.0))


def exact_cubic(values: Float32s, grid: Grid, target: Target) -> Float64s:
    """Sixteen points around every pixel; beyond an edge its points are repeated."""
    rows, cols = exact_positions(grid, target)
    last_col = grid.nx if grid.wraps else grid.nx - 1
    inside = (rows >= 0) & (rows <= grid.ny - 1) & (cols >= 0) & (cols <= last_col)
    rows, cols = np.where(inside, rows, 0), np.where(inside, cols, 0)
    total = np.zeros(rows.shape)
    for down in (-1, 0, 1, 2):
        for right in (-1, 0, 1, 2):
            row, col = np.floor(rows).astype(int) + down, np.floor(cols).astype(int) + right
            share = keys(rows - row) * keys(cols - col)
            row = np.clip(row, 0, grid.ny - 1)
            col = col % grid.nx if grid.wraps else np.clip(col, 0, grid.nx - 1)
            total += share * values[row, col]
    return np.where(inside, total, np.nan)


@settings(deadline=None, max_examples=60)
@given(cases())
def test_bicubic_values_are_those_of_the_slow_way(case: Case) -> None:
    fast = sampled(case.values, case.grid, case.target, CUBIC)
    slow = exact_cubic(case.values, case.grid, case.target)

    here = ~np.isnan(fast) & ~np.isnan(slow) & ~on_the_edge(case.grid, case.target)
    np.testing.assert_allclose(fast[here], slow[here], atol=0.02)


@settings(deadline=None, max_examples=60)
@given(cases(missing=True))
def test_bicubic_beside_a_missing_point_is_bilinear(case: Case) -> None:
    smooth = sampled(case.values, case.grid, case.target, CUBIC)
    plain = sampled(case.values, case.grid, case.target, Resampling.BILINEAR)

    np.testing.assert_array_equal(np.isnan(smooth), np.isnan(plain))


@settings(deadline=None, max_examples=60)
@given(cases(missing=True))
def test_nearest_takes_a_point_as_it_is(case: Case) -> None:
    """No value that is not in the grid, and that of the point with the largest share."""
    taken = sampled(case.values, case.grid, case.target, Resampling.NEAREST)

    assert np.isin(taken[~np.isnan(taken)], case.values).all()
    rows, cols = exact_positions(case.grid, case.target)
    with np.errstate(invalid="ignore"):
        near = (np.abs(rows % 1 - 0.5) < 2e-3) | (np.abs(cols % 1 - 0.5) < 2e-3)
    here = ~np.isnan(taken) & ~near & ~on_the_edge(case.grid, case.target)
    at_rows = np.clip(np.rint(rows[here]).astype(int), 0, case.grid.ny - 1)
    at_cols = np.rint(cols[here]).astype(int) % case.grid.nx
    np.testing.assert_array_equal(taken[here], case.values[at_rows, at_cols])


@pytest.mark.parametrize("how", list(Resampling))
def test_an_infinite_value_is_a_missing_one(how: Resampling) -> None:
    grid = global_grid()
    values = np.full((19, 36), np.inf, dtype=np.float32)

    assert np.isnan(sampled(values, grid, picture(Tile(1, 0, 0)), how)).all()


@pytest.mark.parametrize("how", list(Resampling))
@pytest.mark.parametrize("lon0_deg", [0.0, 180.0])
def test_four_tiles_are_the_large_one_in_every_way(how: Resampling, lon0_deg: float) -> None:
    grid = global_grid(nx=72, ny=37, lon0_deg=lon0_deg)
    values = field(grid, missing=True)
    large = sampled(values, grid, picture(Tile(2, 1, 1), size_px=512), how)

    quarters = [
        np.hstack(
            [sampled(values, grid, picture(Tile(3, 2 + right, 2 + down)), how) for right in (0, 1)]
        )
        for down in (0, 1)
    ]

    np.testing.assert_array_equal(np.vstack(quarters), large)


@settings(deadline=None, max_examples=40)
@given(st.floats(-180, 150), st.floats(-80, 60))
def test_a_plane_stays_a_plane(west: float, south: float) -> None:
    grid = GeographicGrid(41, 31, west - 5, south - 5, 1.0, 1.0)
    values = np.add.outer(np.arange(31) * 2.0, np.arange(41) * 3.0).astype(np.float32)
    bbox = BoundingBox(min_x=west, min_y=south, max_x=west + 10, max_y=south + 10)
    target = Target("EPSG:4326", bbox, 32, 32)
    mapping = map_tile(grid, target, margin=1)
    assert mapping is not None
    cells = crop(values, mapping.window)

    np.testing.assert_allclose(sample(cells, mapping, CUBIC), bilinear(cells, mapping), atol=1e-3)


@pytest.mark.parametrize("parameter", ["CRAIN", "PTYPE", "WDIR"])
@pytest.mark.parametrize("asked", ["auto", "bilinear", "bicubic"])
async def test_categories_are_never_mixed(tmp_path: Path, parameter: str, asked: str) -> None:
    """Whatever a job asks for, its picture has no colour that is none of a category."""
    values = np.where(np.arange(37 * 72).reshape(37, 72) % 3, 0, 350).astype(np.float32)
    bbox = tile_bbox(Tile(2, 1, 1))
    name = f"test_{parameter}_surface"
    tile = RenderTile.model_validate(
        {"layer": name, "style": "default", "bbox": bbox, "time": RUN, "resampling": asked}
    )
    async with open_tile_data(tmp_path) as data:
        field = make_field(parameter, "surface", values=values)
        await ingest_fields([field], data.catalog, data.store)
        found = await data.catalog.find(name, RUN, now=RUN)
        colouring = data.styles.colouring("default", found.value_range)
        picture = await data.painter().paint(tile)

    with Image.open(io.BytesIO(picture.data)) as image:
        drawn = {
            tuple(pixel) for pixel in np.asarray(image.convert("RGBA")).reshape(-1, 4).tolist()
        }
    assert drawn == {tuple(each) for each in colouring.colours(np.array([0.0, 350.0])).tolist()}
