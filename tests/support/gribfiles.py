"""GRIB files that tests write themselves, from the samples inside ecCodes."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from consumers.handlers.tiles.codes import eccodes

#: What is missing, in values that are handed in and in the file.
MISSING = 9.999e20


def grib_message(
    values: npt.NDArray[np.float64] | None = None,
    *,
    sample: str = "regular_ll_sfc_grib2",
    run: datetime | None = None,
    keys: Mapping[str, Any] | None = None,
) -> bytes:
    """One message: a sample of ecCodes with other keys and values.

    *values* in the order of the file; NaN means missing.
    """
    handle = eccodes.codes_grib_new_from_samples(sample)
    try:
        if run is not None:
            eccodes.codes_set(handle, "dataDate", int(f"{run:%Y%m%d}"))
            eccodes.codes_set(handle, "dataTime", int(f"{run:%H%M}"))
        for key, value in (keys or {}).items():
            eccodes.codes_set(handle, key, value)
        if values is not None:
            _set_values(handle, values)
        message: bytes = eccodes.codes_get_message(handle)
    finally:
        eccodes.codes_release(handle)
    return message


def regular_grid(nx: int, ny: int) -> dict[str, Any]:
    """Keys of a grid around the earth with rows at both poles, north first."""
    return {
        "Ni": nx,
        "Nj": ny,
        "latitudeOfFirstGridPointInDegrees": 90.0,
        "longitudeOfFirstGridPointInDegrees": 0.0,
        "latitudeOfLastGridPointInDegrees": -90.0,
        "longitudeOfLastGridPointInDegrees": 360 - 360 / nx,
        "iDirectionIncrementInDegrees": 360 / nx,
        "jDirectionIncrementInDegrees": 180 / (ny - 1),
    }


def write_grib(path: Path, messages: Sequence[bytes]) -> Path:
    """A file of *messages*."""
    path.write_bytes(b"".join(messages))
    return path


def _set_values(handle: Any, values: npt.NDArray[np.float64]) -> None:
    missing = np.isnan(values)
    if missing.any():
        eccodes.codes_set(handle, "bitmapPresent", 1)
        eccodes.codes_set(handle, "missingValue", MISSING)
    eccodes.codes_set(handle, "bitsPerValue", 24)
    eccodes.codes_set_values(handle, np.where(missing, MISSING, values).ravel())
