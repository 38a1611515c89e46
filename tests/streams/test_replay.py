"""Dead jobs that run again: where they were, edited, and with a trace of who did so."""

from dataclasses import replace
from typing import Any

import pytest

from streams.errors import InvalidJobError
from streams.job import ATTEMPTS_MAX, PAYLOAD_BYTES_MAX
from streams.letter import DeadLetter
from streams.priority import LEVELS, Priority
from streams.replay import FORESEEN_MAX, Edit, Replayed, foresee_replay, replay
from streams.settle import Settled, Verdict
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
    """The entry has the fields that it was sent with, its arrival, and Millstream's counts."""
    await queue.add(job(id="a"))
    first: Any = await queue.client.xrange(queue.keys.stream(Priority.NORMAL))
    await queue.settle(await queue.fetch_one(), Verdict.DEAD, detail="x")

    await queue.replay(await queue.letter("a"))

    second: Any = await queue.client.xrange(queue.keys.stream(Priority.NORMAL))
    assert set(second[0][1]) == {*first[0][1], b"enqueued_ms", b"attempt", b"epoch"}
    arrived_ms, _, _ = first[0][0].partition(b"-")
    assert second[0][1][b"enqueued_ms"] == arrived_ms


async def test_a_replayed_job_is_live_and_its_record_says_so(queue: QueueUnderTest) -> None:
    letter = await dead(queue)
    before = await queue.look("a")

    await queue.replay(letter)

    view = await queue.look("a")
    assert (view.state, view.attempt, view.losses, view.replays) == (State.READY, 1, 0, 1)
    assert (view.cause, view.dead_entry, view.ended_ms) == ("", "", None)
    assert view.history[:-1] == before.history == letter.history
    assert view.history[-1]["outcome"] == "replayed"
    assert await queue.client.ttl(queue.keys.job("a")) == -1
    assert await queue.client.ttl(queue.keys.history("a")) == -1


async def test_nothing_is_left_of_another_job_that_has_ended_under_its_name(
    queue: QueueUnderTest,
) -> None:
    letter = await dead(queue)
    await queue.client.delete(queue.keys.job("a"))
    await queue.add(job(id="a"))
    await queue.settle(await queue.fetch_one(), Verdict.COMPLETED, detail=b"17")
    assert (await queue.look("a")).result == 17

    assert await queue.replay(letter) is Replayed.READY

    view = await queue.look("a")
    assert (view.state, view.result, view.ended_ms) == (State.READY, None, None)


async def test_the_history_grows_on_after_a_replay(queue: QueueUnderTest) -> None:
    await queue.replay(await dead(queue))

    await queue.settle(await queue.fetch_one(), Verdict.DEAD, detail="again", attempt=row(3))

    letter = await queue.letter("a")
    assert [each.get("attempt") for each in letter.history] == [1, 2, None, 3]


async def test_a_letter_brings_its_history_back_when_everything_beside_it_has_expired(
    queue: QueueUnderTest,
) -> None:
    """Records live for weeks, letters until somebody looks at them."""
    letter = await dead(queue)
    await queue.client.delete(queue.keys.job("a"), queue.keys.history("a"))

    assert await queue.replay(letter) is Replayed.READY

    view = await queue.look("a")
    assert view.history[:-1] == letter.history
    assert (view.state, view.kind, view.priority) == (State.READY, "test.echo", Priority.NORMAL)
    assert (await queue.record("a"))["id"] == "a"


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
    assert view.history[:10] == kept[:10]
    assert view.history[10:-1] == kept[11:]
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


async def test_a_replay_says_who_when_from_which_letter_and_after_what(
    queue: QueueUnderTest,
) -> None:
    letter = await dead(queue)

    await replay(queue.server, queue.keys, letter, by="Zoë", host="desk-1")

    view = await queue.look("a")
    trace = view.history[-1]
    assert trace == {
        "outcome": "replayed",
        "by": "Zoë",
        "host": "desk-1",
        "dead_entry": letter.dead_entry,
        "cause": "attempts used up",
        "ended_ms": trace["ended_ms"],
    }
    assert int(str(trace["ended_ms"])) >= letter.died_ms
    assert (view.replayed_by, view.replayed_from) == ("Zoë", letter.dead_entry)
    assert view.replayed_ms == trace["ended_ms"]


async def test_an_edited_job_runs_as_edited_and_its_history_says_what_was_changed(
    queue: QueueUnderTest,
) -> None:
    letter = await dead(queue, payload=b'{"wheel": 17}', meta={"a": 1})
    edit = Edit(payload=b'{"wheel": 18}', priority=Priority.CRITICAL, attempts_max=7)

    assert await replay(queue.server, queue.keys, letter, edit=edit) is Replayed.READY

    view, again = await queue.look("a"), await queue.fetch_one()
    assert (again.payload, again.attempts_max, again.meta) == (b'{"wheel": 18}', 7, {"a": 1})
    assert again.token.level == Priority.CRITICAL.level
    assert (view.attempts_max, view.priority) == (7, Priority.CRITICAL)
    assert view.history[-1]["edited"] == ["payload", "priority", "attempts"]


async def test_what_is_not_edited_stays_as_it_was(queue: QueueUnderTest) -> None:
    letter = await dead(queue, payload=b"[1]", attempts_max=9, priority=Priority.LOW)

    await replay(queue.server, queue.keys, letter, edit=Edit(payload=b""))

    again = await queue.fetch_one()
    assert (again.payload, again.attempts_max, again.token.level) == (b"", 9, 4)
    assert (await queue.look("a")).history[-1]["edited"] == ["payload"]


@pytest.mark.parametrize("attempts", [0, ATTEMPTS_MAX + 1])
def test_an_edit_keeps_the_limits_of_a_job(attempts: int) -> None:
    with pytest.raises(InvalidJobError, match="attempts is 1 to 1000"):
        Edit(attempts_max=attempts)
    with pytest.raises(InvalidJobError, match="a payload may have 1048576 bytes"):
        Edit(payload=b"x" * (PAYLOAD_BYTES_MAX + 1))


@pytest.mark.parametrize("name", ["x" * 101, "two\nlines", "\x1b[2J"])
async def test_a_name_that_would_spoil_a_history_is_refused(
    queue: QueueUnderTest, name: str
) -> None:
    letter = await dead(queue)

    with pytest.raises(InvalidJobError, match="up to 100 printable characters"):
        await replay(queue.server, queue.keys, letter, by=name)


async def test_a_cause_that_is_no_text_does_not_spoil_the_history(queue: QueueUnderTest) -> None:
    letter = await dead(queue)

    await replay(queue.server, queue.keys, replace(letter, cause='\ufffd " \n' * 100))

    assert len(str((await queue.look("a")).history[-1]["cause"])) == 200


async def test_a_replayed_job_takes_its_unique_slot_again(queue: QueueUnderTest) -> None:
    letter = await dead(queue, unique="slot")

    await queue.replay(letter)

    assert await queue.client.get(queue.keys.unique("slot")) == b"a"
    await queue.settle(await queue.fetch_one(), Verdict.COMPLETED)
    assert await queue.client.exists(queue.keys.unique("slot")) == 0


async def test_a_job_is_not_replayed_beside_one_that_holds_its_unique_key(
    queue: QueueUnderTest,
) -> None:
    letter = await dead(queue, unique="slot")
    await queue.add(job(id="b", unique="slot"))
    before = await queue.contents()

    assert await queue.replay(letter) is Replayed.TAKEN

    assert await queue.contents() == before
    await queue.settle(await queue.fetch_one(), Verdict.COMPLETED)
    assert await queue.replay(letter) is Replayed.READY


async def test_what_a_replay_would_do_is_known_before(queue: QueueUnderTest) -> None:
    fine = await dead(queue, "fine")
    live = await dead(queue, "live")
    await queue.client.delete(queue.keys.job("live"))
    await queue.add(job(id="live"))
    taken = await dead(queue, "taken", unique="slot")
    await queue.add(job(id="holder", unique="slot"))
    await queue.add(job(id="gone", priority=Priority.CRITICAL))
    gone = await queue.fetch_one()
    await queue.client.xdel(queue.stream(gone.token), gone.token.entry)
    await queue.settle(gone, Verdict.RETRY)
    lost = await queue.letter("gone")
    before = await queue.contents()
    letters = [fine, live, taken, lost]
    expected = [Replayed.READY, Replayed.LIVE, Replayed.TAKEN, Replayed.BODY_LOST]

    assert await foresee_replay(queue.client, queue.keys, letters) == expected

    assert await queue.contents() == before
    assert [await queue.replay(letter) for letter in letters] == expected
    with pytest.raises(ValueError, match="one call takes 100 dead letters, got 101"):
        await foresee_replay(queue.client, queue.keys, [fine] * (FORESEEN_MAX + 1))


@pytest.mark.parametrize("fields", [{"kind": "test.echo"}, {"payload": "{}"}])
async def test_a_malformed_job_is_replayed_as_it_was_sent(
    queue: QueueUnderTest, fields: dict[str, str]
) -> None:
    """It will die again; but something is there, and an edit may mend it."""
    await queue.add_raw({"id": "a", **fields})
    await queue.settle(await queue.fetch_one(), Verdict.DEAD, detail="malformed entry")
    letter = await queue.letter("a")

    assert await foresee_replay(queue.client, queue.keys, [letter]) == [Replayed.READY]
    assert await queue.replay(letter) is Replayed.READY

    again = await queue.fetch_one()
    assert "is missing" in again.flaw


async def test_no_count_of_the_run_that_died_goes_with_the_next(queue: QueueUnderTest) -> None:
    await queue.add(job(id="a"))
    await queue.settle(await queue.fetch_one(), Verdict.SNOOZED)
    await queue.promote()
    await queue.settle(await queue.fetch_one(), Verdict.RETRY)
    await queue.promote()
    await queue.settle(await queue.fetch_one(), Verdict.DEAD, detail="x")

    await queue.replay(await queue.letter("a"))

    again = await queue.fetch_one()
    assert (again.snoozes, again.attempt, again.losses) == (0, 1, 0)


@pytest.mark.parametrize("expired", [False, True])
async def test_the_record_counts_anew_whether_it_has_expired_or_not(
    queue: QueueUnderTest, *, expired: bool
) -> None:
    letter = await dead(queue, unique="slot")
    await queue.client.hset(queue.keys.job("a"), mapping={"losses": 4, "solo": 2})
    if expired:
        await queue.client.delete(queue.keys.job("a"))

    await queue.replay(letter)

    record = await queue.record("a")
    assert {name: record[name] for name in ("attempt", "losses", "solo", "unique")} == {
        "attempt": "1",
        "losses": "0",
        "solo": "0",
        "unique": "slot",
    }
