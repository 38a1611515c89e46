"""How layers are named, measured and coloured on the map."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from consumers.demo.layers import map_layers
from consumers.handlers.tiles.catalog import Catalog, Dataset, open_catalog
from consumers.handlers.tiles.grid import GeographicGrid
from consumers.handlers.tiles.names import layer_name
from consumers.handlers.tiles.shards import ShardLayout
from producers.gateway.layers import MapLayer
from tests.support.looks import LIBRARY, TEMPERATURE

RUN = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
async def catalog(tmp_path: Path) -> AsyncIterator[Catalog]:
    """An empty catalog."""
    async with open_catalog(f"sqlite:///{tmp_path / 'catalog.sqlite'}") as catalog:
        yield catalog


def dataset(parameter: str, level: str, units: str, *, hours: int = 0) -> Dataset:
    """A layer of a small grid with values from 0 to 300."""
    grid = GeographicGrid(4, 3, 0.0, 90.0, 90.0, -90.0)
    return Dataset(
        name=layer_name("gfs", parameter, level),
        reference_time=RUN,
        forecast=timedelta(hours=hours),
        grid=grid,
        layout=ShardLayout.of(grid.ny, grid.nx),
        storage_path=f"{parameter}-{level}-{hours}",
        units=units,
        vmin=0.0,
        vmax=300.0,
    )


async def layers_of(catalog: Catalog, *datasets: Dataset, now: datetime = RUN) -> list[MapLayer]:
    """The map's layers for *datasets*."""
    await catalog.add(datasets)
    return await map_layers(catalog, LIBRARY, datasets, now)


async def test_the_temperature_at_2_m_comes_first(catalog: Catalog) -> None:
    layers = await layers_of(
        catalog,
        dataset("APCP", "surface", "kg m**-2"),
        dataset("PRMSL", "msl", "Pa"),
        dataset("TMP", "850mb", "K"),
        dataset("TMP", "2m", "K"),
    )

    assert [layer.name for layer in layers] == [
        "gfs_TMP_2m",
        "gfs_TMP_850mb",
        "gfs_PRMSL_msl",
        "gfs_APCP_surface",
    ]


@pytest.mark.parametrize(
    ("parameter", "level", "units", "title", "sign", "value_range"),
    [
        ("TMP", "2m", "K", "Temperature, 2 m", "°C", (-273.15, 26.85)),
        ("PRMSL", "msl", "Pa", "Sea level pressure", "hPa", (0.0, 3.0)),
        ("WIND", "250mb", "m s**-1", "Wind speed, 250 hPa", "m/s", (0.0, 300.0)),
        ("TSOIL", "0-10cm", "K", "Soil temperature, 0-10 cm", "°C", (-273.15, 26.85)),
        ("APCP", "surface", "kg m**-2", "Precipitation, surface", "mm", (0.0, 300.0)),
        ("XYZ", "pv2", "odd", "XYZ, pv2", "odd", (0.0, 300.0)),
    ],
)
async def test_titles_and_units_are_those_of_people(
    catalog: Catalog,
    parameter: str,
    level: str,
    units: str,
    title: str,
    sign: str,
    value_range: tuple[float, float],
) -> None:
    [layer] = await layers_of(catalog, dataset(parameter, level, units))

    assert (layer.title, layer.units) == (title, sign)
    assert layer.value_range == pytest.approx(value_range)


async def test_it_begins_with_the_time_nearest_to_now_and_offers_all(catalog: Catalog) -> None:
    steps = [dataset("TMP", "2m", "K", hours=hours) for hours in (12, 0, 6)]

    [layer] = await layers_of(catalog, *steps, now=RUN + timedelta(hours=7))

    assert layer.times == tuple(RUN + timedelta(hours=hours) for hours in (0, 6, 12))
    assert layer.time == RUN + timedelta(hours=6)


async def test_the_legend_has_the_colours_of_the_tiles(catalog: Catalog) -> None:
    """A value in the middle between two ticks has the colour in the middle between them."""
    [layer] = await layers_of(catalog, dataset("TMP", "2m", "K"))
    fitting = layer.styles[0]
    shown = [(one.value + other.value) / 2 for one, other in pairwise(fitting.ticks)]
    drawn = TEMPERATURE.colours(np.array(shown) + 273.15).astype(int)
    places = [(one.place + other.place) / 2 for one, other in pairwise(fitting.ticks)]
    ramp = np.array([list(bytes.fromhex(each[1:])) for each in fitting.ramp])

    assert fitting.units == "°C"
    found = ramp[(np.array(places) * len(ramp)).astype(int)]
    assert np.abs(found - drawn[:, :3]).max() <= 6


async def test_a_style_without_units_of_its_own_is_shown_in_those_of_the_layer(
    catalog: Catalog,
) -> None:
    [layer] = await layers_of(catalog, dataset("TMP", "2m", "K"))
    own_range = layer.styles[-1]

    assert (own_range.name, own_range.units) == ("default", "°C")
    assert own_range.ticks[0].value == pytest.approx(-273.15)
    assert own_range.ticks[-1].value == pytest.approx(300 - 273.15)


async def test_a_composite_is_offered_where_all_its_layers_are(catalog: Catalog) -> None:
    temperature, pressure = dataset("TMP", "2m", "K"), dataset("PRMSL", "msl", "Pa")

    [alone] = await layers_of(catalog, temperature)
    both = (await layers_of(catalog, temperature, pressure))[0]

    assert alone.style("temperature_isobars") is None
    assert both.style("temperature_isobars") is not None


async def test_a_layer_without_values_has_no_style_that_needs_a_range(catalog: Catalog) -> None:
    empty = replace(dataset("TMP", "2m", "K"), vmin=None, vmax=None)

    [layer] = await layers_of(catalog, empty)

    assert layer.value_range is None
    assert layer.styles[0].name == "temperature"
    assert layer.style("default") is None
