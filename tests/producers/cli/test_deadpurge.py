"""`millstream dead purge`: deleting dead letters for good."""

from pathlib import Path

import orjson
import pytest
from redis.asyncio import Redis

from tests.producers.cli.conftest import Command
from tests.producers.cli.letters import bury
from tests.support.queues import QueueUnderTest


async def left(queue: QueueUnderTest) -> str:
    """The jobs whose letters are there."""
    return "".join([letter.id for letter in await queue.letters()])


async def test_purge_asks_first(command: Command, queue: QueueUnderTest) -> None:
    await bury(queue, "a", "b")

    for answer in ("n\n", ""):
        result = await command("dead", "purge", "--all", typed=answer)
        assert "Delete 2 dead letters for good?" in result.out
        assert (result.status, result.err) == (1, "millstream: nothing was changed\n")
        assert await left(queue) == "ab"

    result = await command("dead", "purge", "a", typed="y\n")
    assert result.out.endswith("1 deleted\n")
    assert await left(queue) == "b"


async def test_a_dry_run_counts_and_deletes_nothing(
    command: Command, queue: QueueUnderTest
) -> None:
    await bury(queue, "a", "b")

    result = await command("dead", "purge", "--all", "--dry-run")

    assert result.out == "2 would be deleted; nothing was changed\n"
    assert await left(queue) == "ab"
    assert orjson.loads((await command("dead", "purge", "--all", "--dry-run", "--json")).out) == {
        "would_delete": 2
    }


async def test_purge_of_many_takes_pages_and_all_queues(
    command: Command, queue: QueueUnderTest, client: Redis
) -> None:
    other = QueueUnderTest(client, "video")
    await other.open()
    await bury(queue, *(f"a{number}" for number in range(101)))
    await bury(other, "b")

    result = await command("dead", "purge", "--all", "--yes")

    assert result.out == "102 deleted\n"
    assert await queue.letters() == await other.letters() == []


async def test_only_the_named_queue_is_touched(
    command: Command, queue: QueueUnderTest, client: Redis
) -> None:
    other = QueueUnderTest(client, "video")
    await other.open()
    await bury(queue, "a")
    await bury(other, "b")

    result = await command("dead", "purge", "--all", "--yes", "--queue", "video")

    assert result.out == "1 deleted\n"
    assert await left(queue) == "a"


async def test_only_what_a_filter_fits_is_deleted(command: Command, queue: QueueUnderTest) -> None:
    await bury(queue, "a")
    await bury(queue, "b", error="OSError")

    result = await command("dead", "purge", "--error", "OSError", "--yes", "--json")

    assert orjson.loads(result.out) == {"deleted": 1}
    assert await left(queue) == "a"
    none = await command("dead", "purge", "--error", "OSError")
    assert (none.status, none.out) == (0, "No dead letter is meant.\n")


async def test_only_what_is_old_enough_is_deleted(command: Command, queue: QueueUnderTest) -> None:
    await bury(queue, "a")

    assert (await command("dead", "purge", "--older-than", "1h", "--yes")).out == "0 deleted\n"
    twice = await command("dead", "purge", "--older-than", "1h", "--until", "1h", "--yes")
    assert (twice.status, await left(queue)) == (1, "a")
    assert "--until and --older-than say the same thing" in twice.err
    assert (await command("dead", "purge", "--older-than", "0ms", "--yes")).out == "1 deleted\n"


async def test_only_what_was_exported_is_deleted(
    command: Command, queue: QueueUnderTest, tmp_path: Path
) -> None:
    """What has died since the export is not in it, and stays."""
    kept = tmp_path / "letters.jsonl"
    await bury(queue, "a", "b", "c")
    await command("dead", "export", "tiles", str(kept))
    await bury(queue, "d")
    await command("dead", "purge", "b", "--yes")

    counted = await command("dead", "purge", "--exported", str(kept), "--dry-run")
    result = await command("dead", "purge", "--exported", str(kept), "--yes")

    assert counted.out == "2 would be deleted; nothing was changed\n"
    assert (result.out, await left(queue)) == ("2 deleted\n", "d")
    again = await command("dead", "purge", "--exported", str(kept))
    assert again.out == "No dead letter is meant.\n"


async def test_another_file_than_an_export_deletes_nothing(
    command: Command, queue: QueueUnderTest, tmp_path: Path
) -> None:
    other = tmp_path / "notes.txt"
    other.write_text("milk\nbread\n")
    await bury(queue, "a")

    result = await command("dead", "purge", "--exported", str(other), "--yes")

    assert result.status == 1
    assert f"{other}, line 1: this is no line of `millstream dead export`" in result.err
    assert await left(queue) == "a"


@pytest.mark.parametrize(
    "arguments", [[], ["a", "--all"], ["a", "--kind", "x"], ["--all", "--kind", "x"]]
)
async def test_what_is_meant_is_said_once(
    command: Command, queue: QueueUnderTest, arguments: list[str]
) -> None:
    await bury(queue, "a")

    for verb in ("purge", "replay"):
        assert (await command("dead", verb, "--yes", *arguments)).status == 2
    assert await left(queue) == "a"
