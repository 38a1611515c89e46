from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pytest

from consumers.handlers.tiles.atmosphere import HOURS, forecast
from consumers.handlers.tiles.continents import height_m, land_share
from consumers.handlers.tiles.grid import GeographicGrid

Float32s = npt.NDArray[np.float32]

RUN = datetime(2026, 11, 22, 6, tzinfo=UTC)
SUMMER = datetime(2026, 7, 15, 12, tzinfo=UTC)
STEP_DEG = 2.0
LATS = 90 - np.arange(91) * STEP_DEG


@lru_cache(maxsize=8)
def step(hour: int = 0, *, seed: int = 1, run: datetime = RUN) -> Mapping[str, Float32s]:
    return {
        field.name: field.values
        for field in forecast(run, seed=seed, hours=[hour], step_deg=STEP_DEG)
    }


def mean_between(values: Float32s, north: float, south: float) -> float:
    rows = (north >= LATS) & (south <= LATS)
    return float(np.average(values[rows].mean(axis=1), weights=np.cos(np.radians(LATS[rows]))))


def test_each_step_has_the_five_layers_in_their_units() -> None:
    fields = list(forecast(RUN, hours=[0, 6], step_deg=10))

    assert [(field.name, field.units) for field in fields[:5]] == [
        ("TMP_2m", "K"),
        ("PRMSL_msl", "Pa"),
        ("UGRD_10m", "m s**-1"),
        ("VGRD_10m", "m s**-1"),
        ("APCP_surface", "kg m**-2"),
    ]
    assert len(fields) == 10
    for field in fields:
        assert field.model == "demo"
        assert field.grid == GeographicGrid(36, 19, 0.0, 90.0, 10.0, -10.0)
        assert field.values.shape == (19, 36)
        assert field.values.dtype == np.float32
        assert np.isfinite(field.values).all()


def test_steps_are_six_hours_apart_by_default() -> None:
    fields = [field for field in forecast(RUN, step_deg=10) if field.name == "TMP_2m"]

    assert [field.forecast.total_seconds() / 3600 for field in fields] == list(HOURS)


def test_the_same_seed_and_time_give_the_same_weather() -> None:
    again = {
        field.name: field.values for field in forecast(RUN, seed=1, hours=[6], step_deg=STEP_DEG)
    }

    for name, values in step(6).items():
        np.testing.assert_array_equal(again[name], values)


@pytest.mark.parametrize("name", ["TMP_2m", "PRMSL_msl", "UGRD_10m", "APCP_surface"])
def test_another_seed_or_hour_gives_other_weather(name: str) -> None:
    for other in (step(0, seed=2), step(6)):
        assert not np.allclose(other[name], step(0)[name], rtol=1e-3)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("run", [RUN, SUMMER])
def test_all_values_are_ones_that_the_earth_knows(seed: int, run: datetime) -> None:
    for hour in (0, 24):
        fields = step(hour, seed=seed, run=run)
        speed = np.hypot(fields["UGRD_10m"], fields["VGRD_10m"])

        assert 190 < fields["TMP_2m"].min() < 250
        assert 300 < fields["TMP_2m"].max() < 325
        assert 92_000 < fields["PRMSL_msl"].min() < 98_500
        assert 102_500 < fields["PRMSL_msl"].max() < 106_500
        assert 15 < speed.max() < 45
        assert fields["APCP_surface"].min() == 0
        assert 5 < fields["APCP_surface"].max() <= 120
        assert 0.05 < (fields["APCP_surface"] > 0.1).mean() < 0.5


def test_it_is_warm_at_the_equator_cold_at_the_poles_and_coldest_in_winter() -> None:
    november, july = step(0)["TMP_2m"], step(0, run=SUMMER)["TMP_2m"]

    for temperature in (november, july):
        assert 295 < mean_between(temperature, 10, -10) < 305
        assert mean_between(temperature, 90, 70) < 276
        assert mean_between(temperature, -75, -90) < 255
    assert mean_between(november, 70, 40) < mean_between(july, 70, 40) - 8
    assert mean_between(july, -75, -90) < mean_between(november, -75, -90) - 5


def test_pressure_is_high_in_the_subtropics_and_low_around_antarctica() -> None:
    pressure = step(0)["PRMSL_msl"]

    assert mean_between(pressure, 38, 26) > mean_between(pressure, 6, -6) + 300
    assert mean_between(pressure, -58, -70) < 100_000


@pytest.mark.parametrize(("north", "south", "turn"), [(70, 25, 1), (-25, -70, -1)])
def test_winds_turn_around_lows_as_they_do_on_their_side_of_the_earth(
    north: float, south: float, turn: int
) -> None:
    """Against the clock in the north, with it in the south: Buys Ballot's law."""
    fields = step(0)
    rows = np.flatnonzero((north >= LATS) & (south <= LATS))
    round_ = np.cos(np.radians(LATS[rows]))[:, None]
    pressure = fields["PRMSL_msl"][rows]
    to_east = np.gradient(pressure, axis=1) / round_
    to_north = -np.gradient(pressure, axis=0)
    east, north_wind = fields["UGRD_10m"][rows], fields["VGRD_10m"][rows]

    crossing = to_east * north_wind - to_north * east
    towards_low = -(to_east * east + to_north * north_wind)

    assert (np.sign(crossing[2:-2]) == turn).mean() > 0.97
    assert (towards_low[2:-2] > 0).mean() > 0.97


@pytest.mark.parametrize("name", ["TMP_2m", "PRMSL_msl", "UGRD_10m", "VGRD_10m", "APCP_surface"])
def test_there_is_no_seam_between_the_last_and_the_first_column(name: str) -> None:
    values = step(6)[name]
    jumps = np.abs(values - np.roll(values, 1, axis=1)).mean(axis=0)

    assert jumps[0] <= 2 * np.median(jumps) + 1e-6


@pytest.mark.parametrize("name", ["TMP_2m", "PRMSL_msl"])
def test_all_points_of_a_pole_have_nearly_one_value(name: str) -> None:
    values = step(6)[name]

    for row in (0, -1):
        assert np.ptp(values[row]) < 0.03 * np.ptp(values)


def test_lows_travel() -> None:
    """The deepest low of the north is elsewhere a day later, and not on the other side."""
    places = []
    for hour in (0, 24):
        pressure = step(hour)["PRMSL_msl"][10:30]
        places.append(int(np.argmin(pressure.min(axis=0))) * STEP_DEG)

    assert places[0] != places[1]


def test_land_is_where_people_know_it() -> None:
    land = land_share(720, 361)

    def at(lat: float, lon: float) -> float:
        return float(land[round((90 - lat) * 2), round(lon % 360 * 2)])

    for lat, lon in ((50, 10), (25, 5), (40, -100), (-10, -55), (60, 100), (-25, 135), (-85, 0)):
        assert at(lat, lon) > 0.9, (lat, lon)
    for lat, lon in ((0, -30), (0, -150), (-50, 100), (45, -40), (40, 180), (-60, 0), (85, 0)):
        assert at(lat, lon) < 0.1, (lat, lon)
    assert np.average(land.mean(axis=1), weights=np.cos(np.radians(90 - np.arange(361) / 2))) > 0.25
    assert land.min() >= 0
    assert land.max() <= 1.0001


def test_mountains_stand_where_people_know_them() -> None:
    lons = np.array([[88, -41, -30]], dtype=np.float32)
    lats = np.array([[33], [73], [0]], dtype=np.float32)

    heights = height_m(lons, lats)

    assert heights[0, 0] > 4500
    assert heights[1, 1] > 2500
    assert heights[2, 2] < 1
