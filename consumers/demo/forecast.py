"""The forecast that the demo shows: out of a GRIB file, or made by the program itself."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from anyio import to_thread

from consumers.demo.layers import map_layers
from consumers.handlers.tiles.atmosphere import forecast
from consumers.handlers.tiles.field import Field
from consumers.handlers.tiles.ingest import ingest_fields, ingest_file
from consumers.handlers.tiles.styles.legend import legend_of
from consumers.handlers.tiles.styles.legendpicture import legend_png
from consumers.handlers.tiles.system import TileData
from producers.gateway.layers import DrawLegend, MapLayer

#: Models start a run every six hours.
RUN_EVERY_H = 6


async def ingest_forecast(data: TileData, grib: Path | None, now: datetime) -> list[MapLayer]:
    """Fill catalog and store, and return the layers, the one to show first in front.

    Raises:
        GribError, IngestError: the file cannot be used.
        MissingExtraError: ecCodes is not installed.
    """
    if grib is None:
        report = await ingest_fields(_own_forecast(now), data.catalog, data.store)
    else:
        report = await ingest_file(grib, data.catalog, data.store)
    return await map_layers(data.catalog, data.styles, report.datasets, now)


async def legends_of(data: TileData, layers: Sequence[str], now: datetime) -> DrawLegend:
    """What draws legends of *layers*, also after *data* have been closed.

    Raises:
        CatalogError: the catalog does not answer.
    """
    ranges = {
        layer: (await data.catalog.find(layer, None, now=now)).value_range for layer in layers
    }
    styles = data.styles

    async def draw_legend(layer: str, style: str) -> bytes:
        legend = legend_of(styles, style, ranges[layer])
        return await to_thread.run_sync(legend_png, legend)

    return draw_legend


def _own_forecast(now: datetime) -> Iterator[Field]:
    hour = now.hour - now.hour % RUN_EVERY_H
    run_time = now.astimezone(UTC).replace(hour=hour, minute=0, second=0, microsecond=0)
    return forecast(run_time)
