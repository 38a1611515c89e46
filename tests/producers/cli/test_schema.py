"""`millstream schema`: which kinds there are, and what each may carry."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from producers.payloads.known import KNOWN_PAYLOADS
from producers.payloads.schema import packed, schema_of
from tests.producers.cli.conftest import Command


@pytest.fixture
async def folder(command: Command, tmp_path: Path) -> Path:
    """A folder with the schemas of today."""
    folder = tmp_path / "new" / "schemas"
    said = await command("schema", "--all", "--out", str(folder))
    assert (said.status, said.err) == (0, "")
    assert said.out == f"{len(KNOWN_PAYLOADS)} schemas written to {folder}\n"
    return folder


def change(file: Path, changes: dict[str, Any]) -> None:
    """Make *file* a schema of other days."""
    file.write_bytes(orjson.dumps({**orjson.loads(file.read_bytes()), **changes}))


async def test_without_a_kind_all_are_listed_with_what_they_do(command: Command) -> None:
    said = await command("schema")

    assert said.status == 0
    for kind in KNOWN_PAYLOADS:
        assert kind in said.out
    assert "Fetch 1 to 50 pages; one that fails stops no other." in said.out


async def test_programs_get_the_list_as_json(command: Command) -> None:
    rows = orjson.loads((await command("schema", "--json")).out)

    assert [row["kind"] for row in rows] == list(KNOWN_PAYLOADS)
    assert rows[0]["schema_version"] == 1
    assert rows[0]["summary"].startswith("Draw *layer*")


@pytest.mark.parametrize("kind", KNOWN_PAYLOADS)
async def test_a_kind_is_answered_with_its_schema(command: Command, kind: str) -> None:
    said = await command("schema", kind)

    assert said.out.encode() == packed(schema_of(KNOWN_PAYLOADS[kind]))
    assert orjson.loads(said.out)["x-kind"] == kind


async def test_an_unknown_kind_is_answered_with_those_that_there_are(command: Command) -> None:
    said = await command("schema", "tiles.rendr")

    assert said.status == 1
    assert "not one of Millstream's own: tiles.render," in said.err


async def test_all_are_written_as_they_are_printed(command: Command, folder: Path) -> None:
    for kind in KNOWN_PAYLOADS:
        written = (folder / f"{kind}.json").read_text()
        assert written == (await command("schema", kind)).out


async def test_the_files_that_were_written_are_listed_for_programs(
    command: Command, tmp_path: Path
) -> None:
    said = await command("schema", "--all", "--out", str(tmp_path), "--json")

    assert orjson.loads(said.out) == [str(tmp_path / f"{kind}.json") for kind in KNOWN_PAYLOADS]


async def test_what_has_not_changed_passes_the_check(command: Command, folder: Path) -> None:
    said = await command("schema", "--check", str(folder))

    assert (said.status, said.err) == (0, "")
    assert "tiles.render: as it was\n" in said.out


async def test_an_addition_passes_the_check_and_is_told(command: Command, folder: Path) -> None:
    change(folder / "video.generate.json", {"description": "As it was said last year."})

    said = await command("schema", "--check", str(folder))

    assert (said.status, said.err) == (0, "")
    assert "video.generate: accepts all that it did, and has changed\n" in said.out


async def test_a_break_fails_the_check_with_its_place(command: Command, folder: Path) -> None:
    change(folder / "video.generate.json", {"required": ["product_name"]})

    said = await command("schema", "--check", str(folder))

    assert said.status == 1
    assert "video.generate: BROKEN\n  cta_text: was optional and is required\n" in said.out
    assert f"1 of {len(KNOWN_PAYLOADS)} kinds no longer accept" in said.err


async def test_a_kind_that_is_gone_fails_the_check(command: Command, folder: Path) -> None:
    change(folder / "video.generate.json", {"x-kind": "video.cut"})

    said = await command("schema", "--check", str(folder), "--json")

    assert said.status == 1
    [gone] = [row for row in orjson.loads(said.out) if row["breaks"]]
    assert (gone["kind"], gone["is_same"]) == ("video.cut", False)
    assert gone["breaks"][0].startswith("the kind is gone; there are tiles.render,")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "holds no schemas"),
        (b"{", "is no JSON"),
        (b"[]", "is no schema of a payload"),
        (b"{}", "has no 'x-kind'"),
        (b'{"x-kind":"tiles.render","$ref":"#/$defs/x"}', "is no JSON Schema that can be read"),
        (
            b'{"x-kind":"tiles.render","type":"object","properties":[1]}',
            "is no JSON Schema that can be read",
        ),
        (b" " * (1024 * 1024 + 1), "has more than 1048576 bytes"),
    ],
)
async def test_a_folder_that_cannot_be_checked_says_why(
    command: Command, tmp_path: Path, content: bytes | None, words: str
) -> None:
    if content is not None:
        (tmp_path / "x.json").write_bytes(content)

    said = await command("schema", "--check", str(tmp_path))

    assert said.status == 1
    assert words in said.err


async def test_a_folder_that_cannot_be_written_says_why(command: Command, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    said = await command("schema", "--all", "--out", str(tmp_path / "file"))

    assert (said.status, said.err.count("\n")) == (1, 1)
    assert "cannot write into" in said.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["--all"],
        ["--out", "x"],
        ["tiles.render", "--out", "x"],
        ["tiles.render", "--all", "--out", "x"],
        ["tiles.render", "--check", "x"],
        ["--all", "--out", "x", "--check", "x"],
    ],
)
async def test_two_questions_at_once_are_refused(command: Command, arguments: list[str]) -> None:
    said = await command("schema", *arguments)

    assert (said.status, said.out) == (2, "")
