"""Dead letters: read, run again, deleted."""

from typing import Any

import orjson
import pytest

from streams.dead import PAGE, DeadLetter, Replayed, find_dead, purge
from streams.errors import UnknownJobError
from streams.priority import LEVELS, Priority
from streams.settle import Outcome, Settled, Verdict
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


@pytest.mark.parametrize("priority", LEVELS)
async def test_a_replayed_job_starts_from_its_first_attempt_where_it_was(
    queue: QueueUnderTest, priority: Priority
) -> None:
    letter = await dead(queue, payload=b"\x00\xff", meta={"a": 1}, priority=priority)

    assert await queue.replay(letter) is Replayed.READY

    again = await queue.fetch_one()
    assert (again.id, again.payload, again.meta) == ("a", b"\x00\xff", {"a": 1})
    assert (again.attempt, again.token.level, again.flaw) == (1, priority.level, "")
    assert again.epoch > 1
    assert await queue.letters() == []
    assert await queue.counter("replayed") == 1


async def test_what_a_letter_says_of_a_death_is_not_sent_to_the_next_handler(
    queue: QueueUnderTest,
) -> None:
    """The entry has the fields that it was sent with, and the counts of Millstream."""
    await queue.add(job(id="a"))
    first: Any = await queue.client.xrange(queue.keys.stream(Priority.NORMAL))
    await queue.settle(await queue.fetch_one(), Verdict.DEAD, detail="x")

    await queue.replay(await queue.letter("a"))

    second: Any = await queue.client.xrange(queue.keys.stream(Priority.NORMAL))
    assert set(second[0][1]) == set(first[0][1])


async def test_a_replayed_job_is_live_and_its_record_says_so(queue: QueueUnderTest) -> None:
    letter = await dead(queue)
    before = await queue.look("a")

    await queue.replay(letter)

    view = await queue.look("a")
    assert (view.state, view.attempt, view.losses, view.replays) == (State.READY, 1, 0, 1)
    assert (view.cause, view.dead_entry, view.ended_ms) == ("", "", None)
    assert view.history == before.history == letter.history
    assert await queue.client.ttl(queue.keys.job("a")) == -1
    assert await queue.client.ttl(queue.keys.history("a")) == -1


async def test_the_history_grows_on_after_a_replay(queue: QueueUnderTest) -> None:
    await queue.replay(await dead(queue))

    await queue.settle(await queue.fetch_one(), Verdict.DEAD, detail="again", attempt=row(3))

    letter = await queue.letter("a")
    assert [each["attempt"] for each in letter.history] == [1, 2, 3]


async def test_a_letter_brings_its_history_back_when_everything_beside_it_has_expired(
    queue: QueueUnderTest,
) -> None:
    """Records live for weeks, letters until somebody looks at them."""
    letter = await dead(queue)
    await queue.client.delete(queue.keys.job("a"), queue.keys.history("a"))

    assert await queue.replay(letter) is Replayed.READY

    view = await queue.look("a")
    assert view.history == letter.history
    assert (view.state, view.kind, view.priority) == (State.READY, "test.echo", Priority.NORMAL)


async def test_a_long_history_comes_back_within_its_bound(queue: QueueUnderTest) -> None:
    await queue.add(job(id="a", attempts_max=1000))
    for number in range(1, 61):
        await queue.settle(await queue.fetch_one(), Verdict.RETRY, attempt=row(number))
        await queue.promote()
    await queue.settle(await queue.fetch_one(), Verdict.DEAD, detail="x", attempt=row(61))
    kept = (await queue.look("a")).history
    await queue.client.delete(queue.keys.job("a"), queue.keys.history("a"))

    await queue.replay(await queue.letter("a"))

    view = await queue.look("a")
    assert view.history == kept
    assert len(view.history) == 50


async def test_a_job_that_lives_is_not_started_twice(queue: QueueUnderTest) -> None:
    letter = await dead(queue)
    await queue.client.delete(queue.keys.job("a"))
    await queue.add(job(id="a"))
    before = await queue.contents()

    assert await queue.replay(letter) is Replayed.LIVE

    assert await queue.contents() == before
    await queue.fetch_one()
    assert await queue.replay(letter) is Replayed.LIVE


async def test_a_letter_is_replayed_once(queue: QueueUnderTest) -> None:
    letter = await dead(queue)
    await queue.replay(letter)
    before = await queue.contents()

    assert await queue.replay(letter) is Replayed.UNKNOWN
    assert await queue.contents() == before


async def test_a_letter_of_another_job_is_not_replayed_under_this_ones_name(
    queue: QueueUnderTest,
) -> None:
    one, other = await dead(queue, "a"), await dead(queue, "b")
    mixed = DeadLetter(
        one.dead_entry,
        other.id,
        one.kind,
        one.payload,
        one.priority,
        one.cause,
        one.died_ms,
        one.losses,
        one.history,
        one.fields,
    )

    assert await queue.replay(mixed) is Replayed.UNKNOWN


async def test_a_stale_outcome_from_before_the_death_does_not_touch_the_replayed_job(
    queue: QueueUnderTest,
) -> None:
    await queue.add(job(id="a"))
    zombie = await queue.fetch_one()
    await queue.settle(zombie, Verdict.DEAD, detail="x")
    await queue.replay(await queue.letter("a"))

    assert await queue.settle(zombie, Verdict.COMPLETED) is Settled.LOST
    assert (await queue.look("a")).state is State.READY


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
    await queue.claim("two", losses_max=0)

    letter = await queue.letter("a")
    assert [each.get("outcome") for each in letter.history] == [None, "lost"]
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
