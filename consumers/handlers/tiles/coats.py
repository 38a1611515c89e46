"""What lies on a picture, coat by coat: colours, lines, signs, codes of values.

A coat says which fields it needs and where, and paints itself over what lies below. Pure:
no file, no network, no clock. Whoever draws fetches the fields between the two steps.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from consumers.handlers.tiles.codes24 import encode_values
from consumers.handlers.tiles.drawing.arrows import Arrows
from consumers.handlers.tiles.drawing.barbs import Barbs
from consumers.handlers.tiles.drawing.contours import Contours
from consumers.handlers.tiles.drawing.glyphlattice import glyph_lattice
from consumers.handlers.tiles.drawing.ink import Ink, paint
from consumers.handlers.tiles.drawing.margins import with_margin
from consumers.handlers.tiles.drawing.winds import Winds, component_names, winds_at
from consumers.handlers.tiles.encoding import Indexed
from consumers.handlers.tiles.errors import StyleError
from consumers.handlers.tiles.grid import Grid
from consumers.handlers.tiles.names import LayerName
from consumers.handlers.tiles.pixels import Target
from consumers.handlers.tiles.png import Rgba
from consumers.handlers.tiles.styles.colouring import Colouring, ValueRange
from consumers.handlers.tiles.styles.document import Coloured, Contour, Data, Symbols
from consumers.handlers.tiles.styles.library import StyleLibrary
from consumers.handlers.tiles.styles.marks import contours_of, symbols_of
from consumers.handlers.tiles.weights import Float32s

_OPAQUE = 255


class Want(NamedTuple):
    """A layer that a coat needs, at the pixels of *target*."""

    layer: LayerName
    target: Target


class FieldThere(NamedTuple):
    """The values of a wanted layer, float32[height, width], NaN where they are missing."""

    values: Float32s
    grid: Grid


class Coat(Protocol):
    """One layer of paint."""

    def wants(self, layer: LayerName, picture: Target) -> tuple[Want, ...]:
        """The fields that are needed to paint *layer* on *picture*."""
        ...

    def paint(self, canvas: Rgba, picture: Target, fields: Sequence[FieldThere]) -> None:
        """Paint over *canvas*; *fields* are those of `wants`, in its order."""
        ...


@dataclass(frozen=True, slots=True)
class ColourCoat:
    """A colour for every value."""

    colouring: Colouring

    def wants(self, layer: LayerName, picture: Target) -> tuple[Want, ...]:
        """The field itself."""
        return (Want(layer, picture),)

    def paint(self, canvas: Rgba, picture: Target, fields: Sequence[FieldThere]) -> None:  # noqa: ARG002 - the protocol's
        """Paint the colours of the values."""
        colouring = self.colouring
        cover(canvas, Indexed(colouring.indices(fields[0].values), colouring.palette).pixels())


@dataclass(frozen=True, slots=True)
class CodeCoat:
    """The values as numbers (see `codes24`)."""

    base: float
    step: float

    def wants(self, layer: LayerName, picture: Target) -> tuple[Want, ...]:
        """The field itself."""
        return (Want(layer, picture),)

    def paint(self, canvas: Rgba, picture: Target, fields: Sequence[FieldThere]) -> None:  # noqa: ARG002 - the protocol's
        """Write the codes over whatever is there."""
        canvas[...] = encode_values(fields[0].values, self.base, self.step)


@dataclass(frozen=True, slots=True)
class LineCoat:
    """Contour lines."""

    contours: Contours

    def wants(self, layer: LayerName, picture: Target) -> tuple[Want, ...]:
        """The field, with a margin in which lines begin."""
        return (Want(layer, with_margin(picture, self.contours.margin_px)),)

    def paint(self, canvas: Rgba, picture: Target, fields: Sequence[FieldThere]) -> None:
        """Paint the lines and their labels."""
        x_axis, y_axis = with_margin(picture, self.contours.margin_px).axes()
        paint(canvas, self.contours.draw(fields[0].values, (x_axis.first, y_axis.first)))


@dataclass(frozen=True, slots=True)
class WindCoat:
    """Barbs or arrows."""

    symbols: Barbs | Arrows

    def wants(self, layer: LayerName, picture: Target) -> tuple[Want, ...]:
        """Both components at the places of the signs; nothing where none can be seen."""
        lattice = glyph_lattice(picture, self.symbols.spacing_px, self.symbols.reach_px)
        if lattice is None:
            return ()
        return tuple(Want(name, lattice.target) for name in component_names(layer))

    def paint(self, canvas: Rgba, picture: Target, fields: Sequence[FieldThere]) -> None:
        """Paint the signs."""
        lattice = glyph_lattice(picture, self.symbols.spacing_px, self.symbols.reach_px)
        if lattice is not None:
            u, v = fields
            winds = winds_at(lattice, picture, u.grid, u.values, v.values)
            paint(canvas, self._inks(winds, canvas))

    def _inks(self, winds: Winds, canvas: Rgba) -> tuple[Ink, ...]:
        return self.symbols.draw(winds, canvas.shape[:2])


@dataclass(frozen=True, slots=True)
class FaintCoat:
    """A coat that what lies below shines through: *opacity* 0 .. 1."""

    coat: Coat
    opacity: float

    def wants(self, layer: LayerName, picture: Target) -> tuple[Want, ...]:
        """What the coat wants."""
        return self.coat.wants(layer, picture)

    def paint(self, canvas: Rgba, picture: Target, fields: Sequence[FieldThere]) -> None:
        """Paint the coat on a sheet of its own, then the sheet."""
        sheet = np.zeros_like(canvas)
        self.coat.paint(sheet, picture, fields)
        sheet[..., 3] = np.rint(sheet[..., 3] * np.float32(self.opacity))
        cover(canvas, sheet)


def coat_of(
    library: StyleLibrary, name: str, value_range: ValueRange | None, scale: int = 1
) -> Coat:
    """The coat that the style *name* is, for a layer whose run has values in *value_range*.

    Raises:
        UnknownStyle: there is none of that name.
        StyleError: its file is wrong, or it is composed of several.
    """
    document = library.find(name).document
    if isinstance(document, Coloured):
        return ColourCoat(library.colouring(name, value_range))
    if isinstance(document, Contour):
        return LineCoat(contours_of(document).scaled(scale))
    if isinstance(document, Symbols):
        return WindCoat(symbols_of(document).scaled(scale))
    if isinstance(document, Data):
        transform = document.transform.transform
        return CodeCoat(transform.stored(document.base), document.step / transform.factor)
    raise StyleError(f"the style '{name}' is composed of several: draw them one by one")


def require_drawable(library: StyleLibrary, name: str, value_range: ValueRange | None) -> None:
    """Refuse a style in which no tile of a layer with values in *value_range* could be drawn.

    Raises:
        UnknownStyle: there is none of that name.
        StyleError: its file is wrong, or it needs a range and there is none.
    """
    for layer in library.layers(name):
        # The range of another layer is not known here.
        coat_of(library, layer.style, value_range if layer.layer is None else (0.0, 1.0))


def cover(canvas: Rgba, pixels: Rgba) -> None:
    """Put *pixels* over *canvas*: Porter and Duff's "over", opacity not multiplied in."""
    opacity = pixels[..., 3]
    if (opacity == _OPAQUE).all() or not canvas[..., 3].any():
        canvas[...] = pixels
        return
    share = opacity[..., None].astype(np.float32) / _OPAQUE
    kept = canvas[..., 3:].astype(np.float32) / _OPAQUE * (1 - share)
    total = share + kept
    # Nothing over nothing has no colour; any divisor will do.
    mixed = (pixels[..., :3] * share + canvas[..., :3] * kept) / np.maximum(total, 1e-6)
    canvas[..., :3] = np.rint(mixed)
    canvas[..., 3:] = np.rint(total * _OPAQUE)
