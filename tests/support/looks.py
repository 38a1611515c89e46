"""The styles of the package, as tests draw with them."""

from datetime import datetime

from consumers.handlers.tiles.styles.library import open_library
from producers.payloads.tiles import RenderTile
from producers.tilekey import tile_key

LIBRARY = open_library()
TEMPERATURE = LIBRARY.colouring("temperature", None)
PRECIPITATION = LIBRARY.colouring("precipitation", None)


def drawn_key(tile: RenderTile, time: datetime | None) -> str:
    """The name under which a worker keeps the picture of *tile*."""
    return tile_key(tile, time, style_version=LIBRARY.find(tile.style).version)
