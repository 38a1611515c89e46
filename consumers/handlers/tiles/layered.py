"""Pictures of several coats, or of one that is more than a colour for every value."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from anyio import to_thread

from consumers.handlers.tiles.catalog import Dataset, Selection
from consumers.handlers.tiles.coats import Coat, CodeCoat, FaintCoat, FieldThere, Want, coat_of
from consumers.handlers.tiles.dataerrors import ObjectMissingError, RunMismatchError
from consumers.handlers.tiles.encoding import Format, encode_pixels
from consumers.handlers.tiles.errors import StyleError
from consumers.handlers.tiles.levels import level_for
from consumers.handlers.tiles.lookups import Lookups
from consumers.handlers.tiles.names import LayerName, layer_name
from consumers.handlers.tiles.pixels import Target
from consumers.handlers.tiles.pyramid import has_between
from consumers.handlers.tiles.reading import Cells, Reader
from consumers.handlers.tiles.sample import Resampling
from consumers.handlers.tiles.styles.document import Layer
from consumers.handlers.tiles.styles.library import StyleLibrary


@dataclass(frozen=True, slots=True, eq=False)
class _Painting:
    """A coat with the cells that it is painted from."""

    coat: Coat
    cells: Sequence[Cells]


class LayeredPainter:
    """Draws styles that consist of coats."""

    def __init__(self, lookups: Lookups, reader: Reader, styles: StyleLibrary) -> None:
        self._lookups = lookups
        self._reader = reader
        self._styles = styles

    async def paint(
        self, style: str, base: Selection, target: Target, scale: int, to: Format
    ) -> bytes | None:
        """The picture of *base* in *style*; None where no grid has anything there.

        Other layers of the style are those of the same model, run and time.

        Raises:
            TileError: a layer of the style does not exist, or cannot be drawn.
            RunMismatchError: a layer has no value of the same run.
            StyleError: the style cannot be written in that format.
            CatalogError, StoreError, ShardError: as for `TilePainter.paint`.
        """
        paintings = [
            await self._painting(layer, base, target, scale) for layer in self._styles.layers(style)
        ]
        with_codes = any(isinstance(each.coat, CodeCoat) for each in paintings)
        if with_codes and to == "jpeg":
            raise StyleError(f"'{style}' holds numbers, which a JPEG would change: ask for png")
        if not any(each.cells for each in paintings):
            return None
        return await to_thread.run_sync(_draw, target, paintings, to, with_codes)

    async def _painting(
        self, layer: Layer, base: Selection, picture: Target, scale: int
    ) -> _Painting:
        selection = await self._selection(layer, base)
        coat = coat_of(self._styles, layer.style, selection.value_range, scale)
        if layer.opacity < 1:
            coat = FaintCoat(coat, layer.opacity)
        found: list[Cells] = []
        for want in coat.wants(selection.dataset.name, picture):
            cells = await self._read(want, base.dataset, picture)
            if cells is None:
                return _Painting(coat, ())
            found.append(cells)
        return _Painting(coat, found)

    async def _read(self, want: Want, base: Dataset, picture: Target) -> Cells | None:
        dataset = await self._dataset(want.layer, base)
        between = has_between(dataset.name.parameter)
        how = Resampling.BILINEAR if between else Resampling.NEAREST
        # Signs stand far apart, and still tell of the places where they stand.
        levels = level_for(dataset.grid, picture, dataset.levels)
        try:
            return await self._reader.cells(dataset, want.target, how, levels=levels)
        except ObjectMissingError:
            # An ingest may have replaced the data since the catalog was read.
            self._lookups.forget(dataset.layer, base.valid_time)
            raise

    async def _selection(self, layer: Layer, base: Selection) -> Selection:
        if layer.layer is None:
            return base
        parameter, _, level = layer.layer.rpartition("_")
        name = layer_name(base.dataset.name.model, parameter, level)
        return await self._beside(name, base.dataset)

    async def _dataset(self, name: LayerName, base: Dataset) -> Dataset:
        return base if name == base.name else (await self._beside(name, base)).dataset

    async def _beside(self, name: LayerName, base: Dataset) -> Selection:
        """The layer *name* of the model, run and time of *base*."""
        selection = await self._lookups.find(str(name), base.valid_time)
        if selection.dataset.reference_time != base.reference_time:
            raise RunMismatchError(
                str(name), selection.dataset.reference_time, base.layer, base.reference_time
            )
        return selection


def _draw(target: Target, paintings: Sequence[_Painting], to: Format, codes: bool) -> bytes:  # noqa: FBT001 - handed to a thread
    canvas = np.zeros((target.height_px, target.width_px, 4), dtype=np.uint8)
    for painting in paintings:
        if painting.cells:
            fields = [FieldThere(each.field(), each.dataset.grid) for each in painting.cells]
            painting.coat.paint(canvas, target, fields)
    return encode_pixels(canvas, to, changing=codes)
