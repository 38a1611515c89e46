"""Layers and ingests as tables and as JSON."""

from collections.abc import Sequence
from datetime import datetime

import orjson
from rich.console import Group, RenderableType
from rich.text import Text

from consumers.handlers.tiles.announce import AnnounceReport
from consumers.handlers.tiles.catalog import Dataset, LayerSummary
from consumers.handlers.tiles.dataerrors import iso_utc
from consumers.handlers.tiles.grid import GeographicGrid, Grid
from consumers.handlers.tiles.ingest import IngestReport
from consumers.handlers.tiles.wishes import announced_fields
from producers.cli.output import cell, new_table

#: PROJ's names of projections, as people say them.
_PROJECTIONS = {
    "lcc": "Lambert",
    "merc": "Mercator",
    "ob_tran": "rotated",
    "stere": "stereographic",
}


def layers_table(layers: Sequence[LayerSummary]) -> RenderableType:
    """Every layer with its runs, times, range and grid."""
    if not layers:
        return Text("There are no layers yet: `millstream tiles ingest FILE` makes some.")
    numbers = ["runs", "times"]
    table = new_table(
        "Layers", ["layer", *numbers, "valid (UTC)", "values", "grid"], numbers=numbers
    )
    table.columns[0].no_wrap = True
    for layer in layers:
        table.add_row(
            cell(str(layer.name)),
            str(layer.runs),
            str(layer.times),
            _span(layer.first_valid_time, layer.last_valid_time),
            cell(_values(layer.vmin, layer.vmax, layer.units)),
            cell(grid_text(layer.grid)),
        )
    return table


def layers_json(layers: Sequence[LayerSummary]) -> bytes:
    """The same as a JSON array."""
    return orjson.dumps(
        [
            {
                "layer": str(layer.name),
                "model": layer.name.model,
                "parameter": layer.name.parameter,
                "level": layer.name.level,
                "runs": layer.runs,
                "times": layer.times,
                "latest_reference_time": iso_utc(layer.latest_reference_time),
                "first_valid_time": iso_utc(layer.first_valid_time),
                "last_valid_time": iso_utc(layer.last_valid_time),
                "units": layer.units,
                "min": layer.vmin,
                "max": layer.vmax,
                "grid": orjson.loads(layer.grid.to_json()),
            }
            for layer in layers
        ],
        option=orjson.OPT_INDENT_2,
    )


def ingest_table(report: IngestReport) -> RenderableType:
    """What became of a file: the layers, then what was left out and why."""
    table = new_table("Ingested", ["layer", "run (UTC)", "valid (UTC)", "values", "grid"])
    table.columns[0].no_wrap = True
    for dataset in report.datasets:
        table.add_row(
            cell(dataset.layer),
            _minute(dataset.reference_time),
            _minute(dataset.valid_time),
            cell(_values(dataset.vmin, dataset.vmax, dataset.units)),
            cell(grid_text(dataset.grid)),
        )
    notes = [Text(f"  left out {each.name}: {each.reason}") for each in report.skipped]
    if report.stray_bytes:
        notes.append(
            Text(f"  {report.stray_bytes} bytes of the file belong to no message: passed over")
        )
    return Group(table, *notes)


def ingest_json(report: IngestReport, announced: AnnounceReport | None = None) -> bytes:
    """The same as a JSON object, with what was announced."""
    return orjson.dumps(
        {
            "datasets": [_dataset_json(dataset) for dataset in report.datasets],
            "skipped": [{"name": each.name, "reason": each.reason} for each in report.skipped],
            "stray_bytes": report.stray_bytes,
            "announced": None if announced is None else announced_fields(announced),
        },
        option=orjson.OPT_INDENT_2,
    )


def grid_text(grid: Grid) -> str:
    """A grid in a few words, such as `1440 x 721, 0.25 deg` or `1799 x 1059 Lambert, 3 km`."""
    size = f"{grid.nx} x {grid.ny}"
    if isinstance(grid, GeographicGrid):
        kind = " Gaussian" if grid.lats_deg else ""
        return f"{size}{kind}, {grid.column_step_deg:.4g} deg"
    proj, step = getattr(grid, "proj", ""), abs(getattr(grid, "dx_m", 0.0))
    name = next(
        (text for key, text in _PROJECTIONS.items() if f"+proj={key} " in proj), "projected"
    )
    distance = f"{step:.4g} deg" if name == "rotated" else f"{step / 1000:.4g} km"
    return f"{size} {name}, {distance}"


def _dataset_json(dataset: Dataset) -> dict[str, object]:
    return {
        "layer": dataset.layer,
        "reference_time": iso_utc(dataset.reference_time),
        "valid_time": iso_utc(dataset.valid_time),
        "units": dataset.units,
        "min": dataset.vmin,
        "max": dataset.vmax,
        "shards": dataset.layout.count,
        "storage_path": dataset.storage_path,
        "grid": orjson.loads(dataset.grid.to_json()),
    }


def _minute(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M}"


def _span(first: datetime, last: datetime) -> str:
    return _minute(first) if first == last else f"{_minute(first)} .. {_minute(last)}"


def _values(least: float | None, greatest: float | None, units: str) -> str:
    return "all missing" if least is None else f"{least:.6g} .. {greatest:.6g} {units}"
