"""What layers are called.

A layer's name is `<model>_<parameter>_<level>`: `gfs_TMP_2m`, `ifs_HGT_500mb`. Parameters
and levels follow the names of NCEP, which most tools and users of forecasts know
(https://www.nco.ncep.noaa.gov/pmb/docs/on388/table2.html). Model and level hold no
underscore, so that the three parts can be told apart again; no part holds a character
with a meaning in paths or cache names.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from consumers.handlers.tiles.dataerrors import IngestError

_MODEL = re.compile(r"[a-z][a-z0-9.-]{0,23}")
_PARAMETER = re.compile(r"[A-Za-z][A-Za-z0-9.-]{0,39}")
_LEVEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,27}")

#: ecCodes' short names whose name at NCEP is more than their upper case.
PARAMETERS: Final[Mapping[str, str]] = {
    "10fg": "GUST",
    "10si": "WIND",
    "10u": "UGRD",
    "10v": "VGRD",
    "100u": "UGRD",
    "100v": "VGRD",
    "200u": "UGRD",
    "200v": "VGRD",
    "2d": "DPT",
    "2r": "RH",
    "2sh": "SPFH",
    "2t": "TMP",
    "acpcp": "ACPCP",
    "d2m": "DPT",
    "fg10": "GUST",
    "gh": "HGT",
    "h": "DIST",
    "i10fg": "GUST",
    "lcc": "LCDC",
    "lsm": "LAND",
    "max_10si": "WINDMAX",
    "mcc": "MCDC",
    "hcc": "HCDC",
    "mn2t": "TMIN",
    "msl": "PRMSL",
    "mslet": "MSLET",
    "mx2t": "TMAX",
    "orog": "HGT",
    "pres": "PRES",
    "pt": "POT",
    "q": "SPFH",
    "r": "RH",
    "sd": "WEASD",
    "sde": "SNOD",
    "si10": "WIND",
    "skt": "TMP",
    "sp": "PRES",
    "sst": "WTMP",
    "st": "TSOIL",
    "swh": "HTSGW",
    "t": "TMP",
    "tcc": "TCDC",
    "tp": "APCP",
    "u": "UGRD",
    "v": "VGRD",
    "vo": "RELV",
    "w": "VVEL",
    "wdir": "WDIR",
    "ws": "WIND",
    "wz": "DZDT",
    "z": "GP",
}

#: Local codes (discipline, category, number) that ecCodes has no name for: name and units.
LOCAL_PARAMETERS: Final[Mapping[tuple[int, int, int], tuple[str, str]]] = {
    (0, 7, 6): ("CAPE", "J kg**-1"),
    (0, 7, 7): ("CIN", "J kg**-1"),
    (209, 3, 57): ("ReflectivityAtLowestAltitude", "dBZ"),
}

#: Kinds of level without a number that matters.
_PLAIN_LEVELS: Final[Mapping[str, str]] = {
    "atmosphere": "atmosphere",
    "atmosphereSingleLayer": "atmosphere",
    "entireAtmosphere": "atmosphere",
    "meanSea": "msl",
    "surface": "surface",
}

#: Kinds of level that are told apart by a measure: what stands before it, the factor from
#: SI units, and what stands after it.
_MEASURED_LEVELS: Final[Mapping[str, tuple[str, float, str]]] = {
    "depthBelowLand": ("", 100, "cm"),
    "depthBelowLandLayer": ("", 100, "cm"),
    "heightAboveGround": ("", 1, "m"),
    "heightAboveGroundLayer": ("", 1, "m"),
    "heightAboveSea": ("", 1, "m-amsl"),
    "isobaricInPa": ("", 0.01, "mb"),
    "isobaricInhPa": ("", 0.01, "mb"),
    "isobaricLayer": ("", 0.01, "mb"),
    "potentialVorticity": ("pv", 1e6, ""),
}

_SIGN_BIT: Final = 1 << 31


class LayerName(NamedTuple):
    """The three parts of a layer's name."""

    model: str
    parameter: str
    level: str

    def __str__(self) -> str:
        return "_".join(self)


def layer_name(model: str, parameter: str, level: str) -> LayerName:
    """The name made of these parts.

    Raises:
        IngestError: a part is empty, too long, or holds a character that is not allowed.
    """
    for noun, text, pattern in (
        ("model", model, _MODEL),
        ("parameter", parameter, _PARAMETER),
        ("level", level, _LEVEL),
    ):
        if pattern.fullmatch(text) is None:
            raise IngestError(
                f"{text[:80]!r} is no {noun} name: expected letters, digits, '.' and '-'"
                + (", all lower case and starting with a letter" if noun == "model" else "")
            )
    return LayerName(model, parameter, level)


def parameter_name(short_name: str, number: tuple[int, int, int] | None) -> str:
    """NCEP's name of what ecCodes calls *short_name*.

    *number* is discipline, category and number of a GRIB 2 field. What neither table
    knows keeps its short name in upper case, or its number as `VAR-0-7-6`.
    """
    if short_name in PARAMETERS:
        return PARAMETERS[short_name]
    if short_name != "unknown":
        return _clean(short_name).upper() or "VAR"
    if number is None:
        return "VAR"
    if number in LOCAL_PARAMETERS:
        return LOCAL_PARAMETERS[number][0]
    return "VAR-" + "-".join(map(str, number))


def level_name(kind: str, value: float, surfaces: Sequence[float]) -> str:
    """The name of a level, such as `2m`, `850mb`, `0-10cm`, `msl`.

    *kind* is ecCodes' typeOfLevel, *value* its level. *surfaces* are the one or two
    surfaces of the level in SI units; none where the file does not say.
    """
    if kind in _PLAIN_LEVELS:
        return _PLAIN_LEVELS[kind]
    if kind in _MEASURED_LEVELS and surfaces:
        prefix, scale, unit = _MEASURED_LEVELS[kind]
        low, high = _number(min(surfaces) * scale), _number(max(surfaces) * scale)
        return f"{prefix}{low}{unit}" if low == high else f"{prefix}{low}-{high}{unit}"
    return (_clean(kind) or "level") + (_number(value) if value else "")


def signed(scaled: int, factor: int) -> float:
    """A GRIB 2 surface value: sign and magnitude, and a decimal scale.

    ecCodes gives the first 4 bytes as they stand, so that -2e-6 reads 2147485648 at 9.
    """
    magnitude = scaled & (_SIGN_BIT - 1)
    sign = -1 if scaled & _SIGN_BIT else 1
    return float(sign * magnitude / 10**factor)


def _number(value: float) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".")


def _clean(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9.-]+", "-", text).strip("-.")[:24]
