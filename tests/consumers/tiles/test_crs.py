"""The coordinate systems that pictures are drawn in."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS

from consumers.handlers.tiles.crs import find_crs, x_first
from consumers.handlers.tiles.errors import OutOfAreaError, TileError, UnfitCrsError, UnknownCrs
from consumers.handlers.tiles.grid import GeographicGrid, Grid
from consumers.handlers.tiles.mapping import map_tile
from consumers.handlers.tiles.pixels import Target, fractions_of, places_deg
from consumers.handlers.tiles.sample import bilinear
from producers.payloads.tiles import BoundingBox, RenderTile
from producers.tilekey import tile_key
from tests.consumers.tiles.grids import field, geographic_grids, global_grid, projected_grids
from tests.support.looks import TEMPERATURE
from tests.support.oracle import crop, exact_field, exact_indices, exact_positions, on_the_edge

#: Systems of every kind, each with an area (x, y) that it is used for.
AREAS = {
    "EPSG:3413": (-4e6, -4e6, 4e6, 4e6),
    "EPSG:3031": (-3e6, -3e6, 3e6, 3e6),
    "EPSG:5041": (-1e6, -1e6, 5e6, 5e6),
    "EPSG:32661": (0, 0, 4e6, 4e6),
    "EPSG:3035": (2e6, 1e6, 7e6, 6e6),
    "EPSG:3978": (-2.5e6, -1e6, 3.2e6, 4e6),
    "EPSG:5070": (-2.5e6, 2e5, 2.5e6, 3.2e6),
    "EPSG:27700": (0, 0, 7e5, 1.2e6),
    "EPSG:2193": (1e6, 4.7e6, 2.2e6, 6.2e6),
    "EPSG:3832": (-4e6, -4e6, 4e6, 4e6),
    "EPSG:4258": (-12, 35, 36, 70),
    "EPSG:4087": (-1e7, -5e6, 1e7, 5e6),
    "ESRI:54009": (-18e6, -9e6, 18e6, 9e6),
}


def target(crs: str, size_px: int = 96) -> Target:
    west, south, east, north = AREAS[crs]
    bbox = BoundingBox(min_x=west, min_y=south, max_x=east, max_y=north)
    return Target(crs, bbox, size_px, size_px)


def asked(crs: str, box: tuple[float, float, float, float], axis: str = "xy") -> RenderTile:
    bbox = dict(zip(("min_x", "min_y", "max_x", "max_y"), box, strict=True))
    return RenderTile.model_validate({"layer": "a_b_c", "crs": crs, "bbox": bbox, "axis": axis})


@pytest.mark.parametrize("code", ["EPSG:4326", "EPSG:4258", "EPSG:32661", "EPSG:3035", "EPSG:2193"])
def test_north_comes_first_where_the_definition_says_so(code: str) -> None:
    turned = x_first(asked(code, (40, 5, 50, 25), "crs"))

    assert find_crs(code).north_first
    assert turned == asked(code, (5, 40, 25, 50))


@pytest.mark.parametrize("code", ["CRS:84", "EPSG:3857", "EPSG:3413", "EPSG:5041", "EPSG:3978"])
def test_east_comes_first_where_the_definition_says_so(code: str) -> None:
    assert not find_crs(code).north_first
    assert x_first(asked(code, (40, 5, 50, 25), "crs")) == asked(code, (40, 5, 50, 25))


@pytest.mark.parametrize("code", ["EPSG:4326", "EPSG:32661"])
def test_x_comes_first_unless_a_job_says_otherwise(code: str) -> None:
    assert x_first(asked(code, (40, 5, 50, 25))) == asked(code, (40, 5, 50, 25))


def test_what_is_asked_for_in_the_other_order_is_one_picture_under_one_name() -> None:
    one, other = asked("EPSG:4326", (5, 40, 25, 50)), asked("EPSG:4326", (40, 5, 50, 25), "crs")

    assert tile_key(x_first(other), None) == tile_key(one, None)
    assert ":axes,40,5,50,25:" in tile_key(other, None)


def test_a_code_has_one_spelling() -> None:
    assert x_first(asked("epsg:3857", (0, 0, 1, 1))).crs == "EPSG:3857"


def test_a_system_may_be_written_down() -> None:
    wkt = CRS("EPSG:3413").to_wkt()
    job = asked(wkt, AREAS["EPSG:3413"])
    grid = global_grid(nx=72, ny=37)

    written = map_tile(grid, Target.of(job))
    coded = map_tile(grid, Target("EPSG:3413", job.bbox, 256, 256))

    assert written is not None
    assert coded is not None
    values = field(grid)
    np.testing.assert_array_equal(
        bilinear(crop(values, written.window), written), bilinear(crop(values, coded.window), coded)
    )
    assert ":WKT:" in tile_key(job, None)


@pytest.mark.parametrize(
    ("crs", "error"),
    [
        ("EPSG:9999", UnknownCrs),
        ("CRS:99", UnknownCrs),
        ("NOBODY:1", UnknownCrs),
        ('PROJCS["nonsense"]', UnknownCrs),
        ("EPSG:4978", UnfitCrsError),
        ("EPSG:5703", UnfitCrsError),
        ("EPSG:5513", UnfitCrsError),
    ],
)
def test_what_is_no_map_is_refused_for_ever(crs: str, error: type[TileError]) -> None:
    with pytest.raises(error, match=r"ask for|expected"):
        Target.of(asked(crs, (0, 0, 1, 1)))


@pytest.mark.parametrize("wkt", ['PROJCS["a",EXTENSION["PROJ4","+nadgrids=/etc/passwd"]]'])
def test_wkt_that_names_files_is_refused(wkt: str) -> None:
    with pytest.raises(ValueError, match="EXTENSION"):
        asked(wkt, (0, 0, 1, 1))


@pytest.mark.parametrize(
    ("crs", "box", "says"),
    [
        ("EPSG:3413", (-2e7, -2e7, 2e7, 2e7), "reaches"),
        ("EPSG:5041", (-3e7, -3e7, 3e7, 3e7), "reaches"),
        ("EPSG:27700", (8e6, 0, 9e6, 1e6), "outside"),
        ("EPSG:3035", (-2e7, -2e7, 2e7, 2e7), "outside"),
        ("EPSG:4258", (100, 0, 170, 60), "outside"),
        ("EPSG:32633", (-8e6, -9e6, 9e6, 9e6), "outside"),
        ("EPSG:3978", (5e7, 5e7, 6e7, 6e7), "outside"),
    ],
)
def test_an_area_far_from_the_systems_own_is_refused_for_ever(
    crs: str, box: tuple[float, float, float, float], says: str
) -> None:
    with pytest.raises(OutOfAreaError, match=says):
        map_tile(global_grid(), Target.of(asked(crs, box)))


@settings(deadline=None, max_examples=60)
@given(
    st.one_of(geographic_grids(), projected_grids()), st.sampled_from(sorted(AREAS)), st.booleans()
)
def test_colours_are_those_of_the_slow_way_in_every_system(
    grid: Grid,
    crs: str,
    missing: bool,  # noqa: FBT001 - hypothesis
) -> None:
    picture = target(crs)
    mapping = map_tile(grid, picture)
    values = field(grid, missing=missing)
    exact = exact_field(values, grid, picture)
    if mapping is None:
        assert (np.isnan(exact) | on_the_edge(grid, picture)).all()
        return

    fast = TEMPERATURE.indices(bilinear(crop(values, mapping.window), mapping)).astype(int)

    slow = exact_indices(TEMPERATURE, exact)
    here = (fast > 0) & (slow > 0)
    assert np.abs(fast - slow)[here].max(initial=0) <= 1
    rounding = 4 * np.spacing(np.float32(300))
    either = on_the_edge(grid, picture) | near_the_pole(picture)
    either |= exact_indices(TEMPERATURE, exact - rounding) != exact_indices(
        TEMPERATURE, exact + rounding
    )
    assert ((fast != slow) & ~either).sum() <= max(2, 0.001 * fast.size)


def near_the_pole(picture: Target) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Where a longitude means nothing."""
    x_axis, y_axis = picture.axes()
    _, lats = places_deg(picture.crs, x_axis.centres()[None, :], y_axis.centres()[:, None])
    return np.abs(lats) > 89.999


def test_the_seam_of_a_global_grid_does_not_show_in_a_polar_picture() -> None:
    """All longitudes meet at the pole: the column between the last and the first, too."""
    grid = GeographicGrid(72, 37, 0.0, 90.0, 5.0, -5.0)
    lons = np.radians(np.arange(72) * 5.0)
    values = np.broadcast_to(np.cos(lons), (37, 72)) * np.linspace(0, 20, 37)[:, None] + 280
    mapping = map_tile(grid, target("EPSG:3413", 128))
    assert mapping is not None

    drawn = bilinear(crop(values.astype(np.float32), mapping.window), mapping)

    assert np.isfinite(drawn).all()
    assert np.abs(np.diff(drawn, axis=0)).max() < 0.5
    assert np.abs(np.diff(drawn, axis=1)).max() < 0.5


def test_a_picture_over_the_seam_needs_the_columns_beside_it_only() -> None:
    grid = GeographicGrid(360, 181, 0.0, 90.0, 1.0, -1.0)
    bbox = BoundingBox(min_x=0, min_y=0, max_x=7e5, max_y=12e5)

    mapping = map_tile(grid, Target("EPSG:27700", bbox, 64, 96))

    assert mapping is not None
    assert mapping.window.shape[1] < 20


@pytest.mark.parametrize("crs", sorted(AREAS))
def test_four_pictures_are_the_quarters_of_a_large_one(crs: str) -> None:
    """Tiles of a power of two of metres or degrees, in step with the origin."""
    edge = 2.0 ** np.floor(np.log2(AREAS[crs][2] - AREAS[crs][0]) - 1)
    west = np.ceil(AREAS[crs][0] / edge) * edge
    south = np.ceil(AREAS[crs][1] / edge) * edge
    grid, half = global_grid(nx=144, ny=73), edge / 2
    values = field(grid)

    def drawn(
        x: float, y: float, length: float, size_px: int
    ) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        bbox = BoundingBox(min_x=x, min_y=y, max_x=x + length, max_y=y + length)
        mapping = map_tile(grid, Target(crs, bbox, size_px, size_px))
        if mapping is None:
            return np.zeros((size_px, size_px), dtype=np.uint8)
        return TEMPERATURE.indices(bilinear(crop(values, mapping.window), mapping))

    quarters = [
        np.hstack([drawn(west + right, south + up, half, 128) for right in (0, half)])
        for up in (half, 0)
    ]

    np.testing.assert_array_equal(np.vstack(quarters), drawn(west, south, edge, 256))


@pytest.mark.parametrize("crs", [*sorted(AREAS), "EPSG:3857", "EPSG:4326"])
def test_places_and_fractions_are_inverse(crs: str) -> None:
    place = (-1.5, 52.0) if crs == "EPSG:27700" else (15.0, 62.0)
    place = {"EPSG:3031": (15.0, -75.0), "EPSG:2193": (172.0, -41.0)}.get(crs, place)

    x, y = fractions_of(crs, *place)
    lons, lats = places_deg(crs, np.array([x]), np.array([y]))

    assert (lons[0], lats[0]) == pytest.approx(place, abs=1e-6)


def test_exact_positions_agree_with_the_oracle() -> None:
    """The oracle's own way to the earth, in a system where both can be wrong in one sense."""
    rows, cols = exact_positions(global_grid(nx=360, ny=181), target("EPSG:3413"))

    # The middle of the picture lies at the pole; below it, at 45 degrees west, the Atlantic.
    assert rows[48, 48] < 1.5
    assert cols[95, 48] == pytest.approx(315, abs=1.0)
