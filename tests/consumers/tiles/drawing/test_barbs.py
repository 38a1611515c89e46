"""Barbs say what the wind is."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from consumers.handlers.tiles.drawing.barbs import KNOTS_MAX, Barbs, _barb, rounded
from consumers.handlers.tiles.drawing.glyphlattice import glyph_lattice
from consumers.handlers.tiles.drawing.glyphs import Halo, SpeedColours
from consumers.handlers.tiles.drawing.ink import paint, transparent
from consumers.handlers.tiles.drawing.winds import Winds, winds_at
from consumers.handlers.tiles.errors import StyleError
from consumers.handlers.tiles.grid import GeographicGrid
from consumers.handlers.tiles.mapping import map_tile
from consumers.handlers.tiles.pixels import Target
from consumers.handlers.tiles.sample import bilinear
from producers.payloads.tiles import BoundingBox
from producers.tilegrid import WORLDS, Tile, tile_bbox
from tests.consumers.tiles.grids import Float32s, global_grid, picture
from tests.support.oracle import crop

M_PER_S = 1852 / 3600
SHAPE = (100, 100)
STYLE = Barbs()


def one(
    knots: float, bearing_deg: float = 90, *, southern: bool = False, style: Barbs = STYLE
) -> npt.NDArray[np.float64]:
    """Coverage by a wind to *bearing_deg* in the middle of a picture."""
    angle = np.radians(bearing_deg)
    winds = Winds(
        middles_px=np.array([[50.0, 50.0]]),
        flow=np.array([[np.sin(angle), -np.cos(angle)]]),
        speeds=np.array([knots * M_PER_S]),
        southern=np.array([southern]),
    )
    [ink] = style.draw(winds, SHAPE)
    return ink.coverage / 255


@pytest.mark.parametrize(
    ("knots", "drawn"),
    [
        (0, 0), (2.49, 0), (2.5, 5), (7.4, 5), (7.5, 10), (12.6, 15), (47.4, 45), (47.6, 50),
        (102, 100), (298, 300), (9000, KNOTS_MAX),
    ],
)  # fmt: skip
def test_speeds_are_rounded_to_5_knots(knots: float, drawn: int) -> None:
    assert rounded(np.array([knots * M_PER_S + 1e-9])).tolist() == [drawn // 5]


@pytest.mark.parametrize(
    ("knots", "flags", "fulls", "halves"),
    [(5, 0, 0, 1), (10, 0, 1, 0), (15, 0, 1, 1), (45, 0, 4, 1), (50, 1, 0, 0), (65, 1, 1, 1),
     (100, 2, 0, 0), (295, 5, 4, 1)],
)  # fmt: skip
def test_flags_are_50_feathers_10_and_halves_5(
    knots: int, flags: int, fulls: int, halves: int
) -> None:
    staff, *feathers = _barb(knots // 5, 24.0).strokes

    lengths = [float(np.hypot(*(tip - foot))) for foot, tip in feathers]
    assert len(_barb(knots // 5, 24.0).triangles) == flags
    assert len(lengths) == fulls + halves
    assert lengths[:fulls] == pytest.approx([max(lengths, default=0)] * fulls)
    if fulls and halves:
        assert lengths[-1] == pytest.approx(lengths[0] / 2)
    # All of them stand on the staff.
    end = -staff[1, 0]
    feet = [-foot[0] for foot, _ in feathers]
    assert all(0 < foot <= end for foot in feet)
    assert feet == sorted(feet, reverse=True)


def test_a_lone_half_feather_stands_below_the_end() -> None:
    def first_foot(knots: int) -> float:
        return float(-_barb(knots // 5, 24.0).strokes[1, 0, 0])

    assert first_foot(5) < first_foot(10) == 24.0


def test_calm_air_is_a_circle() -> None:
    drawn = one(2.4)

    y, x = np.mgrid[0:100, 0:100] + 0.5 - 50
    ring = np.hypot(x, y)[drawn > 0.5]
    assert ring.min() > 2
    assert ring.max() < 5
    assert drawn[50, 50] == 0


@pytest.mark.parametrize("bearing_deg", range(0, 360, 30))
def test_the_staff_points_to_where_the_wind_comes_from(bearing_deg: float) -> None:
    drawn = one(10, bearing_deg)

    y, x = np.mgrid[0:100, 0:100] + 0.5 - 50
    angle = np.radians(bearing_deg)
    upwind = -(x * np.sin(angle) - y * np.cos(angle))
    assert np.average(upwind, weights=drawn) > 10
    assert upwind[drawn > 0.5].min() > -1.5


@pytest.mark.parametrize("bearing_deg", range(0, 360, 30))
@pytest.mark.parametrize("knots", [5, 10, 50, 125])
def test_feathers_are_on_the_left_in_the_north_and_on_the_right_in_the_south(
    knots: int, bearing_deg: float
) -> None:
    """Seen with the wind in the back: the side of the low pressure."""
    y, x = np.mgrid[0:100, 0:100] + 0.5 - 50
    angle = np.radians(bearing_deg)
    to_the_right = x * np.cos(angle) + y * np.sin(angle)

    north, south = one(knots, bearing_deg), one(knots, bearing_deg, southern=True)

    assert to_the_right[north > 0.5].min() < -3
    assert to_the_right[north > 0.5].max() < 1.5
    assert to_the_right[south > 0.5].max() > 3
    assert to_the_right[south > 0.5].min() > -1.5


def test_a_barb_across_the_equator_flips() -> None:
    """West wind everywhere: feathers up in the north, down in the south."""
    grid = global_grid()
    shape = (grid.ny, grid.nx)
    west = np.full(shape, 10, dtype=np.float32)

    world = picture(Tile(0, 0, 0), size_px=512)
    drawn = draw(grid, west, np.zeros(shape, np.float32), world)[..., 3].astype(int)

    assert drawn[:256].any()
    assert np.abs(drawn - drawn[::-1]).max() <= 4
    # Two feathers of 20 knots, the outer one at the west end, leaning up in the north.
    lattice = glyph_lattice(world, STYLE.spacing_px, STYLE.reach_px)
    assert lattice is not None
    row, col = int(lattice.y_px[3]), int(lattice.x_px[4])
    assert drawn[row - 10 : row - 3, col - 30 : col - 18].any()
    assert not drawn[row + 3 : row + 10, col - 30 : col].any()


@pytest.mark.parametrize("knots", [0, 5, 65, 300, 1000])
@pytest.mark.parametrize("halo", [None, Halo(width_px=3)])
def test_no_barb_reaches_further_than_it_says(knots: int, halo: Halo | None) -> None:
    style = Barbs(halo=halo)
    winds = Winds(
        np.array([[100.0, 100.0]]),
        np.array([[0.6, 0.8]]),
        np.array([knots * M_PER_S]),
        np.array([True]),
    )

    y, x = np.mgrid[0:200, 0:200] + 0.5 - 100
    for ink in style.draw(winds, (200, 200)):
        assert np.hypot(x, y)[ink.coverage > 0].max() <= style.reach_px


def test_colours_follow_the_speed_and_a_halo_lies_below_all() -> None:
    colours = SpeedColours(((0, "#0000ff"), (10, "#00ff00"), (20, "#ff0000")))
    winds = Winds(
        np.array([[20.0, 50.0], [50.0, 50.0], [80.0, 50.0]]),
        np.array([[0.0, -1.0]] * 3),
        np.array([3.0, 10.0, 9.99]),
        np.zeros(3, dtype=np.bool_),
    )

    halo, slow, medium = Barbs(colours=colours, halo=Halo("#ffffff")).draw(winds, SHAPE)

    assert [halo.colour, slow.colour, medium.colour] == ["#ffffff", "#0000ff", "#00ff00"]
    assert medium.coverage[:, 40:65].any()
    assert not medium.coverage[:, :35].any()
    assert slow.coverage[:, :35].any()
    assert slow.coverage[:, 70:].any()
    assert (halo.coverage >= np.maximum(slow.coverage, medium.coverage)).all()


@pytest.mark.parametrize("steps", [(), ((1.0, "#000000"),), ((0.0, "#000000"), (0.0, "#ffffff"))])
def test_colours_need_speeds_that_rise_from_0(steps: tuple[tuple[float, str], ...]) -> None:
    with pytest.raises(StyleError, match="rise from 0"):
        SpeedColours(steps)


def draw(
    grid: GeographicGrid, u: Float32s, v: Float32s, target: Target, style: Barbs = STYLE
) -> npt.NDArray[np.uint8]:
    shape = (target.height_px, target.width_px)
    drawn = transparent(shape)
    lattice = glyph_lattice(target, style.spacing_px, style.reach_px)
    if lattice is None or (mapping := map_tile(grid, lattice.target)) is None:
        return drawn
    at = [bilinear(crop(each, mapping.window), mapping) for each in (u, v)]
    paint(drawn, style.draw(winds_at(lattice, target, grid, *at), shape))
    return drawn


def storm(grid: GeographicGrid) -> tuple[Float32s, Float32s]:
    random = np.random.default_rng(3)
    u, v = random.normal(0, 25, (2, grid.ny, grid.nx)).astype(np.float32)
    return u, v


@settings(deadline=None, max_examples=40)
@example("EPSG:3857", 8, 1127, 2, None)  # flags whose corners end beside a pixel
@given(
    st.sampled_from(sorted(WORLDS)),
    st.integers(1, 12),
    st.integers(0, 10_000),
    st.sampled_from([1, 2]),
    st.sampled_from([None, Halo()]),
)
def test_four_tiles_are_one_picture_to_the_last_bit(
    crs: str, z: int, seed: int, scale: int, halo: Halo | None
) -> None:
    random = np.random.default_rng(seed)
    x, y = random.integers(((WORLDS[crs].columns << z) - 1, (1 << z) - 1)).tolist()
    grid = global_grid()
    u, v = storm(grid)
    style = replace(STYLE, halo=halo).scaled(scale)
    size = 256 * scale
    boxes = [[tile_bbox(Tile(z, x + right, y + down), crs) for right in (0, 1)] for down in (0, 1)]
    whole = BoundingBox(
        min_x=boxes[0][0].min_x,
        max_x=boxes[0][1].max_x,
        min_y=boxes[1][0].min_y,
        max_y=boxes[0][0].max_y,
    )

    parts = [
        [draw(grid, u, v, Target(crs, box, size, size), style) for box in row] for row in boxes
    ]

    joined = np.vstack([np.hstack(row) for row in parts])
    np.testing.assert_array_equal(
        joined, draw(grid, u, v, Target(crs, whole, 2 * size, 2 * size), style)
    )


def test_over_the_date_line_glyphs_meet_as_well() -> None:
    """What a barb at the west edge of the world lacks there is in the last tile of the east."""
    grid = global_grid()
    u, v = storm(grid)
    z = 3
    last, first = (
        draw(grid, u, v, picture(Tile(z, x, 3)))[..., 3].astype(int) for x in ((1 << z) - 1, 0)
    )
    box = tile_bbox(Tile(z, 7, 3))
    step = box.max_x - box.min_x
    across = Target(
        "EPSG:3857",
        BoundingBox(min_x=box.min_x, max_x=box.max_x + step, min_y=box.min_y, max_y=box.max_y),
        512,
        256,
    )

    # Places beyond the date line are counted on, so the last bits may be others.
    off = np.abs(draw(grid, u, v, across)[..., 3].astype(int) - np.hstack((last, first)))
    assert off.max() <= 2
    assert last[:, -20:].any()


POLAR = "EPSG:3413"


def polar(west: float, north: float, tiles: int = 1) -> Target:
    """256 pixels of 8 km for each of *tiles* in both directions, from a corner in tiles on."""
    step = 256 * 8000.0
    box = BoundingBox(
        min_x=west * step,
        max_x=(west + tiles) * step,
        min_y=(north - tiles) * step,
        max_y=north * step,
    )
    return Target(POLAR, box, 256 * tiles, 256 * tiles)


def test_around_the_pole_four_pictures_are_one_as_well() -> None:
    grid = global_grid()
    u, v = storm(grid)

    parts = [[draw(grid, u, v, polar(west, north)) for west in (-1, 0)] for north in (1, 0)]

    whole = draw(grid, u, v, polar(-1, 1, tiles=2))
    np.testing.assert_array_equal(np.vstack([np.hstack(row) for row in parts]), whole)
    assert whole.any()


def test_on_a_polar_map_a_south_wind_points_to_the_pole() -> None:
    grid = global_grid(nx=120, ny=61)
    shape = (grid.ny, grid.nx)
    picture = polar(-1, 1, tiles=2)
    lattice = glyph_lattice(picture, 50, 30)
    assert lattice is not None
    mapping = map_tile(grid, lattice.target)
    assert mapping is not None
    north, none = (np.full(shape, speed, dtype=np.float32) for speed in (10, 0))
    u, v = (bilinear(crop(each, mapping.window), mapping) for each in (none, north))

    winds = winds_at(lattice, picture, grid, u, v)

    to_pole = 256 - winds.middles_px
    to_pole /= np.hypot(*to_pole.T)[:, None]
    # Winds are turned on a sphere, the map is one of an ellipsoid.
    assert (winds.flow * to_pole).sum(axis=1).min() > np.cos(np.radians(0.1))
