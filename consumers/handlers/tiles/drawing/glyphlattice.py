"""Where the glyphs of a picture stand.

They stand on the world, not on the picture: at the centres of a picture of the whole
world with pixels as large as the distance of two glyphs. Neighbouring pictures have the
same ones at their common edge, and the lattice closes around the earth. To sample a field
there is to map and interpolate that coarse picture like any other.
"""

from dataclasses import dataclass, replace
from math import ceil, floor, frexp, ldexp
from typing import Final

from consumers.handlers.tiles.pixels import PixelAxis, Target
from consumers.handlers.tiles.weights import Float64s
from producers.payloads.tiles import BoundingBox

#: How far the distance of two glyphs may differ from the one that was asked for, so that
#: their number around the earth is round: 5 in a row of a tile for a distance of 50 pixels.
SPACING_SHARE_MAX: Final = 1 / 32

#: Glyphs closer than this could not be told apart, and would take long.
SPACING_PX_MIN: Final = 8.0


@dataclass(frozen=True, slots=True, eq=False)
class GlyphLattice:
    """Columns and rows of glyphs.

    Attributes:
        target: the coarse picture whose pixels are the glyphs; sample the field there.
        x_px, y_px: the middles of the columns and of the rows in pixels of the fine
            picture, from its top left corner; some lie beyond its edges.
    """

    target: Target
    x_px: Float64s
    y_px: Float64s


def glyph_lattice(picture: Target, spacing_px: float, reach_px: float) -> GlyphLattice | None:
    """The glyphs that can be seen on *picture*; None where there are none.

    *reach_px* is how far a glyph extends from its middle at most.

    Raises:
        ValueError: the spacing is below `SPACING_PX_MIN`.
    """
    if spacing_px < SPACING_PX_MIN:
        raise ValueError(f"glyphs need {SPACING_PX_MIN} pixels of space, got {spacing_px}")
    x_axis, y_axis = picture.axes()
    columns, rows = (_seen(axis, spacing_px, reach_px) for axis in (x_axis, y_axis))
    if not columns or not rows:
        return None
    box = picture.bbox
    x_unit = (box.max_x - box.min_x) / picture.width_px
    y_unit = (box.max_y - box.min_y) / picture.height_px
    target = replace(
        picture,
        bbox=BoundingBox(
            min_x=box.min_x + x_unit * _edge_px(x_axis, columns.start, spacing_px),
            max_x=box.min_x + x_unit * _edge_px(x_axis, columns.stop, spacing_px),
            min_y=box.max_y - y_unit * _edge_px(y_axis, rows.stop, spacing_px),
            max_y=box.max_y - y_unit * _edge_px(y_axis, rows.start, spacing_px),
        ),
        width_px=len(columns),
        height_px=len(rows),
    )
    x_coarse, y_coarse = target.axes()
    return GlyphLattice(target, _middles_px(x_coarse, x_axis), _middles_px(y_coarse, y_axis))


def _seen(axis: PixelAxis, spacing_px: float, reach_px: float) -> range:
    """The numbers of the glyphs along *axis* that reach into it."""
    spacing = _spacing_px(axis, spacing_px)
    start = axis.first + axis.shift_px
    first = ceil((start - reach_px) / spacing - 0.5)
    last = floor((start + axis.size_px + reach_px) / spacing - 0.5)
    return range(first, last + 1)


def _edge_px(axis: PixelAxis, number: int, spacing_px: float) -> float:
    """Where the coarse pixel of that number starts, from the start of *axis*."""
    return number * _spacing_px(axis, spacing_px) - axis.first - axis.shift_px


def _middles_px(coarse: PixelAxis, fine: PixelAxis) -> Float64s:
    """The centres of the pixels of *coarse* in pixels of *fine*, from its start."""
    in_world = coarse.centres() * fine.world_px
    # First the whole pixels: what is left is the same in every picture.
    return in_world - fine.first - fine.shift_px


def _spacing_px(axis: PixelAxis, spacing_px: float) -> float:
    wanted = axis.world_px / spacing_px
    mantissa, exponent = frexp(wanted)
    for bits in range(1, 53):
        rounded = ldexp(round(ldexp(mantissa, bits)), exponent - bits)
        if abs(rounded - wanted) <= SPACING_SHARE_MAX * wanted:
            return axis.world_px / max(1, round(rounded))
    return spacing_px
