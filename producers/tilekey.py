"""The name of a finished tile in the cache, and how long it is kept.

    millstream:tile:<layer>:<style>@<version>:<crs>:<bbox>:<width>x<height>:<time>:<format>
    millstream:tile:gfs_TMP_2m:temperature@c570f4391c1c:EPSG:3857:0,0,20037508.342789244,20037508.342789244:256x256:20240101T000000Z:png

Equal pictures have equal names: numbers are written in one way, times in UTC, a system
that is written down as WKT is named by its digest. No part is taken from a request as it
came: each must consist of the few characters of its pattern. A scale of 2 is written
behind the size, as `256x256@2`.

A job whose area has the axes of its system's definition has a name of its own, with `axes,`
before the numbers: only the worker knows the definition. It keeps the picture under the
name with x first, and the job's result tells it.

The version of a style changes when what it draws changes (see docs/styles.md). Whoever
makes a name must be told it: the renderer reads the style, and a gateway gets it with the
list of styles. Without one the name is that of the request, which is what makes two jobs
for one picture one job.
"""

import re
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Final

from producers.payloads.tiles import RenderTile, is_wkt

#: What stands in the place of the time when the newest forecast was asked for.
LATEST: Final = "latest"

#: How long the name of the newest forecast may lag behind a new one.
LATEST_TTL: Final = timedelta(minutes=1)

#: Decimals of a coordinate: a nanometre in metres, a tenth of a millimetre in degrees.
COORDINATE_DECIMALS: Final = 9

_NAME = r"[A-Za-z0-9][A-Za-z0-9_.\-]*"
_NUMBER = r"-?\d{1,10}(?:\.\d{1,9})?"
_KEY = re.compile(
    rf"millstream:tile:{_NAME}:{_NAME}(?:@[0-9a-f]{{12}})?:[A-Za-z]{{2,8}}:[A-Za-z0-9]{{1,32}}"
    rf":(?:axes,)?{_NUMBER},{_NUMBER},{_NUMBER},{_NUMBER}:\d{{1,4}}x\d{{1,4}}(?:@\d)?"
    rf":(?:{LATEST}|\d{{8}}T\d{{6}}(?:\.\d{{6}})?Z):(?:png|png32|webp|jpeg)"
    r"(?::(?:nearest|bilinear|bicubic))?",
    re.ASCII,
)


def tile_key(
    payload: RenderTile, resolved_time: datetime | None, *, style_version: str = ""
) -> str:
    """The cache name of the picture that *payload* asks for.

    *resolved_time* is the valid time of the grid that is drawn, None the newest one's
    alias. The time in the payload is not looked at: "newest" and the time that it stands
    for today must not become one name. *style_version* is the version of the style that is
    drawn, 12 hexadecimal digits; "" where it is not known.

    Raises:
        ValueError: *resolved_time* has no time zone, or a part holds characters that no
            checked payload can hold.
    """
    style = f"{payload.style}@{style_version}" if style_version else payload.style
    size = f"{payload.width}x{payload.height}"
    if payload.scale > 1:
        size = f"{size}@{payload.scale}"
    key = (
        f"millstream:tile:{payload.layer}:{style}:{_crs(payload.crs)}:{_area(payload)}"
        f":{size}:{_time(resolved_time)}:{payload.format}"
        f"{'' if payload.resampling == 'auto' else f':{payload.resampling}'}"
    )
    if _KEY.fullmatch(key) is None:
        raise ValueError(f"no cache name can be made of {key!r}: a part holds illegal characters")
    return key


def ttl_for(valid_time: datetime, now: datetime) -> timedelta:
    """How long a tile of a forecast valid at *valid_time* is worth keeping.

    What is still to come, or just gone, is replaced by the next run of the model within
    hours; what lies further back changes no more.
    """
    age = now - valid_time
    if age < timedelta(hours=6):
        return timedelta(hours=1)
    if age < timedelta(days=2):
        return timedelta(hours=6)
    return timedelta(days=1)


def _crs(crs: str) -> str:
    return f"WKT:{blake2b(crs.encode(), digest_size=16).hexdigest()}" if is_wkt(crs) else crs


def _area(payload: RenderTile) -> str:
    box = payload.bbox
    numbers = ",".join(_number(v) for v in (box.min_x, box.min_y, box.max_x, box.max_y))
    return numbers if payload.axis == "xy" else f"axes,{numbers}"


def _number(value: float) -> str:
    text = f"{value:.{COORDINATE_DECIMALS}f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _time(time: datetime | None) -> str:
    if time is None:
        return LATEST
    if time.utcoffset() is None:
        raise ValueError(f"a tile's time needs a time zone, got {time.isoformat()}")
    utc = time.astimezone(UTC)
    fraction = f".{utc.microsecond:06d}" if utc.microsecond else ""
    return f"{utc:%Y%m%dT%H%M%S}{fraction}Z"
