"""A picture with a frame around it: what is drawn near an edge needs the field beyond it."""

from dataclasses import replace

from consumers.handlers.tiles.pixels import Target
from producers.payloads.tiles import BoundingBox


def with_margin(target: Target, margin_px: int) -> Target:
    """*target* with *margin_px* more pixels on each side, of the same size and in step."""
    box = target.bbox
    x = (box.max_x - box.min_x) / target.width_px * margin_px
    y = (box.max_y - box.min_y) / target.height_px * margin_px
    return replace(
        target,
        bbox=BoundingBox(
            min_x=box.min_x - x, min_y=box.min_y - y, max_x=box.max_x + x, max_y=box.max_y + y
        ),
        width_px=target.width_px + 2 * margin_px,
        height_px=target.height_px + 2 * margin_px,
    )
