"""The examples of docs/dead-letters.md, in their order."""

import shlex
from pathlib import Path

import orjson
import pytest

from tests.producers.cli.conftest import Command
from tests.producers.cli.letters import bury
from tests.support.pages import blocks
from tests.support.queues import QueueUnderTest

PAGE = (Path(__file__).parents[3] / "docs" / "dead-letters.md").read_text()
EXAMPLES = [
    line.removeprefix("$ millstream ")
    for block in blocks(PAGE, "console")
    for line in block.splitlines()
]

#: What each example says, or a part of it.
SAYS = {
    "dead groups tiles": "4 dead letters in 2 groups",
    "dead list tiles --since 2h --error ShardError": "3 dead letters that fit, of 4 in all",
    "dead show tile-17": "ShardError: no shard 17",
    "dead replay --error ShardError --dry-run": "3 would be replayed; nothing was changed",
    "dead replay tile-17": "tile-17: runs again",
    "dead replay tile-18 --payload fixed.json --priority high --attempts 5 --by ada": "1 replayed",
    "dead replay --error ShardError --rate 50/s --limit 1000 --yes": "1 replayed",
    "dead export tiles letters.jsonl": "1 dead letters written to letters.jsonl",
    "dead purge --exported letters.jsonl --older-than 7d --yes": "0 deleted",
    "dead purge --kind tiles.render --older-than 30d --dry-run": "0 would be deleted",
}


@pytest.mark.leaves_jobs
async def test_the_examples_work_in_their_order(
    command: Command, queue: QueueUnderTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fixed.json").write_text('{"wheel": 18}')
    for number in (17, 18, 19):
        message = f"no shard {number} in '/data/{number}'"
        await bury(queue, f"tile-{number}", error="ShardError", message=message)
    await bury(queue, "other")

    assert list(SAYS) == EXAMPLES
    for example, words in SAYS.items():
        result = await command(*shlex.split(example))
        assert (result.status, words in result.out) == (0, True), result

    edited = await queue.look("tile-18")
    assert (edited.replayed_by, edited.attempts_max, edited.priority.value) == ("ada", 5, "high")
    assert orjson.loads((tmp_path / "letters.jsonl").read_text())["id"] == "other"
