"""What lines and glyphs over a tile cost, from decoded cells to the pixels of the picture."""

import statistics
import time
from collections.abc import Callable, Sequence

import numpy as np

from consumers.handlers.tiles.drawing.arrows import Arrows
from consumers.handlers.tiles.drawing.barbs import Barbs
from consumers.handlers.tiles.drawing.contours import Contours
from consumers.handlers.tiles.drawing.glyphlattice import glyph_lattice
from consumers.handlers.tiles.drawing.ink import Picture, paint, transparent
from consumers.handlers.tiles.drawing.levels import EveryLevel
from consumers.handlers.tiles.drawing.linelabels import Labels
from consumers.handlers.tiles.drawing.margins import with_margin
from consumers.handlers.tiles.drawing.winds import winds_at
from consumers.handlers.tiles.field import Field
from consumers.handlers.tiles.grid import Window
from consumers.handlers.tiles.mapping import MappingCache
from consumers.handlers.tiles.pixels import Target
from consumers.handlers.tiles.sample import bilinear
from consumers.handlers.tiles.weights import Float32s

#: Lines in a tile, as the bar for contours has them.
LEVELS = 12

Drawer = Callable[[Target], Picture]


def measure_drawing(fields: dict[str, Field], targets: Sequence[Target], rounds: int) -> None:
    """Draw each of *targets* and print a row for each kind; warm, one thread."""
    mappings = MappingCache()
    wind = fields["UGRD"], fields["VGRD"]
    rows: dict[str, Drawer] = {
        f"contours, {LEVELS} levels with numbers": _contours(fields["PRMSL"], mappings),
        "barbs every 50 pixels": _glyphs(Barbs(), wind, mappings),
        "arrows every 32 pixels": _glyphs(Arrows(), wind, mappings),
    }
    for name, draw in rows.items():
        for target in targets:
            draw(target)
        times_ms: list[float] = []
        for _ in range(rounds):
            for target in targets:
                started = time.perf_counter()
                draw(target)
                times_ms.append((time.perf_counter() - started) * 1000)
        p99 = statistics.quantiles(times_ms, n=100)[98]
        print(f"{name:42} p50 {statistics.median(times_ms):.2f} ms  p99 {p99:.2f} ms")


def _contours(field: Field, mappings: MappingCache) -> Drawer:
    margin = Contours(EveryLevel(1.0)).margin_px

    def draw(target: Target) -> Picture:
        wider = with_margin(target, margin)
        x_axis, y_axis = wider.axes()
        [values] = _sampled([field], wider, mappings)
        spread = float(np.nanmax(values) - np.nanmin(values))
        levels = EveryLevel(spread / LEVELS, float(np.nanmin(values)) + spread / LEVELS / 2)
        contours = Contours(levels, labels=Labels(factor=0.01))
        picture = transparent((target.height_px, target.width_px))
        paint(picture, contours.draw(values, (x_axis.first, y_axis.first)))
        return picture

    return draw


def _glyphs(style: Barbs | Arrows, wind: Sequence[Field], mappings: MappingCache) -> Drawer:
    def draw(target: Target) -> Picture:
        shape = (target.height_px, target.width_px)
        picture = transparent(shape)
        lattice = glyph_lattice(target, style.spacing_px, style.reach_px)
        if lattice is not None:
            u, v = _sampled(wind, lattice.target, mappings)
            winds = winds_at(lattice, target, wind[0].grid, u, v)
            paint(picture, style.draw(winds, shape))
        return picture

    return draw


def _sampled(fields: Sequence[Field], target: Target, mappings: MappingCache) -> list[Float32s]:
    mapping = mappings.map_tile(fields[0].grid, target)
    if mapping is None:
        raise ValueError("the forecast covers the earth")
    return [bilinear(_crop(each.values, mapping.window), mapping) for each in fields]


def _crop(values: Float32s, window: Window) -> Float32s:
    columns = np.arange(window.col0, window.col1) % values.shape[1]
    cells: Float32s = values[window.row0 : window.row1].take(columns, axis=1)
    return cells
