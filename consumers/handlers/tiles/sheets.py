"""Tiles that lie side by side, as one picture that is cut up.

A row of up to eight tiles is mapped and coloured in one go. More than a row at a time would
no longer fit into a processor's cache. What is cut is byte for byte what is drawn alone,
because a pixel does not depend on the picture it is part of.
"""

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from consumers.handlers.tiles.pixels import Target
from producers.payloads.tiles import RenderTile
from producers.tilegrid import WORLDS

#: Tiles in a row, and rows of tiles in a batch of jobs.
EDGE_TILES: Final = 8

#: A wider picture is drawn alone.
WIDTH_MAX_PX: Final = 4096


@dataclass(frozen=True, slots=True)
class Sheet:
    """A row of pictures: *target* covers those with these numbers, from west to east."""

    target: Target
    members: tuple[int, ...]
    targets: tuple[Target, ...]

    @property
    def parts(self) -> list["Sheet"]:
        """Its pictures, each on a sheet of its own."""
        return [
            Sheet(target, (number,), (target,))
            for number, target in zip(self.members, self.targets, strict=True)
        ]

    def columns(self, place: int) -> slice:
        """The columns of pixels of the picture at *place* in the row."""
        width_px = self.target.width_px // len(self.members)
        return slice(place * width_px, (place + 1) * width_px)


def sheets(targets: Sequence[Target]) -> list[Sheet]:
    """All *targets* in as few rows as possible, each in one; equal ones are in several."""
    lines: dict[Hashable, list[tuple[int, int]]] = defaultdict(list)
    for number, target in enumerate(targets):
        x_axis, y_axis = target.axes()
        in_step = (x_axis.world_px, x_axis.shift_px, x_axis.first % target.width_px)
        lines[target.crs, target.height_px, target.width_px, y_axis, in_step].append(
            (x_axis.first, number)
        )
    return [sheet for line in lines.values() for sheet in _rows(targets, sorted(line))]


def block_of(tile: RenderTile) -> Hashable:
    """What jobs have in common that are worth drawing together.

    The same data and style, pictures of one size, in one block of `EDGE_TILES` rows and
    columns. Rounding may put a tile at the edge of a block into the next one.
    """
    box = tile.bbox
    width, height = box.max_x - box.min_x, box.max_y - box.min_y
    world = WORLDS.get(tile.crs)
    west, north = (world.bbox.min_x, world.bbox.max_y) if world else (0.0, 0.0)
    place = (
        round((box.min_x - west) / width) // EDGE_TILES,
        round((north - box.max_y) / height) // EDGE_TILES,
    )
    size = (f"{width:.6g}", f"{height:.6g}", tile.width, tile.height)
    return (drawn_alike(tile), tile.crs, tile.axis, size, place)


def drawn_alike(tile: RenderTile) -> Hashable:
    """All that a tile shows but its place: what tiles on one sheet have in common."""
    return (tile.layer, tile.time, tile.style, tile.resampling, tile.scale, tile.format)


def _rows(targets: Sequence[Target], line: Sequence[tuple[int, int]]) -> list[Sheet]:
    """The pictures of one height on the map, by their first pixel, as rows without gaps."""
    rows: list[list[int]] = []
    expected = None
    for first, number in line:
        target = targets[number]
        widest = min(EDGE_TILES, WIDTH_MAX_PX // target.width_px)
        if first == expected and len(rows[-1]) < widest:
            rows[-1].append(number)
        else:
            rows.append([number])
        expected = first + target.width_px
    return [sheet for row in rows for sheet in _joined(targets, row)]


def _joined(targets: Sequence[Target], row: Sequence[int]) -> list[Sheet]:
    first, last = targets[row[0]], targets[row[-1]]
    if len(row) > 1:
        bbox = first.bbox.model_copy(update={"max_x": last.bbox.max_x})
        whole = replace(first, bbox=bbox, width_px=first.width_px * len(row))
        x_axis, y_axis = first.axes()
        # Where there is no pyramid, rounding might find another size of a pixel.
        if whole.axes() == (replace(x_axis, size_px=whole.width_px), y_axis):
            return [Sheet(whole, tuple(row), tuple(targets[number] for number in row))]
    return [Sheet(targets[number], (number,), (targets[number],)) for number in row]
