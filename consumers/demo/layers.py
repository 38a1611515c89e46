"""The catalog's layers as the map and the contact sheet show them: titles, units, legends."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from consumers.demo.bounds import bounds_of
from consumers.handlers.tiles.catalog import Catalog, Dataset, Selection
from consumers.handlers.tiles.names import LayerName
from consumers.handlers.tiles.style import Style
from consumers.handlers.tiles.styles import find_style
from producers.gateway.layers import MapLayer, MapStyle


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

#: The style that fits a parameter better than the one that takes the layer's own range.
_FITTING: Final[Mapping[str, str]] = {
    "APCP": "precipitation",
    "DPT": "temperature",
    "GUST": "wind_speed",
    "MSLET": "pressure",
    "PRMSL": "pressure",
    "TMAX": "temperature",
    "TMIN": "temperature",
    "TMP": "temperature",
    "TSOIL": "temperature",
    "WIND": "wind_speed",
    "WTMP": "temperature",
}

#: What people look at first, as parameter and level; "" fits any level.
_FIRST: Final = (("TMP", "2m"), ("TMP", "surface"), ("TMP", ""), ("PRMSL", ""), ("WIND", "10m"))


async def map_layers(
    catalog: Catalog, datasets: Iterable[Dataset], now: datetime
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
        layers.append(_map_layer(selection, tuple(sorted(times[name]))))
    return layers


def _rank(name: LayerName) -> tuple[int, str]:
    for rank, (parameter, level) in enumerate(_FIRST):
        if name.parameter == parameter and level in {"", name.level}:
            return rank, str(name)
    return len(_FIRST), str(name)


def _map_layer(selection: Selection, times: tuple[datetime, ...]) -> MapLayer:
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
        styles=tuple(
            _map_style(find_style(name, value_range), unit)
            for name in _style_names(parameter)
            if name != "default" or value_range is not None
        ),
        bounds=bounds_of(dataset.grid),
    )


def _style_names(parameter: str) -> Sequence[str]:
    fitting = _FITTING.get(parameter)
    return ("default",) if fitting is None else (fitting, "default")


def _map_style(style: Style, unit: _Unit) -> MapStyle:
    # Between two stops there are equally many bands: the legend's ticks are equally far apart.
    bands = style.palette[2:-1]
    return MapStyle(
        name=style.name,
        ticks=tuple(unit.shown(stop.value) for stop in style.stops),
        ramp=tuple(f"#{bytes(colour).hex()}" for colour in bands),
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
