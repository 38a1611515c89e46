"""What variables of NetCDF files are called as layers, and their units as styles expect them.

Names: https://cfconventions.org/Data/cf-standard-names/current/build/cf-standard-name-table.html
"""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from consumers.handlers.tiles.names import parameter_name


class CfName(NamedTuple):
    """A parameter, and its level where the variable has no vertical coordinate."""

    parameter: str
    level: str = "surface"


#: By standard name.
STANDARD_NAMES: Final[Mapping[str, CfName]] = {
    "air_potential_temperature": CfName("POT"),
    "air_pressure_at_mean_sea_level": CfName("PRMSL", "msl"),
    "air_pressure_at_sea_level": CfName("PRMSL", "msl"),
    "air_temperature": CfName("TMP"),
    "atmosphere_convective_available_potential_energy": CfName("CAPE"),
    "cloud_area_fraction": CfName("TCDC", "atmosphere"),
    "dew_point_temperature": CfName("DPT"),
    "eastward_wind": CfName("UGRD"),
    "equivalent_reflectivity_factor": CfName("REFC", "atmosphere"),
    "geopotential": CfName("GP"),
    "geopotential_height": CfName("HGT"),
    "grid_eastward_wind": CfName("UGRD"),
    "grid_northward_wind": CfName("VGRD"),
    "lagrangian_tendency_of_air_pressure": CfName("VVEL"),
    "land_binary_mask": CfName("LAND"),
    "northward_wind": CfName("VGRD"),
    "precipitation_amount": CfName("APCP"),
    "precipitation_flux": CfName("PRATE"),
    "relative_humidity": CfName("RH"),
    "sea_surface_temperature": CfName("WTMP"),
    "sea_surface_wave_significant_height": CfName("HTSGW"),
    "specific_humidity": CfName("SPFH"),
    "surface_air_pressure": CfName("PRES"),
    "surface_altitude": CfName("HGT"),
    "surface_snow_thickness": CfName("SNOD"),
    "surface_temperature": CfName("TMP"),
    "visibility_in_air": CfName("VIS"),
    "wind_from_direction": CfName("WDIR"),
    "wind_speed": CfName("WIND"),
    "wind_speed_of_gust": CfName("GUST"),
    "x_wind": CfName("UGRD"),
    "y_wind": CfName("VGRD"),
}

#: Names that ERA5 and its kin give to variables: the level is a part of them.
VARIABLES: Final[Mapping[str, CfName]] = {
    "d2m": CfName("DPT", "2m"),
    "msl": CfName("PRMSL", "msl"),
    "sp": CfName("PRES"),
    "sst": CfName("WTMP"),
    "t2m": CfName("TMP", "2m"),
    "tcc": CfName("TCDC", "atmosphere"),
    "tp": CfName("APCP"),
    "u10": CfName("UGRD", "10m"),
    "u100": CfName("UGRD", "100m"),
    "v10": CfName("VGRD", "10m"),
    "v100": CfName("VGRD", "100m"),
}

#: Components of these names point along the axes of the grid, not to east and north.
ALONG_AXES: Final = frozenset({"grid_eastward_wind", "grid_northward_wind", "x_wind", "y_wind"})


class Units(NamedTuple):
    """What values are multiplied by, then what is added, and the units that they have then."""

    factor: float
    offset: float
    name: str


#: Units in which no style counts, to those in which GRIB writes the same.
_UNITS: Final[Mapping[str, Units]] = {
    **dict.fromkeys(
        ("degC", "deg_C", "celsius", "Celsius", "degree_Celsius", "degrees_Celsius", "C"),
        Units(1.0, 273.15, "K"),
    ),
    **dict.fromkeys(("kelvin", "Kelvin", "degK", "degree_Kelvin"), Units(1.0, 0.0, "K")),
    **dict.fromkeys(("hPa", "mbar", "millibar", "mb"), Units(100.0, 0.0, "Pa")),
    **dict.fromkeys(("kt", "kts", "knot", "knots"), Units(1852 / 3600, 0.0, "m s**-1")),
    **dict.fromkeys(("km/h", "km h-1"), Units(1 / 3.6, 0.0, "m s**-1")),
    "m/s": Units(1.0, 0.0, "m s**-1"),
    "percent": Units(1.0, 0.0, "%"),
}

#: Written as shares of 1 in CF, and in percent in GRIB.
_SHARES: Final = frozenset({"RH", "TCDC"})

#: Depths of water: a millimetre is a kilogram on a square metre.
_WATER: Final[Mapping[str, Units]] = {
    "m": Units(1000.0, 0.0, "kg m**-2"),
    "mm": Units(1.0, 0.0, "kg m**-2"),
}

_EXPONENT = re.compile(r"(?<=[A-Za-z])\^?(-?\d+)\b")


def cf_name(variable: str, standard_name: str | None, short_name: str | None) -> CfName:
    """What a layer of *variable* is called.

    *short_name* is ecCodes' name, which files made from GRIB keep. What no table knows keeps
    the variable's own name in upper case.
    """
    if short_name is not None and short_name != "unknown":
        return CfName(parameter_name(short_name, None), VARIABLES.get(variable, CfName("")).level)
    if variable in VARIABLES:
        return VARIABLES[variable]
    if standard_name is not None and standard_name in STANDARD_NAMES:
        return STANDARD_NAMES[standard_name]
    return CfName(parameter_name(variable, None))


def units_of(parameter: str, written: str) -> Units:
    """How values in the units *written* become those that layers of *parameter* have."""
    if parameter in _SHARES and written in {"1", "(0 - 1)"}:
        return Units(100.0, 0.0, "%")
    if parameter == "APCP" and written in _WATER:
        return _WATER[written]
    return _UNITS.get(written) or Units(1.0, 0.0, _EXPONENT.sub(r"**\1", written) or "unknown")


def converted(values: NDArray[np.float32], units: Units) -> NDArray[np.float32]:
    """*values* in the units that *units* leads to."""
    if (units.factor, units.offset) == (1.0, 0.0):
        return values
    return (values * units.factor + units.offset).astype(np.float32)
