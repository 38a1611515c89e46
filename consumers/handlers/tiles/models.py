"""Which forecast model a GRIB field comes from."""

import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Final, NamedTuple


class Origin(NamedTuple):
    """What a GRIB field says about where it comes from; None where it says nothing."""

    centre: str
    sub_centre: int | None
    process: int | None
    discipline: int | None
    grid_type: str
    step_deg: float | None
    first_lon_deg: float | None
    member: int | None


#: Generating process at NCEP to model:
#: https://www.nco.ncep.noaa.gov/pmb/docs/on388/tablea.html
_NCEP: Final[Mapping[int, str]] = {
    10: "gfswave",
    11: "gfswave",
    81: "gfs",
    82: "gfs",
    83: "hrrr",
    84: "nam",
    89: "nam",
    96: "gfs",
    105: "rap",
    107: "gefs",
    109: "rtma",
    118: "nbm",
    134: "rrfs",
    135: "rrfs",
    211: "aqm",
}

#: NCEP's ensemble products carry this sub-centre, whatever process made them.
_NCEP_ENSEMBLE: Final = 2

#: Centres that publish one model under their name.
_CENTRES: Final[Mapping[str, str]] = {
    "ecmf": "ifs",
    "edzw": "icon",
    "egrr": "ukmo",
    "lfpw": "arpege",
    "rjtd": "gsm",
}

#: The regional model of Canada by the step of its rotated grid, in degrees.
_CANADA_ROTATED: Final[Mapping[float, str]] = {0.0225: "hrdps", 0.09: "rdps"}

#: MRMS has no name of its own as a centre; its discipline is local to it.
_MRMS: Final = ("161", 209)

#: NCEP's regional models run over several domains at the same times, each on its own
#: projection. The Mercator ones lie around Hawaii and Puerto Rico.
_REGIONAL: Final = frozenset({"aqm", "hrrr", "nam", "rap", "rrfs"})
_WEST_OF_AMERICA_DEG: Final = 230.0

_FIRST_WORD = re.compile(r"[a-z][a-z0-9-]{0,22}")


def guess_model(origin: Origin) -> str | None:
    """The model, as the first part of a layer's name, or None where nothing is known.

    A member of an ensemble is a model of its own (`gefs-m05`): its values are another
    forecast for the same times.
    """
    model = _model(origin)
    return f"{model}-m{origin.member:02d}" if model and origin.member is not None else model


def model_of_file(name: str) -> str:
    """The model that a file's *name* starts with; `grib` where it starts with no word."""
    match = _FIRST_WORD.match(PurePath(name).name.lower())
    return match.group().rstrip("-") if match else "grib"


def _model(origin: Origin) -> str | None:
    if (origin.centre, origin.discipline) == _MRMS:
        return "mrms"
    if origin.centre == "kwbc":
        if origin.sub_centre == _NCEP_ENSEMBLE:
            return "gefs"
        model = None if origin.process is None else _NCEP.get(origin.process)
        return model and model + _domain(model, origin)
    if origin.centre == "cwao":
        return _canadian(origin)
    return _CENTRES.get(origin.centre)


def _domain(model: str, origin: Origin) -> str:
    if model not in _REGIONAL:
        return ""
    if origin.grid_type == "polar_stereographic":
        return "-ak"
    if origin.grid_type == "mercator" and origin.first_lon_deg is not None:
        return "-hi" if origin.first_lon_deg % 360.0 < _WEST_OF_AMERICA_DEG else "-pr"
    return ""


def _canadian(origin: Origin) -> str | None:
    if origin.grid_type != "rotated_ll":
        return "gdps"
    return None if origin.step_deg is None else _CANADA_ROTATED.get(round(origin.step_deg, 4))
