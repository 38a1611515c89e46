"""Weather-map tiles: the input of `tiles.render`."""

from typing import Annotated, ClassVar, Literal, Self
from uuid import UUID

from pydantic import AwareDatetime, Field, StringConstraints, field_validator, model_validator

from producers.payloads.base import Part, Payload
from producers.payloads.fields.name import Name

#: An authority and a code, such as `EPSG:3857` or `CRS:84`.
CRS_PATTERN = r"^[A-Za-z]{2,8}:[A-Za-z0-9]{1,12}$"

#: The longest that this pattern lets through, said in the schema too.
CRS_LENGTH_MAX = 21

#: A system that is written down as well-known text.
WKT_PATTERN = r"^(PROJCRS|PROJCS|GEOGCRS|GEOGCS|GEODCRS)\[[^\x00]+\]$"

#: WKT of a projected system has about a thousand characters.
WKT_LENGTH_MAX = 4096

#: The words by which WKT takes parameters from PROJ strings and from files.
_WKT_REFUSED = ("EXTENSION", "PARAMETERFILE")

#: The largest edge of a picture. A 4096 x 4096 picture needs 64 MiB of values while it is drawn.
SIZE_PX_MAX = 4096

#: No coordinate of a supported system is larger; it bounds the length of a cache key.
COORDINATE_MAX = 1e9

#: The smallest edge of an area: a tile of level 30 has 1.7e-7 degrees, and the names in the
#: cache tell nine decimals apart.
EXTENT_MIN = 1e-8

#: How many pixels a job's pixel may become in each direction.
SCALE_MAX = 4

Coordinate = Annotated[float, Field(ge=-COORDINATE_MAX, le=COORDINATE_MAX)]
SizePx = Annotated[int, Field(ge=1, le=SIZE_PX_MAX)]
Code = Annotated[str, StringConstraints(pattern=CRS_PATTERN, max_length=CRS_LENGTH_MAX)]
Wkt = Annotated[str, StringConstraints(pattern=WKT_PATTERN, max_length=WKT_LENGTH_MAX)]


class BoundingBox(Part):
    """A rectangle in the units of its coordinate system, in the order x, y.

    For EPSG:4326 x is the longitude, whatever order the authority writes down, unless the
    job's *axis* says otherwise.
    """

    min_x: Coordinate
    min_y: Coordinate
    max_x: Coordinate
    max_y: Coordinate

    @model_validator(mode="after")
    def _has_an_area(self) -> Self:
        if min(self.max_x - self.min_x, self.max_y - self.min_y) < EXTENT_MIN:
            raise ValueError(
                f"a bounding box needs min_x < max_x and min_y < max_y, by {EXTENT_MIN} or more, "
                f"got x {self.min_x} .. {self.max_x} and y {self.min_y} .. {self.max_y}"
            )
        return self


class RenderTile(Payload):
    """Draw *layer* in *style* over *bbox* as a picture of *width* x *height* pixels.

    *crs* is a code or WKT. *axis* "crs" says that *bbox* has the order of the coordinate
    system's definition, as WMS 1.3.0 has it: for EPSG:4326 `min_x` then is a latitude.
    *resampling* "auto" takes categories as they are and interpolates all else bilinearly.
    With *scale* 2 the picture has twice as many pixels in both directions, and lines, text
    and symbols are twice as large: the same picture for a finer screen.
    *time* is the time for which the forecast is valid; None means the latest one.
    *format* "png" has a palette where the style has one, "png32" never; "webp" is lossless;
    "jpeg" lies on white.
    *id*, *priority* and *enqueued_at* are part of the wire form, for producers that know
    nothing of the envelope; the queue itself looks at the envelope.
    """

    kind: ClassVar[str] = "tiles.render"

    layer: Name
    style: Name = "default"
    crs: Code | Wkt = "EPSG:3857"
    bbox: BoundingBox
    axis: Literal["xy", "crs"] = "xy"
    width: SizePx = 256
    height: SizePx = 256
    resampling: Literal["auto", "nearest", "bilinear", "bicubic"] = "auto"
    time: AwareDatetime | None = None
    format: Literal["png", "png32", "webp", "jpeg"] = "png"
    scale: Annotated[int, Field(ge=1, le=SCALE_MAX)] = 1
    priority: Annotated[int, Field(ge=0, le=255)] = 128
    id: UUID | None = None
    enqueued_at: AwareDatetime | None = None

    @field_validator("crs")
    @classmethod
    def _needs_no_file(cls, crs: str) -> str:
        if is_wkt(crs) and any(word in crs.upper() for word in _WKT_REFUSED):
            raise ValueError(f"WKT with {' or '.join(_WKT_REFUSED)} is not accepted")
        return crs

    @property
    def width_px(self) -> int:
        """Width of the picture in its own pixels."""
        return self.width * self.scale

    @property
    def height_px(self) -> int:
        """Height of the picture in its own pixels."""
        return self.height * self.scale

    @model_validator(mode="after")
    def _is_not_too_large(self) -> Self:
        if max(self.width_px, self.height_px) > SIZE_PX_MAX:
            raise ValueError(
                f"a picture of {self.width} x {self.height} at scale {self.scale} has more than "
                f"{SIZE_PX_MAX} pixels along an edge"
            )
        return self


def is_wkt(crs: str) -> bool:
    """Whether *crs* is well-known text; else it is a code."""
    return "[" in crs
