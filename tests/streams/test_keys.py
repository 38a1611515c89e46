"""The names of all keys, and the page that lists them."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.errors import InvalidJobError
from streams.keys import Keys
from streams.priority import LEVELS

PAGE = Path(__file__).parents[2] / "docs" / "keys.md"

#: A key in the first column of a table: `millstream:{queue:partition}:name`.
_KEY_CELL = re.compile(r"^\| `millstream:\{queue:partition\}:([^`]+)` \|", re.MULTILINE)

#: The members of `Keys` that are a key, and those that make one of a name.
SINGLE = (
    *("delayed", "wake", "dead", "cancel", "events", "watchers", "counters", "stats", "workers"),
    *("gate", "schedules"),
)
NAMED = ("job", "body", "history", "unique", "schedule")


def names_of_class() -> set[str]:
    """What comes behind the hash tag, for every public member of `Keys` that makes a key."""
    keys = Keys("queue", 7)
    made = [
        *keys.streams.values(),
        *(keys.stream(level) for level in LEVELS),
        *(getattr(keys, name) for name in SINGLE),
        *(getattr(keys, name)("<x>") for name in NAMED),
    ]
    assert all(key.startswith("millstream:{queue:7}:") for key in made)
    return {key.partition("}:")[2] for key in made}


def test_the_page_lists_every_key_and_no_other() -> None:
    listed = {re.sub(r"<[^>]+>", "<x>", name) for name in _KEY_CELL.findall(PAGE.read_text())}

    assert listed == names_of_class()


def test_every_member_that_makes_a_key_is_known_to_this_test() -> None:
    public = {name for name in vars(Keys) if not name.startswith("_")} - {"queue", "partition"}

    assert public == {
        *("stream", "streams"),
        *SINGLE,
        *NAMED,
    }


@given(
    queue=st.from_regex(r"[a-z][a-z0-9_-]{0,62}", fullmatch=True),
    partition=st.integers(0, 10_000),
    job_id=st.from_regex(r"[!-~]{1,200}", fullmatch=True),
)
def test_all_keys_of_a_partition_share_one_hash_tag_whatever_the_id(
    queue: str, partition: int, job_id: str
) -> None:
    """Redis Cluster takes the text between the first brace and the next closing one."""
    keys = Keys(queue, partition)

    for key in (keys.dead, keys.job(job_id), keys.unique(job_id), *keys.streams.values()):
        assert key.partition("{")[2].partition("}")[0] == f"{queue}:{partition}"


@given(
    one=st.tuples(st.sampled_from(NAMED), st.text("a:}", min_size=1)),
    other=st.tuples(st.sampled_from(NAMED), st.text("a:}", min_size=1)),
)
def test_no_two_ids_share_a_key(one: tuple[str, str], other: tuple[str, str]) -> None:
    keys = Keys("queue")

    same = getattr(keys, one[0])(one[1]) == getattr(keys, other[0])(other[1])

    assert same == (one == other)


@pytest.mark.parametrize(
    "name", ["", "Tiles", "1tiles", "ti les", "tiles\n", "tiles}", "a:0", "t" * 64, "ümlaut", "*"]
)
def test_a_name_that_would_break_the_keys_is_refused(name: str) -> None:
    with pytest.raises(InvalidJobError, match="a queue's name has 1 to 63 characters"):
        Keys(name)


def test_a_negative_partition_is_refused() -> None:
    with pytest.raises(InvalidJobError, match="starts at 0, got -1"):
        Keys("tiles", -1)


def test_the_streams_come_in_the_order_of_urgency() -> None:
    assert list(Keys("tiles").streams.items()) == [
        (name, f"millstream:{{tiles:0}}:{name}") for name in ("critical", "high", "normal", "low")
    ]
