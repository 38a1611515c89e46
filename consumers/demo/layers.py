"""The catalog's layers as the map and the contact sheet show them: titles, units, legends."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from consumers.demo.bounds import bounds_of
from consumers.handlers.tiles.catalog import Catalog, Dataset, Selection
from consumers.handlers.tiles.errors import StyleError
from consumers.handlers.tiles.names import LayerName
from consumers.handlers.tiles.styles.legend import Legend, legend_of
from consumers.handlers.tiles.styles.library import StyleLibrary
from producers.gateway.layers import MapLayer, MapStyle, MapTick


@dataclass(frozen=True, slots=True)
class _Unit:
    """How a unit is shown: its sign, and `shown = value * factor + offset`."""

    sign: str
    factor: float = 1.0
    offset: float = 0.0

    def shown(self, value: float) -> float:
        return value * self.factor + self.offset


#: By the names that ecCodes gives to units.
_UNITS: Final[Mapping[str, _Unit]] = {
    "K": _Unit("°C", offset=-273.15),
    "Pa": _Unit("hPa", factor=0.01),
    "m s**-1": _Unit("m/s"),
    "kg m**-2": _Unit("mm"),
    "J kg**-1": _Unit("J/kg"),
}

_TITLES: Final[Mapping[str, str]] = {
    "APCP": "Precipitation",
    "CAPE": "Convective energy",
    "DPT": "Dew point",
    "GUST": "Wind gusts",
    "HGT": "Geopotential height",
    "HTSGW": "Wave height",
    "PRES": "Pressure",
    "PRMSL": "Sea level pressure",
    "REFC": "Radar reflectivity",
    "RH": "Relative humidity",
    "TCDC": "Cloud cover",
    "TMAX": "Highest temperature",
    "TMIN": "Lowest temperature",
    "TMP": "Temperature",
    "TSOIL": "Soil temperature",
    "UGRD": "Wind to the east",
    "VGRD": "Wind to the north",
    "WIND": "Wind speed",
}

#: What people look at first, as parameter and level; "" fits any level.
_FIRST: Final = (("TMP", "2m"), ("TMP", "surface"), ("TMP", ""), ("PRMSL", ""), ("WIND", "10m"))


async def map_layers(
    catalog: Catalog, library: StyleLibrary, datasets: Iterable[Dataset], now: datetime
) -> list[MapLayer]:
    """The layers of *datasets*, each at its time nearest to *now*, the best one in front.

    Raises:
        CatalogError: the catalog does not answer.
    """
    times: dict[LayerName, list[datetime]] = {}
    for dataset in datasets:
        times.setdefault(dataset.name, []).append(dataset.valid_time)
    layers: list[MapLayer] = []
    for name in sorted(times, key=_rank):
        selection = await catalog.find(str(name), None, now=now)
        beside = {f"{each.parameter}_{each.level}" for each in times if each.model == name.model}
        layers.append(_map_layer(library, selection, tuple(sorted(times[name])), beside))
    return layers


def _rank(name: LayerName) -> tuple[int, str]:
    for rank, (parameter, level) in enumerate(_FIRST):
        if name.parameter == parameter and level in {"", name.level}:
            return rank, str(name)
    return len(_FIRST), str(name)


def _map_layer(
    library: StyleLibrary,
    selection: Selection,
    times: tuple[datetime, ...],
    beside: Collection[str],
) -> MapLayer:
    dataset, value_range = selection.dataset, selection.value_range
    unit = _UNITS.get(dataset.units, _Unit(dataset.units))
    _, parameter, level = dataset.name
    shown = None if value_range is None else tuple(unit.shown(value) for value in value_range)
    return MapLayer(
        name=dataset.layer,
        title=", ".join(filter(None, (_TITLES.get(parameter, parameter), _level(level)))),
        units=unit.sign,
        time=dataset.valid_time,
        times=times,
        reference_time=dataset.reference_time,
        value_range=None if shown is None else (shown[0], shown[1]),
        styles=tuple(_styles(library, selection, unit, beside)),
        bounds=bounds_of(dataset.grid),
    )


def _styles(
    library: StyleLibrary, selection: Selection, unit: _Unit, related: Collection[str]
) -> Iterator[MapStyle]:
    """The styles for a layer, the one that fits best first; *related* are layers beside it."""
    value_range = selection.value_range
    for name in (*library.fitting(selection.dataset.name.parameter), "default"):
        if library.related(name) <= set(related):
            try:
                yield _map_style(legend_of(library, name, value_range), unit)
            except StyleError:
                # It needs the range of values, and all of them are missing.
                continue


def _map_style(legend: Legend, unit: _Unit) -> MapStyle:
    coloured = next((each for each in (legend, *legend.parts) if each.scale is not None), None)
    style = MapStyle(legend.style, legend.version, ticks=(), ramp=())
    if coloured is None or coloured.scale is None:
        return style
    ticks = coloured.scale.ticks
    if not coloured.units:
        # Written in the units of the grid, which few people read.
        shown = [unit.shown(tick.value) for tick in ticks]
        ticks = tuple(
            replace(tick, value=value, text=f"{value:.4g}")
            for tick, value in zip(ticks, shown, strict=True)
        )
    return replace(
        style,
        ticks=tuple(MapTick(tick.value, tick.place, tick.text) for tick in ticks),
        ramp=coloured.scale.ramp,
        units=coloured.units or unit.sign,
    )


def _level(level: str) -> str:
    """`2m` as `2 m`, `850mb` as `850 hPa`; nothing for `msl`, which the titles name."""
    if level == "msl":
        return ""
    for unit, sign in (("mb", "hPa"), ("cm", "cm"), ("m", "m")):
        number = level.removesuffix(unit)
        if number != level and number.replace("-", "").replace(".", "").isdigit():
            return f"{number} {sign}"
    return level
