"""Real forecasts and pictures for tests, where a checkout has them beside it."""

import json
import os
from pathlib import Path
from typing import Any, Final

import pytest

_DATA: Final = Path(__file__).resolve().parents[3] / "shared" / "data"

#: GRIB files, and `fields.json`, which says what is in them.
GRIDS: Final = _DATA / "grids"

#: Photos and drawings in the formats of a gallery; `MILLSTREAM_TEST_GALLERY` names another folder.
GALLERY: Final = Path(os.environ.get("MILLSTREAM_TEST_GALLERY") or _DATA / "gallery")

needs_grids = pytest.mark.skipif(
    not (GRIDS / "fields.json").exists(),
    reason=f"there are no sample forecasts in {GRIDS}",
)

needs_gallery = pytest.mark.skipif(
    not GALLERY.is_dir(), reason=f"there are no sample pictures in {GALLERY}"
)


def gallery_files() -> list[Path]:
    """The pictures of the gallery, by name."""
    return sorted(each for each in GALLERY.iterdir() if each.suffix != ".md")


def described_fields(file: str) -> list[dict[str, Any]]:
    """What `fields.json` says of every field of *file*, read by another program."""
    descriptions = json.loads((GRIDS / "fields.json").read_text())
    fields: list[dict[str, Any]] = descriptions[file]["fields"]
    return fields
