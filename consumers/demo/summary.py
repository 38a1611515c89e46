"""What the demo says at the end."""

from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from consumers.demo.warming import Figures
from producers.gateway.layers import MapLayer


def summary(figures: Figures, layer: MapLayer, sheet: Path) -> RenderableType:
    """The figures, and where to look."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim")
    good, bad = "green", "bold red"
    all_there = figures.rendered == figures.tiles
    rows = [
        ("tiles", f"{figures.rendered} of {figures.tiles}", good if all_there else bad),
        ("time", f"{figures.seconds:.1f} s, {figures.per_second:.0f} tiles/s", ""),
        ("retries", str(figures.retries), ""),
        ("lost deliveries", str(figures.losses), ""),
        ("dead letters", str(figures.dead), bad if figures.dead else good),
        ("pending", str(figures.pending + figures.delayed), "" if figures.is_complete else bad),
        ("contact sheet", str(sheet), ""),
        ("worker logs", str(sheet.with_name("worker-*.log")), ""),
    ]
    if figures.ended_workers:
        rows.append(("workers that ended", ", ".join(figures.ended_workers), bad))
    for name, text, style in rows:
        table.add_row(f"  {name}", Text(text, style))
    verdict = "All tiles are drawn" if figures.is_complete else "Not all tiles were drawn"
    return Group(Text(), Text(f"{verdict}: {layer.title}", "bold"), table, Text())
