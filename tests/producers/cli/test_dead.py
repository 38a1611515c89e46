"""`millstream dead`: looking at dead letters, replaying and purging them."""

import orjson
import pytest
from redis.asyncio import Redis

from streams.settle import Verdict
from streams.state import State
from tests.producers.cli.conftest import Command
from tests.support.queues import QueueUnderTest, job


async def bury(
    queue: QueueUnderTest, *ids: str, error: str = "ValueError", kind: str = "test.echo"
) -> None:
    """Jobs that have died, in this order."""
    for job_id in ids:
        await queue.add(job(id=job_id, kind=kind, payload=b'{"wheel": 17}'))
        row = orjson.dumps(
            {
                "attempt": 1,
                "outcome": "error",
                "error": error,
                "message": "broken",
                "traceback": "here",
            }
        )
        await queue.settle(await queue.fetch_one(), Verdict.DEAD, detail="no use", attempt=row)


async def test_nothing_is_dead(command: Command, queue: QueueUnderTest) -> None:
    await queue.open()

    assert (await command("dead", "list")).out == "There are no dead letters.\n"


async def test_the_list_is_grouped_by_kind_and_error(
    command: Command, queue: QueueUnderTest
) -> None:
    await bury(queue, "a", "b")
    await bury(queue, "c", error="OSError")
    await bury(queue, "d", kind="test.other")

    result = await command("dead", "list")

    assert "2 x test.echo, ValueError (queue tiles)" in result.out
    assert "1 x test.echo, OSError (queue tiles)" in result.out
    assert "1 x test.other, ValueError (queue tiles)" in result.out
    assert "OSError: broken" in result.out


async def test_the_list_is_bounded_and_says_so(command: Command, queue: QueueUnderTest) -> None:
    await bury(queue, "old", "new")

    result = await command("dead", "list", "--limit", "1")

    assert " new " in result.out
    assert " old " not in result.out
    assert "The newest 1 of 2" in result.out


async def test_json_carries_everything(command: Command, queue: QueueUnderTest) -> None:
    await bury(queue, "a")

    [letter] = orjson.loads((await command("dead", "list", "--json")).out)

    assert (letter["id"], letter["cause"], letter["payload"]) == ("a", "no use", {"wheel": 17})
    assert letter["history"][0]["traceback"] == "here"


async def test_show_tells_everything_by_job_or_by_letter(
    command: Command, queue: QueueUnderTest
) -> None:
    await bury(queue, "a")
    letter = await queue.letter("a")

    for name in ("a", letter.dead_entry):
        out = (await command("dead", "show", name)).out
        for part in (letter.dead_entry, "no use", "ValueError: broken", "  here", '"wheel": 17'):
            assert part in out


async def test_a_payload_that_is_no_json_is_shown_harmlessly(
    command: Command, queue: QueueUnderTest
) -> None:
    await queue.add_raw({"kind": "test.echo", "payload": b"\xff\x1b[2J"})
    await queue.settle(await queue.fetch_one(), Verdict.DEAD, detail="no JSON")
    [letter] = await queue.letters()

    out = (await command("dead", "show", letter.dead_entry)).out

    assert r"\xff\x1b[2J" in out


@pytest.mark.leaves_jobs
async def test_a_replayed_job_runs_again_and_keeps_its_history(
    command: Command, queue: QueueUnderTest
) -> None:
    await bury(queue, "a", "b")

    result = await command("dead", "replay", "a")

    view = await queue.look("a")
    assert (result.status, result.out) == (0, "a: runs again\n1 replayed\n")
    assert (view.state, view.replays, len(view.history)) == (State.READY, 1, 1)
    assert [letter.id for letter in await queue.letters()] == ["b"]


@pytest.mark.leaves_jobs
async def test_all_are_replayed(command: Command, queue: QueueUnderTest) -> None:
    await bury(queue, "a", "b", "c")

    result = await command("dead", "replay", "--all")

    assert (result.status, result.out.splitlines()[-1]) == (0, "3 replayed")
    assert await queue.letters() == []
    assert len(await queue.fetch()) == 3


async def test_one_unknown_name_and_nothing_is_replayed(
    command: Command, queue: QueueUnderTest
) -> None:
    await bury(queue, "a")

    result = await command("dead", "replay", "a", "nobody")

    assert result.status == 1
    assert "there is no dead letter 'nobody' in any queue" in result.err
    assert len(await queue.letters()) == 1


@pytest.mark.leaves_jobs
async def test_a_job_that_lives_again_is_left_alone_and_reported(
    command: Command, queue: QueueUnderTest
) -> None:
    await bury(queue, "a")
    letter = await queue.letter("a")
    await queue.client.hset(queue.keys.job("a"), "state", "ready")

    result = await command("dead", "replay", letter.dead_entry)

    assert result.status == 1
    assert "a: left alone: a job with this id lives already" in result.out
    assert "1 of the dead letters were not replayed" in result.err


async def test_purge_asks_first(command: Command, queue: QueueUnderTest) -> None:
    await bury(queue, "a", "b")

    for answer in ("n\n", ""):
        result = await command("dead", "purge", "--all", typed=answer)
        assert "Delete 2 dead letters for good?" in result.out
        assert (result.status, result.err) == (1, "millstream: nothing was changed\n")
        assert len(await queue.letters()) == 2

    result = await command("dead", "purge", "a", typed="y\n")
    assert result.out.endswith("1 deleted\n")
    assert [letter.id for letter in await queue.letters()] == ["b"]


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
    assert [letter.id for letter in await queue.letters()] == ["a"]
