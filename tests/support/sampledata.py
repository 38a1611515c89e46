"""Real forecasts for tests, where a checkout has them beside it."""

import json
from pathlib import Path
from typing import Any, Final

import pytest

#: GRIB files, and `fields.json`, which says what is in them.
GRIDS: Final = Path(__file__).resolve().parents[3] / "shared" / "data" / "grids"

needs_grids = pytest.mark.skipif(
    not (GRIDS / "fields.json").exists(),
    reason=f"there are no sample forecasts in {GRIDS}",
)


def described_fields(file: str) -> list[dict[str, Any]]:
    """What `fields.json` says of every field of *file*, read by another program."""
    descriptions = json.loads((GRIDS / "fields.json").read_text())
    fields: list[dict[str, Any]] = descriptions[file]["fields"]
    return fields
