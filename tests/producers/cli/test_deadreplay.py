"""`millstream dead replay`: making dead jobs run again."""

import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from producers.cli.letters import choose
from producers.payloads.tiles import RenderTile
from streams.letterfilter import LetterFilter
from streams.priority import Priority
from streams.settle import Verdict
from streams.state import State
from tests.producers.cli.conftest import Command
from tests.producers.cli.letters import bury
from tests.support.queues import QueueUnderTest, job

pytestmark = pytest.mark.leaves_jobs


async def left(queue: QueueUnderTest) -> str:
    """The jobs whose letters are there."""
    return "".join([letter.id for letter in await queue.letters()])


async def trace(queue: QueueUnderTest, name: str) -> Any:
    """What the history of a replayed job says of the replay."""
    return (await queue.look(name)).history[-1]


async def test_a_replayed_job_runs_again_and_keeps_its_history(
    command: Command, queue: QueueUnderTest
) -> None:
    await bury(queue, "a", "b")

    result = await command("dead", "replay", "a")

    view = await queue.look("a")
    assert (result.status, result.out) == (0, "a: runs again\n1 replayed\n")
    assert (view.state, view.replays) == (State.READY, 1)
    assert [row["outcome"] for row in view.history] == ["error", "replayed"]
    assert await left(queue) == "b"


async def test_more_than_one_is_asked_about(command: Command, queue: QueueUnderTest) -> None:
    await bury(queue, "a", "b", "c")

    no = await command("dead", "replay", "--all", typed="n\n")
    assert (no.status, "Replay 3 dead letters?" in no.out, await left(queue)) == (1, True, "abc")

    yes = await command("dead", "replay", "--all", typed="y\n")
    assert (yes.status, yes.out.splitlines()[-1], await left(queue)) == (0, "3 replayed", "")
    assert len(await queue.fetch()) == 3


async def test_a_filter_and_a_limit_choose_the_oldest_that_fit(
    command: Command, queue: QueueUnderTest
) -> None:
    await bury(queue, "a", error="OSError")
    await bury(queue, "b", "c", "d")
    digest = (await queue.letter("b")).fingerprint.digest

    result = await command("dead", "replay", "-f", digest, "--limit", "2", "--yes")

    assert result.out == "b: runs again\nc: runs again\n2 replayed\n"
    assert await left(queue) == "ad"


async def test_a_dry_run_says_what_would_run_and_changes_nothing(
    command: Command, queue: QueueUnderTest
) -> None:
    await bury(queue, "a", "b")
    await queue.client.hset(queue.keys.job("b"), "state", "ready")
    before = await queue.contents()

    result = await command("dead", "replay", "--all", "--dry-run", "--attempts", "9")

    assert result.out == (
        "a: would run again: ValueError: broken (no use)\n"
        "b: left alone: a job with this id lives already\n"
        "with another attempts\n"
        "1 would be replayed; nothing was changed\n"
    )
    assert result.status == 1
    assert "1 of the dead letters would be left as they are" in result.err
    assert await queue.contents() == before


async def test_one_unknown_name_and_nothing_is_replayed(
    command: Command, queue: QueueUnderTest
) -> None:
    await bury(queue, "a")

    result = await command("dead", "replay", "a", "nobody")

    assert result.status == 1
    assert "there is no dead letter 'nobody' in any queue" in result.err
    assert await left(queue) == "a"


async def test_a_job_that_cannot_run_is_said_and_does_not_stop_the_rest(
    command: Command, queue: QueueUnderTest
) -> None:
    await bury(queue, "a", "b")
    await queue.client.hset(queue.keys.job("a"), "state", "ready")
    await queue.add(job(id="gone"))
    gone = await queue.fetch_one()
    await queue.client.xdel(queue.stream(gone.token), gone.token.entry)
    await queue.settle(gone, Verdict.RETRY)

    result = await command("dead", "replay", "--all", "--yes", "--json")

    *told, total = [orjson.loads(line) for line in result.out.splitlines()]
    assert [row["result"] for row in told] == ["live", "ready", "body_lost"]
    assert (told[1]["id"], told[1]["queue"]) == ("b", "tiles")
    assert total == {"replayed": 1, "left": 2, "dry_run": False}
    assert result.status == 1
    assert "2 of the dead letters were left as they are" in result.err


async def test_whoever_replays_stands_in_the_history(
    command: Command, queue: QueueUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bury(queue, "a", "b", "c")
    entry = (await queue.letter("a")).dead_entry
    monkeypatch.setenv("USER", "ada")

    await command("dead", "replay", "a")
    await command("dead", "replay", "b", "--by", "release 7", "--priority", "critical")
    monkeypatch.delenv("USER")
    await command("dead", "replay", "c")

    first, second, third = [await trace(queue, name) for name in "abc"]
    assert (first["by"], first["dead_entry"], first["cause"]) == ("ada", entry, "no use")
    assert "edited" not in first
    assert (second["by"], second["edited"]) == ("release 7", ["priority"])
    assert third["by"] == "unknown"
    shown = (await command("jobs", "show", "b")).out
    assert "by release 7, after: no use; edited: priority" in shown


async def test_a_job_gets_another_priority_and_more_attempts(
    command: Command, queue: QueueUnderTest
) -> None:
    await bury(queue, "a", "b")

    await command("dead", "replay", "--all", "--yes", "--priority", "255", "--attempts", "9")

    again = await queue.fetch()
    assert [each.attempts_max for each in again] == [9, 9]
    assert [each.token.level for each in again] == [Priority.CRITICAL.level] * 2
    for options in (["--priority", "soon"], ["--attempts", "0"]):
        assert (await command("dead", "replay", "x", *options)).status == 2


async def test_a_payload_is_edited_in_the_editor(
    command: Command, queue: QueueUnderTest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    editor = tmp_path / "editor.py"
    editor.write_text(
        "import pathlib, sys\n"
        "file = pathlib.Path(sys.argv[1])\n"
        "text = file.read_text()\n"
        "assert text.startswith('{\\n')\n"
        "file.write_text(text.replace('17', '18'))\n"
    )
    monkeypatch.setenv("EDITOR", f"{sys.executable} {editor}")
    monkeypatch.delenv("VISUAL", raising=False)
    await bury(queue, "a")

    result = await command("dead", "replay", "a", "--edit")

    assert result.status == 0
    assert (await queue.fetch_one()).payload == b'{"wheel":18}'
    assert (await trace(queue, "a"))["edited"] == ["payload"]


@pytest.mark.parametrize(
    ("editor", "words"),
    [
        ("true", "the payload was not changed"),
        ("false", "the editor ended with status 1"),
        ("/no/such/editor", "cannot start the editor '/no/such/editor'"),
        ("a 'b", "cannot start the editor"),
    ],
)
async def test_an_editor_that_changes_nothing_replays_nothing(
    command: Command,
    queue: QueueUnderTest,
    monkeypatch: pytest.MonkeyPatch,
    editor: str,
    words: str,
) -> None:
    monkeypatch.setenv("VISUAL", editor)
    await bury(queue, "a")

    result = await command("dead", "replay", "a", "--edit")

    assert (result.status, words in result.err, await left(queue)) == (1, True, "a")


async def test_a_payload_comes_from_a_file_or_the_input(
    command: Command, queue: QueueUnderTest, tmp_path: Path
) -> None:
    file = tmp_path / "payload.json"
    file.write_text('{ "wheel": 19 }\n')
    await bury(queue, "a", "b")

    await command("dead", "replay", "a", "--payload", str(file))
    await command("dead", "replay", "b", "--payload", "-", typed='{"wheel": 20}')

    payloads = [each.payload for each in await queue.fetch()]
    assert payloads == [b'{"wheel":19}', b'{"wheel":20}']


async def test_a_dry_run_shows_the_new_payload(command: Command, queue: QueueUnderTest) -> None:
    await bury(queue, "a")

    result = await command(
        "dead", "replay", "a", "--dry-run", "--payload", "-", typed='{"wheel": 20}'
    )

    assert 'with another payload\n  {"wheel":20}\n' in result.out
    assert await left(queue) == "a"


async def test_a_payload_that_does_not_fit_is_refused_before_anything_is_sent(
    command: Command, queue: QueueUnderTest, tmp_path: Path
) -> None:
    await bury(queue, "a", kind=RenderTile.kind)
    await bury(queue, "b")
    await bury(queue, "c", error="OSError")
    cases = [
        (["a", "--payload", "-"], '{"layer": 7}', "the payload does not fit 'tiles.render': "),
        (["b", "--payload", "-"], "no JSON", "the payload is no JSON"),
        (["b", "--payload", str(tmp_path / "none")], "", "cannot read"),
        (["b", "c", "--payload", "-"], "{}", "is for one dead letter, and several are meant"),
        (["--error", "KeyError", "--payload", "-"], "{}", "and none are meant"),
        (["b", "--payload", "-"], f'"{"x" * 2**20}"', "a payload may have 1048576 bytes"),
    ]

    for arguments, typed, words in cases:
        result = await command("dead", "replay", *arguments, typed=typed)
        assert (result.status, words in result.err) == (1, True), result

    twice = await command("dead", "replay", "b", "--edit", "--payload", "-")
    assert (twice.status, await left(queue)) == (2, "abc")


async def test_a_rate_is_kept_and_many_are_told_of(
    command: Command, queue: QueueUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("producers.cli.rerun.PROGRESS_S", 0.0)
    await bury(queue, "a", "b", "c")

    result = await command("dead", "replay", "--all", "--yes", "--rate", "100/s")

    assert result.out.splitlines()[-1] == "3 replayed"
    assert result.err == "1 of 3, 20ms left\n2 of 3, 10ms left\n3 of 3, 0ms left\n"
    assert (await command("dead", "replay", "--all", "--rate", "fast")).status == 1


@pytest.mark.parametrize("wanted", [LetterFilter(), LetterFilter(until_ms=2**52)])
async def test_a_job_that_dies_again_meanwhile_is_not_met_twice(
    queue: QueueUnderTest, wanted: LetterFilter
) -> None:
    """Or a replay of all would go on for as long as the reason lasts."""
    await bury(queue, "a", "b")
    choice = await choose(queue.server, "tiles", None, wanted)
    seen: list[str] = []

    async for found in choice.letters(queue.server):
        seen.append(found.letter.id)
        await queue.replay(found.letter)
        await queue.settle(await queue.fetch_one(), Verdict.DEAD, detail="again")

    assert seen == ["a", "b"]
    assert await left(queue) == "ab"
