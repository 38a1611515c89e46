"""Tiles the slow way: every pixel projected and interpolated by itself, in float64.

Written from the definitions, with nothing of the renderer but its value types, so that an
error of the renderer is not repeated here.
"""

import warnings
from itertools import product
from math import pi
from typing import Any

import numpy as np
import numpy.typing as npt
from pyproj import CRS, Proj, Transformer

from consumers.handlers.tiles.grid import CIRCLE_DEG, GeographicGrid, Grid, ProjectedGrid, Window
from consumers.handlers.tiles.pixels import Target
from consumers.handlers.tiles.styles.colouring import Colouring

Float32s = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

_RADIUS_M = 6378137.0


def crop(values: Float32s, window: Window) -> Float32s:
    """The cells of *window*, columns modulo the width."""
    columns = np.arange(window.col0, window.col1) % values.shape[1]
    return np.ascontiguousarray(values[window.row0 : window.row1][:, columns])


def centres_deg(target: Target) -> tuple[Float64s, Float64s]:
    """Longitudes and latitudes, float64[height, width], of the pixel centres."""
    box = target.bbox
    x = box.min_x + (np.arange(target.width_px) + 0.5) * (box.max_x - box.min_x) / target.width_px
    y = box.max_y - (np.arange(target.height_px) + 0.5) * (box.max_y - box.min_y) / target.height_px
    if target.crs == "EPSG:3857":
        x = np.degrees(x / _RADIUS_M)
        y = np.degrees(2 * np.arctan(np.exp(y / _RADIUS_M)) - pi / 2)
    lons, lats = np.meshgrid(x, y)
    if target.crs not in {"EPSG:3857", "EPSG:4326", "CRS:84"}:
        to_earth = Transformer.from_crs(target.crs, "OGC:CRS84", always_xy=True)
        x, y = lons, lats
        lons, lats = to_earth.transform(x, y)
        # Beyond the edge of some maps PROJ tells another place.
        back_x, back_y = to_earth.transform(lons, lats, direction="INVERSE")
        if CRS(target.crs).is_projected:
            lost = ~(np.hypot(back_x - x, back_y - y) < 1000)
            lons, lats = np.where(lost, np.nan, lons), np.where(lost, np.nan, lats)
    return lons, lats


def exact_positions(grid: Grid, target: Target) -> tuple[Float64s, Float64s]:
    """Rows and columns, fractions of cells, of the pixel centres; beyond the grid, too."""
    lons, lats = centres_deg(target)
    if isinstance(grid, GeographicGrid):
        parallels = np.array(grid.latitudes_deg)
        index = np.arange(grid.ny, dtype=np.float64)
        order = slice(None, None, 1 if parallels[0] < parallels[-1] else -1)
        rows = np.interp(lats, parallels[order], index[order])
        if not grid.wraps:
            outside = (lats < parallels.min()) | (lats > parallels.max())
            rows = np.where(outside, np.nan, rows)
        rows = np.where(np.abs(lats) > 90, np.nan, rows)
        step_deg = 360 / grid.nx if grid.wraps else grid.dlon_deg
        return rows, np.mod(lons - grid.lon0_deg, 360) / step_deg
    assert isinstance(grid, ProjectedGrid)
    proj = Proj(grid.proj)
    x, y = proj(lons, lats)
    if proj.crs.is_geographic:
        x, y = np.degrees(x), np.degrees(y)
        x = np.where(np.isfinite(x), x, np.nan)
        x = grid.x0_m + np.mod(x - grid.x0_m + 1e-6, 360) - 1e-6
    return (y - grid.y0_m) / grid.dy_m, (x - grid.x0_m) / grid.dx_m


def on_the_edge(grid: Grid, target: Target) -> npt.NDArray[np.bool_]:
    """Pixels so near the outermost points that rounding decides whether they are inside."""
    rows, cols = exact_positions(grid, target)
    edges = [(rows, 0), (rows, grid.ny - 1)]
    if not grid.wraps:
        edges += [(cols, 0), (cols, grid.nx - 1)]
    near = np.zeros(rows.shape, dtype=np.bool_)
    for at, edge in edges:
        near |= np.abs(at - edge) < 2e-3
    step_deg = _step_deg(grid)
    if step_deg and not grid.wraps:
        # Just west of the first column is just short of a whole circle east of it.
        near |= np.abs(cols - CIRCLE_DEG / step_deg) < 2e-3
    return near


def _step_deg(grid: Grid) -> float:
    """Between two columns of a grid that counts in degrees, of a rotated pole too; else 0."""
    if isinstance(grid, GeographicGrid):
        return abs(grid.dlon_deg)
    if isinstance(grid, ProjectedGrid) and "+o_proj=longlat" in grid.proj:
        return abs(grid.dx_m)
    return 0.0


def exact_field(
    values: Float32s, grid: Grid, target: Target, level: int = 0, *, largest: bool = False
) -> Float64s:
    """The bilinear field; missing points left out unless they have more than half.

    At a *level* the points are blocks of 2^level x 2^level points of *values*, each in the
    middle of what there is of its block, with its mean or its *largest* value.
    """
    rows, cols = exact_positions(grid, target)
    last_col = grid.nx if grid.wraps else grid.nx - 1
    with np.errstate(invalid="ignore"):
        inside = (rows >= 0) & (rows <= grid.ny - 1) & (cols >= 0) & (cols <= last_col)
    rows, cols = np.where(inside, rows, 0), np.where(inside, cols, 0)
    points, (row_at, col_at) = blocks(values, level, largest=largest)
    rows = np.interp(rows, row_at, np.arange(len(row_at)))
    if grid.wraps:
        cols = (cols - (2**level - 1) / 2) / 2**level % len(col_at)
    else:
        cols = np.interp(cols, col_at, np.arange(len(col_at)))
    total, weight = np.zeros(rows.shape), np.zeros(rows.shape)
    for down, right in product((0, 1), repeat=2):
        row, col = np.floor(rows).astype(int) + down, np.floor(cols).astype(int) + right
        share = (1 - np.abs(rows - row)) * (1 - np.abs(cols - col))
        row = np.minimum(row, len(row_at) - 1)
        col = col % len(col_at) if grid.wraps else np.minimum(col, len(col_at) - 1)
        point = points[row, col]
        present = np.isfinite(point)
        total += np.where(present, share * np.where(present, point, 0), 0)
        weight += np.where(present, share, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(inside & (weight >= 0.5), total / weight, np.nan)


def blocks(
    values: Float32s, level: int, *, largest: bool = False
) -> tuple[Float64s, tuple[Float64s, Float64s]]:
    """Means (or *largest*) of blocks, and where along both axes they lie.

    A mean is NaN where most of its block is missing, a largest value where all is.
    """
    size = 2**level
    height, width = (-(-length // size) for length in values.shape)
    whole = np.full((height * size, width * size), np.nan)
    whole[: values.shape[0], : values.shape[1]] = np.where(np.isfinite(values), values, np.nan)
    there = np.zeros(whole.shape, dtype=np.bool_)
    there[: values.shape[0], : values.shape[1]] = True

    def cut(each: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return each.reshape(height, size, width, size).swapaxes(1, 2).reshape(height, width, -1)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        points = np.nanmax(cut(whole), axis=2) if largest else np.nanmean(cut(whole), axis=2)
    share = np.isfinite(cut(whole)).sum(axis=2) / cut(there).sum(axis=2)
    if not largest:
        points[share < 0.5] = np.nan
    rows, cols = (
        np.array([(at + min(at + size, length) - 1) / 2 for at in range(0, length, size)])
        for length in values.shape
    )
    return points, (rows, cols)


def exact_indices(style: Colouring, field: Float64s) -> Indices:
    """Bands by binary search: a value that equals a threshold is in the band above."""
    thresholds = style.bands.thresholds.astype(np.float64)
    bands = 1 + np.searchsorted(thresholds, field, side="right")
    return np.where(np.isnan(field), 0, bands)
