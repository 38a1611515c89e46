"""Grids and pictures for property tests: every kind, in every corner of the earth."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from consumers.handlers.tiles.grid import GeographicGrid, Grid, ProjectedGrid
from consumers.handlers.tiles.pixels import Target
from producers.payloads.tiles import BoundingBox
from producers.tilegrid import WORLDS, Tile, tile_bbox

Float32s = npt.NDArray[np.float32]

#: As the models of these names use them, with coarser steps: (PROJ string, west, south) of
#: a grid of 90 x 60 points whose steps are 60 km or half a degree.
PROJECTIONS = {
    "lambert": ("+proj=lcc +lat_1=38.5 +lat_2=38.5 +lat_0=38.5 +lon_0=262.5 +R=6371229", -2.7e6),
    "polar": ("+proj=stere +lat_0=90 +lat_ts=60 +lon_0=210 +R=6371229", -2.7e6),
    "mercator": ("+proj=merc +lat_ts=20 +lon_0=198.5 +R=6371229", -2.7e6),
    "rotated": (
        "+proj=ob_tran +o_proj=longlat +o_lon_p=0 +o_lat_p=36.1 +lon_0=245.3 +R=6371229",
        -22.5,
    ),
}


@dataclass(frozen=True, slots=True)
class Case:
    """A grid with values, and a picture of it."""

    grid: Grid
    values: Float32s
    target: Target


def global_grid(nx: int = 36, ny: int = 19, lon0_deg: float = 0.0) -> GeographicGrid:
    """A grid around the earth with a row at each pole, north first."""
    return GeographicGrid(nx, ny, lon0_deg, 90.0, 360 / nx, -180 / (ny - 1))


def projected_grid(name: str, *, south_first: bool = True) -> ProjectedGrid:
    """A grid of 90 x 60 points in one of `PROJECTIONS`."""
    proj, west = PROJECTIONS[name]
    step = -2 * west / 90
    south = {"polar": -4.5e6, "rotated": -15.0}.get(name, -1.8e6)
    if south_first:
        return ProjectedGrid(90, 60, proj, west, south, step, step)
    return ProjectedGrid(90, 60, proj, west, south + 59 * step, step, -step)


def picture(
    tile: Tile, crs: str = "EPSG:3857", *, size_px: int = 256, bbox: BoundingBox | None = None
) -> Target:
    """A square picture of a tile."""
    return Target(crs, bbox or tile_bbox(tile, crs), size_px, size_px)


@st.composite
def geographic_grids(draw: st.DrawFn) -> GeographicGrid:
    """Global or regional; with rows at the poles, beside them, or of unequal distance."""
    nx, ny = draw(st.integers(4, 60)), draw(st.integers(4, 40))
    lon0_deg = draw(st.sampled_from([-180.0, -179.5, 0.0, 0.25, 180.0, 260.0]))
    south_first = draw(st.booleans())
    match draw(st.sampled_from(["poles", "between", "gaussian", "region"])):
        case "poles":
            lats = np.linspace(90, -90, ny)
        case "between":
            lats = 90 - (np.arange(ny) + 0.5) * 180 / ny
        case "gaussian":
            lats = np.degrees(np.arcsin(np.polynomial.legendre.leggauss(ny)[0]))[::-1]
        case _:
            lats = np.linspace(62, 20, ny)
            lats = lats[::-1] if south_first else lats
            step_deg = float(lats[1] - lats[0])
            return GeographicGrid(nx, ny, lon0_deg, float(lats[0]), 90 / nx, step_deg)
    lats = lats[::-1] if south_first else lats
    steps = np.diff(lats)
    uneven = not np.allclose(steps, steps[0])
    return GeographicGrid(
        nx,
        ny,
        lon0_deg,
        float(lats[0]),
        360 / nx,
        float(steps[0]),
        tuple(float(lat) for lat in lats) if uneven else None,
    )


@st.composite
def projected_grids(draw: st.DrawFn) -> ProjectedGrid:
    """Every projection, rows in both directions."""
    return projected_grid(
        draw(st.sampled_from(sorted(PROJECTIONS))), south_first=draw(st.booleans())
    )


@st.composite
def tiles(draw: st.DrawFn, zoom_max: int = 5) -> tuple[Tile, str]:
    """Any tile of the coarse levels of any system."""
    crs = draw(st.sampled_from(sorted(WORLDS)))
    z = draw(st.integers(0, zoom_max))
    x = draw(st.integers(0, (WORLDS[crs].columns << z) - 1))
    return Tile(z, x, draw(st.integers(0, (1 << z) - 1))), crs


@st.composite
def areas(draw: st.DrawFn) -> Target:
    """Any area, as a map client asks for it: out of step with every pyramid."""
    crs = draw(st.sampled_from(sorted(WORLDS)))
    unit = 111_000.0 if crs == "EPSG:3857" else 1.0
    west, south = draw(st.floats(-200, 170)), draw(st.floats(-85, 80))
    width, height = draw(st.floats(0.5, 120)), draw(st.floats(0.5, 80))
    bbox = BoundingBox(
        min_x=west * unit,
        min_y=south * unit,
        max_x=(west + width) * unit,
        max_y=(south + height) * unit,
    )
    return Target(crs, bbox, draw(st.integers(1, 90)), draw(st.integers(1, 90)))


@st.composite
def cases(draw: st.DrawFn, *, missing: bool = False) -> Case:
    """A grid, a field on it that a temperature style shows well, and a picture."""
    grid = draw(st.one_of(geographic_grids(), projected_grids()))
    tile, crs = draw(tiles())
    target = draw(st.one_of(st.just(picture(tile, crs, size_px=64)), areas()))
    return Case(grid, field(grid, draw(st.integers(0, 99)), missing=missing), target)


def field(grid: Grid, seed: int = 0, *, missing: bool = False) -> Float32s:
    """Waves and noise, up to ten colours of the temperature style from point to point."""
    random = np.random.default_rng(seed)
    rows, cols = np.mgrid[0 : grid.ny, 0 : grid.nx]
    waves = 25 * np.sin(cols / grid.nx * 4 * np.pi) * np.cos(rows / grid.ny * 3 * np.pi)
    values = (280 + waves + random.normal(0, 0.3, waves.shape)).astype(np.float32)
    if missing:
        values[random.random(waves.shape) < 0.3] = np.nan
    result: Float32s = values
    return result
