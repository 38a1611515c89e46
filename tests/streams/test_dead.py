"""The stream of dead letters: read, found, deleted."""

from dataclasses import replace
from typing import Any

import orjson
import pytest

from streams.dead import (
    PAGE,
    count_letters,
    dead_letters,
    find_dead,
    last_letter,
    look_up_dead,
    purge,
    still_there,
)
from streams.errors import UnknownJobError
from streams.keys import Keys
from streams.letter import DeadLetter
from streams.priority import Priority
from streams.replay import Replayed
from streams.settle import Outcome, Verdict
from streams.state import State
from tests.support.queues import QueueUnderTest, job, row

pytestmark = pytest.mark.leaves_jobs


async def dead(queue: QueueUnderTest, name: str = "a", **options: Any) -> DeadLetter:
    """A job that died at its second attempt."""
    await queue.add(job(id=name, **options))
    await queue.settle(await queue.fetch_one(), Verdict.RETRY)
    await queue.promote()
    await queue.settle(await queue.fetch_one(), Verdict.DEAD, detail="attempts used up")
    return await queue.letter(name)


async def test_letters_come_oldest_first_over_many_pages(queue: QueueUnderTest) -> None:
    count = 2 * PAGE + 1
    for start in range(0, count, 100):
        await queue.add(*(job(id=str(n)) for n in range(start, min(start + 100, count))))
        held = await queue.fetch()
        await queue.settle_all([Outcome(each, Verdict.DEAD, "x", row(1)) for each in held])

    assert [letter.id for letter in await queue.letters()] == [str(n) for n in range(count)]


async def test_a_letter_is_found_by_its_own_id_and_the_newest_by_the_jobs(
    queue: QueueUnderTest,
) -> None:
    first = await dead(queue)
    await queue.client.delete(queue.keys.job("a"), queue.keys.history("a"))
    second = await dead(queue)

    assert await find_dead(queue.client, queue.keys, "a") == second
    assert await find_dead(queue.client, queue.keys, first.dead_entry) == first
    assert await find_dead(queue.client, queue.keys, "nobody") is None


async def test_the_last_error_is_that_of_the_last_attempt_that_has_one(
    queue: QueueUnderTest,
) -> None:
    await queue.add(job(id="a"))
    failed = orjson.dumps({"attempt": 1, "error": "ValueError", "message": "no such layer"})
    await queue.settle(await queue.fetch_one(), Verdict.RETRY, attempt=failed)
    await queue.promote()
    await queue.lapse(await queue.fetch_one())
    [again] = (await queue.claim("two")).deliveries
    await queue.settle(again, Verdict.DEAD, detail="x", attempt=b'{"outcome": "released"}')

    letter = await queue.letter("a")
    assert [each.get("outcome") for each in letter.history] == [None, "lost", "released"]
    assert letter.last_error == "ValueError: no such layer"


async def test_a_purged_letter_is_gone_with_its_record(queue: QueueUnderTest) -> None:
    one, other = await dead(queue, "a"), await dead(queue, "b")

    assert await purge(queue.server, queue.keys, [one]) == 1

    assert await queue.letters() == [other]
    with pytest.raises(UnknownJobError):
        await queue.look("a")
    assert await queue.client.exists(queue.keys.history("a")) == 0
    assert (await queue.look("b")).state is State.DEAD
    assert await queue.counter("purged") == 1
    assert await purge(queue.server, queue.keys, [one]) == 0


async def test_a_purge_leaves_the_record_of_a_job_that_lives_again(queue: QueueUnderTest) -> None:
    letter = await dead(queue)
    await queue.client.delete(queue.keys.job("a"))
    await queue.add(job(id="a"))

    assert await purge(queue.server, queue.keys, [letter]) == 1
    assert (await queue.look("a")).state is State.READY


async def test_a_purge_of_an_older_letter_leaves_the_record_of_the_newer(
    queue: QueueUnderTest,
) -> None:
    first = await dead(queue)
    await queue.client.delete(queue.keys.job("a"))
    second = await dead(queue)

    assert await purge(queue.server, queue.keys, [first]) == 1
    assert (await queue.look("a")).dead_entry == second.dead_entry


async def test_a_purge_has_a_bound_and_nothing_is_a_call_too(queue: QueueUnderTest) -> None:
    letter = await dead(queue)

    assert await purge(queue.server, queue.keys, []) == 0
    nowhere = replace(letter, dead_entry="1-1")
    assert await purge(queue.server, queue.keys, [nowhere]) == 0
    assert not await queue.client.hexists(queue.keys.counters, "purged")
    with pytest.raises(ValueError, match="one call takes 100 dead letters, got 101"):
        await purge(queue.server, queue.keys, [letter] * (PAGE + 1))


async def test_fields_that_a_sender_names_like_those_of_a_letter_cannot_forge_it(
    queue: QueueUnderTest,
) -> None:
    await queue.add_raw(
        {
            "kind": "a",
            "payload": "{}",
            "id": "a",
            "history": "no json",
            "cause": "none",
            "died_ms": "never",
            "losses": "many",
            "priority": "top",
            "entry": "1-1",
        }
    )
    delivery = await queue.fetch_one()
    await queue.settle(delivery, Verdict.DEAD, detail="malformed entry")

    letter = await queue.letter("a")
    assert (letter.cause, letter.losses, letter.priority) == (
        "malformed entry",
        0,
        Priority.NORMAL,
    )
    assert letter.fields["entry"].decode() == delivery.token.entry
    assert len(letter.history) == 1
    assert await queue.replay(letter) is Replayed.READY


async def test_letters_are_read_from_both_ends_and_between_two_places(
    queue: QueueUnderTest,
) -> None:
    entries = [(await dead(queue, name)).dead_entry for name in "abcd"]

    async def ids(**bounds: Any) -> list[str]:
        return [each.id async for each in dead_letters(queue.client, queue.keys, **bounds)]

    assert await ids(newest_first=True) == ["d", "c", "b", "a"]
    assert await ids(first=f"({entries[0]}", last=entries[2]) == ["b", "c"]
    assert await ids(last=f"({entries[2]}", newest_first=True) == ["b", "a"]
    assert await last_letter(queue.client, queue.keys) == entries[3]
    assert await last_letter(queue.client, Keys("empty")) == ""


async def test_pages_of_large_letters_are_small(
    queue: QueueUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page is held in memory; what it holds is bounded by its bytes as well."""
    monkeypatch.setattr("streams.dead.PAGE", 3)
    monkeypatch.setattr("streams.dead.PAGE_BYTES", 3_000)
    for name in "abcdefgh":
        await dead(queue, name, payload=b"x" * 2_000)
    before: Any = await queue.client.info("commandstats")

    assert "".join([each.id for each in await queue.letters()]) == "abcdefgh"

    after: Any = await queue.client.info("commandstats")
    calls = [stats["cmdstat_xrange"]["calls"] for stats in (before, after)]
    # Three at once, then one at a time, and the last page, which is empty.
    assert calls[1] - calls[0] == 1 + 5 + 1


async def test_a_letter_whose_record_is_there_is_found_without_a_search(
    queue: QueueUnderTest,
) -> None:
    letter = await dead(queue)

    assert await look_up_dead(queue.client, queue.keys, "a") == letter
    await queue.client.delete(queue.keys.job("a"))
    assert await look_up_dead(queue.client, queue.keys, "a") is None
    assert await find_dead(queue.client, queue.keys, "a") == letter


async def test_a_letter_that_somebody_wrote_by_hand_hides_no_other(queue: QueueUnderTest) -> None:
    await queue.client.xadd(
        queue.keys.dead,
        {"died_ms": "soon", "history": "[1, {", "losses": b"\xff", "priority": "no"},
    )
    await queue.client.xadd(queue.keys.dead, {"history": "[1, {}]"})
    await dead(queue)

    first, second, third = await queue.letters()
    assert (first.history, first.losses, first.priority) == ((), 0, Priority.NORMAL)
    assert first.died_ms == int(first.dead_entry.partition("-")[0])
    assert (second.history, third.id) == (({},), "a")
    assert await purge(queue.server, queue.keys, [first, second]) == 2


async def test_it_is_known_which_letters_are_still_there(queue: QueueUnderTest) -> None:
    one, other = await dead(queue, "a"), await dead(queue, "b")
    await purge(queue.server, queue.keys, [one])

    assert await still_there(queue.client, queue.keys, [one, other]) == 1
    assert await count_letters(queue.client, queue.keys) == 1
