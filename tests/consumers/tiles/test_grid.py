"""Where the points of a forecast grid lie."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumers.errors import PermanentError
from consumers.handlers.tiles.errors import GridError
from consumers.handlers.tiles.grid import GeographicGrid, Grid, ProjectedGrid, Window
from tests.consumers.tiles.grids import (
    geographic_grids,
    global_grid,
    projected_grid,
    projected_grids,
)


@settings(deadline=None)
@given(st.one_of(geographic_grids(), projected_grids()))
def test_a_grid_survives_its_json(grid: Grid) -> None:
    again = Grid.from_json(grid.to_json())

    assert again == grid
    assert hash(again) == hash(grid)
    assert again.to_json() == grid.to_json()


def test_equal_grids_have_equal_text() -> None:
    integers = GeographicGrid(4, 3, 0, 90, 90, -90)
    floats = GeographicGrid(4, 3, 0.0, 90.0, 90.0, -90.0)

    assert integers == floats
    assert integers.to_json() == floats.to_json()


def test_the_axes_of_winds_are_kept_and_say_nothing_of_the_points() -> None:
    grid = projected_grid("lambert")
    along = replace(grid, wind_along_axes=True)

    again = Grid.from_json(along.to_json())

    assert isinstance(again, ProjectedGrid)
    assert again.wind_along_axes is True
    assert again == grid
    assert hash(again) == hash(grid)


def test_a_text_without_the_axes_of_winds_means_east_and_north() -> None:
    fields = json.loads(projected_grid("polar").to_json())
    del fields["wind_along_axes"]

    again = Grid.from_json(json.dumps(fields))

    assert isinstance(again, ProjectedGrid)
    assert not again.wind_along_axes


@pytest.mark.parametrize(
    "text", ["", "null", "[]", "{}", '{"form": "cube"}', '{"form": "geographic", "nx": 4}']
)
def test_what_is_no_grid_is_refused(text: str) -> None:
    with pytest.raises(GridError, match="no grid can be read from"):
        Grid.from_json(text)


def test_a_field_that_nobody_knows_is_refused() -> None:
    fields = json.loads(global_grid().to_json()) | {"colour": "red"}

    with pytest.raises(GridError, match="no grid can be read"):
        Grid.from_json(json.dumps(fields))


@pytest.mark.parametrize("lon0_deg", [0.0, 180.0, -180.0, 0.25])
def test_columns_around_the_earth_wrap(lon0_deg: float) -> None:
    assert global_grid(lon0_deg=lon0_deg).wraps


def test_rounded_steps_still_close_the_circle() -> None:
    """512 steps of 0.703125 degrees, which GRIB 1 writes as 0.703."""
    grid = GeographicGrid(512, 256, 0.0, 89.5, 0.703, -0.7)

    assert grid.wraps
    assert grid.column_step_deg == 360 / 512


def test_a_repeated_first_column_closes_nothing() -> None:
    assert not GeographicGrid(361, 181, 0.0, 90.0, 1.0, -1.0).wraps


def test_a_region_does_not_wrap() -> None:
    assert not GeographicGrid(301, 331, 260.0, 55.0, 1 / 6, -1 / 6).wraps
    assert not ProjectedGrid(93, 65, "+proj=lcc", 0.0, 0.0, 81271.0, 81271.0).wraps


@pytest.mark.parametrize(
    "numbers",
    [
        (1, 19, 0.0, 90.0, 10.0, -10.0),
        (36, 70_000, 0.0, 90.0, 10.0, -10.0),
        (36, 19, 0.0, 90.0, -10.0, -10.0),
        (36, 19, 0.0, 90.0, 10.0, 0.0),
        (36, 19, 0.0, 90.0, 10.0, -11.0),
        (36, 19, float("nan"), 90.0, 10.0, -10.0),
        (40, 19, 0.0, 90.0, 10.0, -10.0),
        (36, 3, 0.0, 90.0, 10.0, -90.0, (90.0, -90.0)),
        (36, 3, 0.0, 90.0, 10.0, -90.0, (90.0, -90.0, 0.0)),
        (36, 3, 0.0, 90.0, 10.0, -90.0, (90.0, 90.0, 0.0)),
    ],
)
def test_numbers_that_contradict_each_other_are_refused(numbers: tuple[object, ...]) -> None:
    with pytest.raises(GridError):
        GeographicGrid(*numbers)  # type: ignore[arg-type]


def test_a_projected_grid_needs_steps() -> None:
    with pytest.raises(GridError, match="needs steps"):
        ProjectedGrid(10, 10, "+proj=lcc", 0.0, 0.0, 1000.0, 0.0)


@pytest.mark.parametrize("numbers", [(0, 0, 0, 1), (0, 1, 2, 2), (-1, 1, 0, 1), (3, 2, 0, 1)])
def test_a_window_is_not_empty(numbers: tuple[int, int, int, int]) -> None:
    with pytest.raises(GridError, match="a window needs"):
        Window(*numbers)


def test_a_window_knows_its_shape() -> None:
    assert Window(2, 5, 30, 40).shape == (3, 10)


def test_a_wrong_grid_can_never_be_drawn() -> None:
    assert issubclass(GridError, PermanentError)
