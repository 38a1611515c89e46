"""Where the points of a forecast grid lie.

A grid is nx columns and ny rows of points, not of areas: a value belongs to its point,
and between points it is interpolated. Row 0 is the first stored row. Two forms:

    GeographicGrid   columns are meridians and rows are parallels
    ProjectedGrid    columns and rows are straight in a map projection (or rotated pole)

Rows of a geographic grid run from north to south after ingest; both directions work.
"""

import json
import math
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, field
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Any, ClassVar

from consumers.handlers.tiles.errors import GridError

CIRCLE_DEG = 360.0
POLE_DEG = 90.0

#: Between two points a value can be interpolated; beside one it cannot.
GRID_EDGE_MIN = 2

#: The largest edge of a grid: bounds what a wrong file may make us allocate.
GRID_EDGE_MAX = 65_536

#: How far nx steps may miss the full circle, in steps, and still close it. GRIB 1 rounds
#: the step to 0.001 degrees: 512 x 0.703 is 359.936.
WRAP_TOLERANCE_STEPS = 0.1


@dataclass(frozen=True, slots=True)
class Window:
    """Half-open ranges of rows and columns of a grid.

    `col1` may exceed the width of a grid that wraps: column c then means column c modulo
    nx, so that a window over the seam is still one rectangle.
    """

    row0: int
    row1: int
    col0: int
    col1: int

    def __post_init__(self) -> None:
        if not (0 <= self.row0 < self.row1 and 0 <= self.col0 < self.col1):
            raise GridError(
                f"a window needs 0 <= row0 < row1 and 0 <= col0 < col1, got rows "
                f"{self.row0}..{self.row1}, columns {self.col0}..{self.col1}"
            )

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns, as numpy counts them."""
        return self.row1 - self.row0, self.col1 - self.col0


@dataclass(frozen=True)
class Grid(ABC):
    """nx columns and ny rows of points.

    Raises:
        GridError: the numbers contradict each other.
    """

    nx: int
    ny: int

    #: The name of the form in the JSON text.
    form: ClassVar[str]

    def __post_init__(self) -> None:
        for edge in (self.nx, self.ny):
            if not GRID_EDGE_MIN <= edge <= GRID_EDGE_MAX:
                raise GridError(
                    f"a grid needs {GRID_EDGE_MIN} .. {GRID_EDGE_MAX} columns and rows, "
                    f"got {self.nx} x {self.ny}"
                )
        for name, value in asdict(self).items():
            if isinstance(value, float) and not math.isfinite(value):
                raise GridError(f"a grid needs finite numbers, got {name} = {value}")

    @property
    @abstractmethod
    def wraps(self) -> bool:
        """Whether the column after the last is the first."""

    @cached_property
    def _json(self) -> str:
        # 180 and 180.0 are equal and must give the same text.
        fields = {
            name: float(value) if type(value) is int and name not in {"nx", "ny"} else value
            for name, value in asdict(self).items()
        }
        return json.dumps({"form": self.form, **fields}, separators=(",", ":"))

    def to_json(self) -> str:
        """The grid as one line of JSON, the same text for grids with the same attributes."""
        return self._json

    @staticmethod
    def from_json(text: str) -> "Grid":
        """The grid that `to_json` wrote.

        Raises:
            GridError: the text is no grid.
        """
        return _parse(text)


@dataclass(frozen=True)
class GeographicGrid(Grid):
    """Points where meridians cross parallels.

    `lats_deg` names every parallel where their distances differ (a Gaussian grid);
    `lat0_deg` and `dlat_deg` then are the first one and the mean step. Longitudes count
    modulo 360: a grid may start at 180 or at -180.
    """

    form: ClassVar[str] = "geographic"

    lon0_deg: float
    lat0_deg: float
    dlon_deg: float
    dlat_deg: float
    lats_deg: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        # JSON knows lists only, and a frozen grid must be hashable.
        if self.lats_deg is not None:
            object.__setattr__(self, "lats_deg", tuple(self.lats_deg))
        if not self.dlon_deg > 0 or self.dlat_deg == 0:
            raise GridError(
                "a geographic grid needs columns from west to east and distinct rows, got "
                f"steps of {self.dlon_deg} and {self.dlat_deg} degrees"
            )
        if (self.nx - 2) * self.dlon_deg > CIRCLE_DEG:
            raise GridError(
                f"{self.nx} columns of {self.dlon_deg} degrees go more than once around the earth"
            )
        latitudes = self.latitudes_deg
        if len(latitudes) != self.ny:
            raise GridError(f"{len(latitudes)} latitudes were given for {self.ny} rows")
        if max(abs(latitudes[0]), abs(latitudes[-1])) > POLE_DEG + abs(self.dlat_deg) / 100:
            raise GridError(f"rows lie beyond a pole: {latitudes[0]} to {latitudes[-1]} degrees")
        if len({latitude > after for latitude, after in pairwise(latitudes)}) != 1:
            raise GridError("the latitudes of the rows must rise or fall all the way")

    @cached_property
    def latitudes_deg(self) -> tuple[float, ...]:
        """The latitude of every row."""
        if self.lats_deg is not None:
            return self.lats_deg
        return tuple(self.lat0_deg + row * self.dlat_deg for row in range(self.ny))

    @property
    def wraps(self) -> bool:
        """Whether the columns close the circle."""
        return abs(self.nx * self.dlon_deg - CIRCLE_DEG) <= WRAP_TOLERANCE_STEPS * self.dlon_deg

    @property
    def column_step_deg(self) -> float:
        """The distance of two columns; freed of rounding where they close the circle."""
        return CIRCLE_DEG / self.nx if self.wraps else self.dlon_deg


@dataclass(frozen=True)
class ProjectedGrid(Grid):
    """Points of equal distance in the plane of a projection.

    `proj` is a PROJ string that takes longitude and latitude to x and y on the model's own
    sphere. Metres, except for a rotated pole (`+proj=ob_tran +o_proj=longlat`), whose x and
    y are rotated longitudes and latitudes in degrees. `dy_m` > 0 means that rows run from
    south to north.

    `wind_along_axes` says that components of winds point along x and y of the plane, and not
    to east and north. It says nothing of the points: grids that differ in it are equal.
    """

    form: ClassVar[str] = "projected"

    proj: str
    x0_m: float
    y0_m: float
    dx_m: float
    dy_m: float
    wind_along_axes: bool = field(default=False, compare=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.dx_m == 0 or self.dy_m == 0:
            raise GridError(f"a projected grid needs steps, got {self.dx_m} and {self.dy_m}")

    @property
    def wraps(self) -> bool:
        """Never: a plane has edges."""
        return False


_FORMS: dict[str, type[GeographicGrid] | type[ProjectedGrid]] = {
    GeographicGrid.form: GeographicGrid,
    ProjectedGrid.form: ProjectedGrid,
}


@lru_cache(maxsize=256)
def _parse(text: str) -> Grid:
    # Cached, because every job reads its grid from the catalog and few grids are in use.
    try:
        fields: dict[str, Any] = json.loads(text)
        form = _FORMS[fields.pop("form")]
        return form(**fields)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise GridError(
            f"no grid can be read from {text[:80]!r}: expected what Grid.to_json writes"
        ) from error
