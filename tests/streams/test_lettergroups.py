"""Letters counted by what they died of."""

import pytest

from streams.lettergroups import LetterGroups, grouped
from tests.support.letters import failed_row, letter


def test_letters_of_one_failure_are_one_group_with_its_time_and_its_newest_letter() -> None:
    letters = [
        letter("b", entry="20-0", died_ms=20, rows=[failed_row(message="no shard 2")]),
        letter("a", entry="10-0", died_ms=10, rows=[failed_row(message="no shard 1")]),
        letter("c", entry="30-0", died_ms=30, rows=[failed_row(message="no shard 33")]),
        letter("d", entry="40-0", died_ms=40, rows=[failed_row("KeyError")]),
    ]

    [shards, keys] = grouped("tiles", letters)

    assert (shards.count, shards.first_ms, shards.last_ms, shards.example) == (3, 10, 30, "30-0")
    assert (shards.queue, shards.kind) == ("tiles", "test.echo")
    assert shards.title == "ValueError: no shard <n> (attempts used up)"
    assert (keys.count, keys.example) == (1, "40-0")


def test_of_two_groups_of_one_size_the_one_that_grew_last_comes_first() -> None:
    old, new = letter(kind="a", died_ms=1), letter(kind="b", died_ms=2)

    assert [group.kind for group in grouped("q", [old, new])] == ["b", "a"]


def test_queues_are_told_apart() -> None:
    groups = LetterGroups()
    for queue in ("one", "two", "one"):
        groups.add(queue, letter())

    assert [(each.queue, each.count) for each in groups.largest_first()] == [("one", 2), ("two", 1)]
    assert groups.total == 3


def test_groups_without_end_are_one_group(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded, whatever messages say, and no letter is left out of the sum."""
    monkeypatch.setattr("streams.lettergroups.GROUPS_MAX", 3)
    kinds = [chr(97 + number % 26) for number in range(260)]

    groups = grouped("q", [letter(kind=kind) for kind in kinds])

    assert len(groups) == 4
    assert (groups[0].digest, groups[0].count, groups[0].kind) == ("other", 230, "")
    assert sum(group.count for group in groups) == 260
