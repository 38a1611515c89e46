"""Reading GRIB 1 and GRIB 2 files, field by field (extra `grib`: ecCodes)."""

from collections.abc import Generator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from consumers.handlers.tiles.codes import eccodes
from consumers.handlers.tiles.dataerrors import GribError
from consumers.handlers.tiles.errors import GridError
from consumers.handlers.tiles.field import Field, SkippedField
from consumers.handlers.tiles.gribgrid import Handle, UnsupportedGridError, arranged, grid_of
from consumers.handlers.tiles.models import Origin, guess_model
from consumers.handlers.tiles.names import (
    LOCAL_PARAMETERS,
    level_name,
    parameter_name,
    signed,
)

#: What ecCodes shall put where the bitmap says "missing": its own default, 9999, is a
#: legal value of some variables.
_MISSING: Final = 9.999e20

#: Codes of MRMS that are no measurements: no echo, and no radar reaches there
#: (https://www.nssl.noaa.gov/projects/mrms/operational/tables.php).
_MRMS_DISCIPLINE: Final = 209
_MRMS_CODES: Final = (-99.0, -999.0)

#: GRIB 1 gives levels in these units of SI's.
_EDITION_1_UNITS: Final = {
    "depthBelowLand": 0.01,
    "depthBelowLandLayer": 0.01,
    "heightAboveGround": 1.0,
    "heightAboveGroundLayer": 100.0,
    "heightAboveSea": 1.0,
    "isobaricInPa": 1.0,
    "isobaricInhPa": 100.0,
    "isobaricLayer": 1000.0,
}

_NO_SURFACE: Final = 255
_MISSING_LONG: Final = 2_147_483_647

T = TypeVar("T", int, float, str)


def read_fields(path: Path) -> Generator[Field | SkippedField]:
    """The fields of a GRIB file, one in memory at a time.

    Blocking: belongs in a worker thread. Whether the file is whole is `gribscan.scan`'s
    question, to be asked first.

    Raises:
        GribError: the values of a field are damaged.
    """
    # NCEP packs u and v as two fields of one message: without this, v is silently lost.
    eccodes.codes_grib_multi_support_on()
    with path.open("rb") as file:
        try:
            number = 0
            while (handle := eccodes.codes_grib_new_from_file(file)) is not None:
                number += 1
                try:
                    yield _field(handle)
                except (eccodes.CodesInternalError, GribError) as error:
                    raise GribError(
                        f"{path} is damaged: field {number} cannot be decoded ({error}); "
                        "nothing of it was used, fetch it again"
                    ) from error
                finally:
                    eccodes.codes_release(handle)
        finally:
            # ecCodes remembers by file how far it is inside a message with two fields.
            with suppress(eccodes.CodesInternalError):
                eccodes.codes_grib_multi_support_reset_file(file)


def _field(handle: Handle) -> Field | SkippedField:
    number = _number(handle)
    short_name = _get(handle, "shortName", str) or "unknown"
    parameter = parameter_name(short_name, number)
    level = _level(handle)
    name = f"{parameter}_{level}"
    try:
        grid = grid_of(handle)
    except (GridError, UnsupportedGridError) as error:
        return SkippedField(name, str(error))
    reference_time, forecast = _times(handle)
    step_deg = getattr(grid, "dx_m", None)
    return Field(
        model=guess_model(_origin(handle, step_deg)),
        parameter=parameter,
        level=level,
        units=_units(handle, short_name, number),
        grid=grid,
        reference_time=reference_time,
        forecast=forecast,
        values=arranged(handle, grid, _values(handle, number)),
    )


def _values(handle: Handle, number: tuple[int, int, int] | None) -> NDArray[np.float32]:
    eccodes.codes_set(handle, "missingValue", _MISSING)
    values: NDArray[np.float32] = eccodes.codes_get_values(handle).astype(np.float32)
    values[~np.isfinite(values) | (values == np.float32(_MISSING))] = np.nan
    if number is not None and number[0] == _MRMS_DISCIPLINE:
        values[np.isin(values, _MRMS_CODES)] = np.nan
    return values


def _times(handle: Handle) -> tuple[datetime, timedelta]:
    """The run's time, and how far ahead of it the field (or the end of its span) lies."""
    year, month, day, hour, minute, second = (
        eccodes.codes_get_long(handle, key)
        for key in ("year", "month", "day", "hour", "minute", "second")
    )
    # Steps may be minutes ("15m"); in seconds they are always a number.
    eccodes.codes_set(handle, "stepUnits", "s")
    end_s = eccodes.codes_get_long(handle, "endStep")
    run = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    return run, timedelta(seconds=end_s)


def _level(handle: Handle) -> str:
    kind = _get(handle, "typeOfLevel", str) or "level"
    value = _get(handle, "level", float) or 0.0
    return level_name(kind, value, _surfaces(handle, kind))


def _surfaces(handle: Handle, kind: str) -> list[float]:
    if eccodes.codes_get_long(handle, "edition") == 1:
        unit = _EDITION_1_UNITS.get(kind)
        ends = (_get(handle, key, int) for key in ("topLevel", "bottomLevel"))
        return [end * unit for end in ends if end is not None] if unit else []
    return [
        signed(scaled, factor)
        for which in ("First", "Second")
        if (kind_of := _get(handle, f"typeOf{which}FixedSurface", int)) is not None
        and kind_of != _NO_SURFACE
        and (scaled := _get(handle, f"scaledValueOf{which}FixedSurface", int)) is not None
        and (factor := _get(handle, f"scaleFactorOf{which}FixedSurface", int)) is not None
        and scaled != _MISSING_LONG
    ]


def _origin(handle: Handle, step_deg: float | None) -> Origin:
    return Origin(
        centre=_get(handle, "centre", str) or "",
        sub_centre=_get(handle, "subCentre", int),
        process=_get(handle, "generatingProcessIdentifier", int),
        discipline=_get(handle, "discipline", int),
        grid_type=_get(handle, "gridType", str) or "",
        step_deg=step_deg,
        first_lon_deg=_get(handle, "longitudeOfFirstGridPointInDegrees", float),
        member=_get(handle, "perturbationNumber", int),
    )


def _units(handle: Handle, short_name: str, number: tuple[int, int, int] | None) -> str:
    if short_name == "unknown" and number is not None and number in LOCAL_PARAMETERS:
        return LOCAL_PARAMETERS[number][1]
    return _get(handle, "units", str) or "unknown"


def _number(handle: Handle) -> tuple[int, int, int] | None:
    parts = [
        _get(handle, key, int) for key in ("discipline", "parameterCategory", "parameterNumber")
    ]
    numbers = [part for part in parts if part is not None]
    return (numbers[0], numbers[1], numbers[2]) if len(numbers) == len(parts) else None


def _get(handle: Handle, key: str, kind: type[T]) -> T | None:
    """The value of *key*, or None where this field has no such key or no value for it."""
    if not eccodes.codes_is_defined(handle, key) or eccodes.codes_is_missing(handle, key):
        return None
    value: Any = eccodes.codes_get(handle, key, kind)
    return kind(value)
