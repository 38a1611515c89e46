"""The results as a table that people can read."""

from collections.abc import Iterator, Mapping, Sequence

from benchmarks.race.contestants import BASE, LIMIT, Contestant
from benchmarks.race.results import Column, Results

#: Figure and title of each block, in order.
BLOCKS: Mapping[str, str] = {
    "enqueue": "Enqueue, jobs/s of one producer",
    "drain": "Drain of no-op jobs, jobs/s; columns: jobs at a time in a process x processes",
    "sleep": "Drain of jobs that sleep 1 ms, jobs/s",
    "cpu": "Drain of jobs that compute for 10 ms, jobs/s",
    "cost": "What a no-op job costs (less is better)",
    "latency": "From the call that sends a job to its handler's start, ms (less is better)",
}
NAME_CHARS, CELL_CHARS = 17, 25


def number(value: float | None) -> str:
    """Three digits that count, and no exponent: 12,345 and 1.23 and 0.0123."""
    if value is None:
        return "-"
    size = abs(value)
    if size >= 100:  # noqa: PLR2004 - from here on whole numbers have three digits
        return f"{value:,.0f}"
    decimals = next((d for d, least in enumerate((10, 1, 0.1, 0.01), 1) if size >= least), 4)
    return f"{value:.{decimals}f}"


def table(results: Results, contestants: Sequence[Contestant]) -> Iterator[str]:
    """Line by line; each cell has the median, and how many times the two others it is."""
    yield f"Each cell: the median, as a multiple of {BASE}, as a multiple of {LIMIT}."
    for figure, title in BLOCKS.items():
        columns = results.columns(figure)
        if not columns:
            continue
        yield ""
        yield title
        heads = "".join(f"{column.name:>{CELL_CHARS}}" for column in columns)
        yield f"{'':{NAME_CHARS}}{heads}".rstrip()
        for each in contestants:
            cells = "".join(f"{_cell(results, each.key, c):>{CELL_CHARS}}" for c in columns)
            yield f"{each.key:{NAME_CHARS}}{cells}".rstrip()
    if results.nearest:
        yield ""
        yield "* with the nearest number of jobs at a time that it knows"


def _cell(results: Results, contestant: str, column: Column) -> str:
    if results.was_refused(contestant, column):
        return "refused" + " " * 14
    mark = "*" if (contestant, column) in results.nearest else " "
    value = number(results.median(contestant, column))
    ratios = (number(results.ratio(contestant, column, base)) for base in (BASE, LIMIT))
    return f"{value}{mark}" + "".join(f"{ratio:>7}" for ratio in ratios)
