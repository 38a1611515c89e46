"""`millstream dead`: looking at dead letters."""

import re
from typing import Any

import orjson
import pytest
from redis.asyncio import Redis

from streams.settle import Verdict
from tests.producers.cli.conftest import Command
from tests.producers.cli.letters import bury
from tests.support.queues import QueueUnderTest


def rows(said: str) -> list[dict[str, Any]]:
    """What stands on lines of JSON."""
    return [orjson.loads(line) for line in said.splitlines()]


async def test_nothing_is_dead(command: Command, queue: QueueUnderTest) -> None:
    await queue.open()

    assert (await command("dead", "list")).out == "There are no dead letters.\n"
    assert (await command("dead", "list", "--kind", "a")).out == "No dead letter fits.\n"
    assert (await command("dead", "groups")).out == "No dead letter fits, or there are none.\n"


async def test_the_list_has_the_newest_first_and_says_of_what_each_died(
    command: Command, queue: QueueUnderTest
) -> None:
    await bury(queue, "first", "second")
    await bury(queue, "third", error="OSError")

    out = (await command("dead", "list")).out

    assert "3 dead letters, of 3 in all" in out
    assert out.index(" third ") < out.index(" second ") < out.index(" first ")
    assert "OSError: broken" in out
    assert (await queue.letter("first")).fingerprint.digest in out


async def test_a_list_is_read_page_by_page_over_all_queues(
    command: Command, queue: QueueUnderTest, client: Redis
) -> None:
    other = QueueUnderTest(client, "video")
    await other.open()
    await bury(queue, *"abcde")
    await bury(other, "x", "y")
    seen: list[str] = []
    cursor: list[str] = []

    while len(seen) < 20:
        page = await command("dead", "list", "--json", "--limit", "2", *cursor)
        seen += [row["id"] for row in rows(page.out)]
        following = re.findall(r"next page: (--cursor) (\S+)", page.err)
        if not following:
            break
        cursor = list(following[0])

    assert "".join(seen) == "edcbayx"


async def test_a_page_says_how_to_go_on_and_costs_what_it_holds(
    command: Command, queue: QueueUnderTest, client: Redis
) -> None:
    await bury(queue, "a", "b", "c")
    before: Any = await client.info("commandstats")

    out = (await command("dead", "list", "tiles", "--limit", "1")).out

    after: Any = await client.info("commandstats")
    calls = [each.get("cmdstat_xrevrange", {"calls": 0})["calls"] for each in (before, after)]
    assert calls[1] - calls[0] == 1
    assert "1 dead letters, of 3 in all" in out
    assert f"Further back: --cursor tiles:0/{(await queue.letter('c')).dead_entry}" in out
    for cursor in ("1-1", "tiles:0/x", "video:0/1-1"):
        result = await command("dead", "list", "--cursor", cursor)
        assert (result.status, "is no place in this list" in result.err) == (1, True)


async def test_a_page_ends_where_enough_was_looked_at(
    command: Command, queue: QueueUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A filter that fits nothing must not read a million letters for one page."""
    monkeypatch.setattr("producers.cli.letters.SCANNED_MAX", 2)
    await bury(queue, "a", error="OSError")
    await bury(queue, "b", "c")

    page = await command("dead", "list", "--json", "--error", "OSError")
    cursor = page.err.split()[-1]
    rest = await command("dead", "list", "--json", "--error", "OSError", "--cursor", cursor)

    assert (page.out, [row["id"] for row in rows(rest.out)]) == ("", ["a"])
    shown = await command("dead", "list", "--error", "OSError")
    assert f"Further back: --cursor {cursor}" in shown.out


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        (["--kind", "test.echo"], ["a"]),
        (["--kind", "test.*"], ["c", "b", "a"]),
        (["--kind", "test.echo", "--kind", "test.other"], ["b", "a"]),
        (["--error", "OSError"], ["b"]),
        (["--cause", "poison"], ["c"]),
        (["--text", "wheel"], ["b", "a"]),
        (["--text", "SAILS"], ["c"]),
        (["--since", "1h"], ["c", "b", "a"]),
        (["--until", "1h"], []),
        (["--since", "2100-01-01"], []),
        (["--until", "2100-01-01T00:00Z"], ["c", "b", "a"]),
    ],
)
async def test_a_list_is_filtered(
    command: Command, queue: QueueUnderTest, options: list[str], ids: list[str]
) -> None:
    await bury(queue, "a")
    await bury(queue, "b", error="OSError", kind="test.other")
    await bury(queue, "c", cause="poison: killed", kind="test.mill", payload=b'"sails"')

    result = await command("dead", "list", "--json", *options)

    assert [row["id"] for row in rows(result.out)] == ids


async def test_groups_are_counted_by_what_their_letters_died_of(
    command: Command, queue: QueueUnderTest
) -> None:
    await bury(queue, "a", message="no shard 1")
    await bury(queue, "b", message="no shard 22")
    await bury(queue, "c", error="OSError")
    newest = await queue.letter("b")

    out = (await command("dead", "groups", "tiles")).out
    [shards, disk] = rows((await command("dead", "groups", "--json")).out)

    assert "3 dead letters in 2 groups" in out
    assert "ValueError: no shard <n> (no use)" in out
    assert f"millstream dead replay -f {newest.fingerprint.digest} --dry-run" in out
    assert (shards["count"], shards["example"]) == (2, newest.dead_entry)
    assert shards["first_ms"] <= shards["last_ms"] == newest.died_ms
    assert (disk["count"], disk["kind"], disk["queue"]) == (1, "test.echo", "tiles")
    members = await command("dead", "list", "--json", "--fingerprint", shards["fingerprint"])
    assert [row["id"] for row in rows(members.out)] == ["b", "a"]


async def test_groups_are_shown_the_largest_first_and_the_rest_is_named(
    command: Command, queue: QueueUnderTest
) -> None:
    await bury(queue, "a", kind="test.small")
    await bury(queue, "b", "c", kind="test.large")

    out = (await command("dead", "groups", "--limit", "1")).out

    assert "test.large" in out
    assert "test.small" not in out
    assert "The largest 1 of 2 groups" in out


async def test_json_carries_everything(command: Command, queue: QueueUnderTest) -> None:
    await bury(queue, "a")

    [letter] = rows((await command("dead", "list", "--json")).out)
    [shown] = rows((await command("dead", "show", "a", "--json")).out)

    assert letter == shown
    assert (letter["id"], letter["cause"], letter["payload"]) == ("a", "no use", {"wheel": 17})
    assert letter["history"][0]["traceback"] == "here"


async def test_show_tells_everything_by_job_or_by_letter(
    command: Command, queue: QueueUnderTest
) -> None:
    await bury(queue, "a")
    letter = await queue.letter("a")

    for name in ("a", letter.dead_entry):
        out = (await command("dead", "show", name)).out
        digest = letter.fingerprint.digest
        for part in (letter.dead_entry, "no use", "ValueError: broken", "  here", '"wheel": 17'):
            assert part in out
        assert f"{digest}  ValueError: broken (no use)" in out


async def test_show_finds_a_letter_in_any_queue_even_without_its_record(
    command: Command, queue: QueueUnderTest, client: Redis
) -> None:
    other = QueueUnderTest(client, "video")
    await other.open()
    await bury(queue, "a")
    await bury(other, "b")
    await client.delete(other.keys.job("b"))

    assert "queue" in (await command("dead", "show", "b")).out
    assert "video, normal" in (await command("dead", "show", "b")).out
    missing = await command("dead", "show", "b", "--queue", "tiles")
    assert missing.status == 1
    assert "there is no dead letter 'b' in the queue 'tiles'" in missing.err


async def test_a_payload_that_is_no_json_is_shown_harmlessly(
    command: Command, queue: QueueUnderTest
) -> None:
    await queue.add_raw({"kind": "test.echo", "payload": b"\xff\x1b[2J"})
    await queue.settle(await queue.fetch_one(), Verdict.DEAD, detail="no JSON")
    [letter] = await queue.letters()

    out = (await command("dead", "show", letter.dead_entry)).out

    assert r"\xff\x1b[2J" in out
