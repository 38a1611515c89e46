"""`docs/styles.md` and the gallery, compared with what they describe."""

from pathlib import Path
from typing import get_args

import orjson
import pytest

from consumers.handlers.tiles.encoding import Format
from consumers.handlers.tiles.gallery import IMAGES, PAGE, write_gallery
from consumers.handlers.tiles.styles.library import StyleLibrary, built_in_sources
from consumers.handlers.tiles.styles.transform import TRANSFORMS
from tests.support.looks import LIBRARY
from tests.support.pages import blocks

DOCS = Path(__file__).parents[4] / "docs"
STYLES_PAGE = (DOCS / "styles.md").read_text(encoding="utf-8")

#: What a page of documentation may weigh.
GALLERY_BYTES_MAX = 600_000


def test_the_examples_are_styles_that_can_be_used() -> None:
    examples = blocks(STYLES_PAGE, "json")
    library = StyleLibrary(
        built_in_sources() | {f"example{n}": text.encode() for n, text in enumerate(examples)}
    )

    assert len(examples) >= 2
    assert library.flaws == {}


def test_every_kind_transform_and_format_is_described() -> None:
    kinds = {LIBRARY.find(name).document.type for name in LIBRARY.names}

    for word in (*kinds, *TRANSFORMS, *get_args(Format)):
        assert f"`{word}`" in STYLES_PAGE, word


@pytest.mark.parametrize("name", LIBRARY.names)
def test_every_field_of_a_style_is_described(name: str) -> None:
    for field in orjson.loads(built_in_sources()[name]):
        assert f"`{field}`" in STYLES_PAGE or field == "type", field


def test_the_gallery_shows_every_style_and_nothing_else() -> None:
    """Written anew by `millstream tiles gallery`."""
    page = (DOCS / PAGE).read_text(encoding="utf-8")
    shown = [line.removeprefix("## ") for line in page.splitlines() if line.startswith("## ")]
    files = {file.stem for file in (DOCS / IMAGES).glob("*.png")}

    assert shown == list(LIBRARY.names)
    assert files == {each for name in LIBRARY.names for each in (name, f"{name}-legend")}
    assert sum(file.stat().st_size for file in (DOCS / IMAGES).iterdir()) < GALLERY_BYTES_MAX


async def test_the_gallery_is_made_by_a_command(tmp_path: Path) -> None:
    drawn: list[str] = []
    few = StyleLibrary({name: built_in_sources()[name] for name in ("cloud", "temperature")})

    report = await write_gallery(tmp_path, few, drawn.append)

    assert drawn == ["cloud", "temperature"]
    assert report.pictures == 2
    for name in drawn:
        assert (tmp_path / IMAGES / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert f"({IMAGES.as_posix()}/{name}.png)" in report.page.read_text(encoding="utf-8")
