"""`millstream dead export`: dead letters as lines in a file."""

from pathlib import Path

import orjson
import pytest
from redis.asyncio import Redis

from streams.letterline import letter_in
from tests.producers.cli.conftest import Command
from tests.producers.cli.letters import bury
from tests.support.queues import QueueUnderTest


def ids(text: str) -> str:
    """The jobs in an export."""
    return "".join(orjson.loads(line)["id"] for line in text.splitlines())


async def test_an_export_is_complete_and_deletes_nothing(
    command: Command, queue: QueueUnderTest, tmp_path: Path
) -> None:
    await bury(queue, "a", "b", payload=b'{ "spaces":  1 }')
    file = tmp_path / "letters.jsonl"

    result = await command("dead", "export", "tiles", str(file))

    assert result.out == f"2 dead letters written to {file}\n"
    read = [letter_in(line) for line in file.read_bytes().splitlines()]
    assert read == [(queue.keys, letter) for letter in await queue.letters()]


async def test_an_export_goes_to_the_output_as_well(
    command: Command, queue: QueueUnderTest
) -> None:
    await bury(queue, "a", "b")
    await bury(queue, "c", error="OSError")

    assert ids((await command("dead", "export", "tiles", "-")).out) == "abc"
    assert ids((await command("dead", "export", "tiles", "-", "--error", "OSError")).out) == "c"


@pytest.mark.parametrize("torn", [b"", b'{"format":1,"que'])
async def test_an_export_is_continued_where_it_was_interrupted(
    command: Command, queue: QueueUnderTest, tmp_path: Path, torn: bytes
) -> None:
    file = tmp_path / "letters.jsonl"
    await bury(queue, "a", "b")
    await command("dead", "export", "tiles", str(file))
    with file.open("ab") as end:
        end.write(torn)
    await bury(queue, "c", "d")

    result = await command("dead", "export", "tiles", str(file))

    assert result.out == f"2 more dead letters written to {file}\n"
    assert ids(file.read_text()) == "abcd"
    assert (await command("dead", "export", "tiles", str(file))).out.startswith("0 more")
    assert ids(file.read_text()) == "abcd"


async def test_a_file_that_holds_something_else_is_left_as_it_is(
    command: Command, queue: QueueUnderTest, client: Redis, tmp_path: Path
) -> None:
    other = QueueUnderTest(client, "video")
    await other.open()
    await bury(queue, "a")
    await bury(other, "b")
    notes, video = tmp_path / "notes.txt", tmp_path / "video.jsonl"
    notes.write_text("milk\n")
    await command("dead", "export", "video", str(video))
    before = video.read_bytes()

    for file, words in ((notes, "is no line of"), (video, "is an export of the queue 'video'")):
        result = await command("dead", "export", "tiles", str(file))
        assert (result.status, words in result.err) == (1, True)

    assert (notes.read_text(), video.read_bytes()) == ("milk\n", before)


async def test_a_file_without_a_line_end_is_not_emptied(
    command: Command, queue: QueueUnderTest, tmp_path: Path
) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("milk")
    await bury(queue, "a")

    result = await command("dead", "export", "tiles", str(notes))

    assert (result.status, notes.read_text()) == (1, "milk")


async def test_a_place_that_cannot_be_written_to_is_said_in_one_line(
    command: Command, queue: QueueUnderTest, tmp_path: Path
) -> None:
    await bury(queue, "a")

    result = await command("dead", "export", "tiles", str(tmp_path / "no" / "such"))

    assert result.status == 1
    assert "No such file or directory" in result.err
