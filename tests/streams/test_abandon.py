"""Giving up what a consumer has: handed back at once, and charged only where it died."""

import pytest

from streams.abandon import Abandoned, abandon, owned_rows
from streams.job import ALONE_LOSSES_MAX, SUSPECT_LOSSES
from streams.keys import NOBODY, NOBODY_SUSPECT
from streams.priority import LEVELS, Priority
from streams.progress import note_progress
from streams.settle import Settled, Verdict
from streams.state import State
from tests.support.queues import RETENTION, QueueUnderTest, job

pytestmark = pytest.mark.leaves_jobs

KILLED = "killed by SIGKILL"


async def test_what_a_consumer_has_is_listed_without_waiting_and_nobody_elses(
    queue: QueueUnderTest,
) -> None:
    await queue.add(*(job(id=level.value, priority=level) for level in LEVELS))
    mine = await queue.fetch("one", slots=3)
    [other] = await queue.fetch("two")

    rows = await owned_rows(queue.server, queue.keys, "one")

    assert [(row.level, row.entry, row.id) for row in rows] == [
        (each.token.level, each.token.entry, each.id) for each in mine
    ]
    assert {row.owner for row in rows} == {"one"}
    assert other.id not in {row.id for row in rows}
    assert await owned_rows(queue.server, queue.keys, "nobody") == []


async def test_a_long_list_is_followed_to_its_end_and_given_up_in_steps(
    queue: QueueUnderTest,
) -> None:
    for start in range(0, 230, 100):
        await queue.add(*(job(id=str(n)) for n in range(start, min(230, start + 100))))
    for _ in range(3):
        await queue.fetch("one")

    abandoned = await queue.abandon("one", cause=KILLED)

    assert len(abandoned.handed_back) == 230
    assert {owner for _, owner, _ in await queue.pending()} == {NOBODY}
    assert await queue.counter("lost") == await queue.counter("abandoned") == 230


async def test_an_orphan_is_free_and_deliverable_at_once(queue: QueueUnderTest) -> None:
    """The answer to a read was lost: nobody has started it, and nobody died."""
    await queue.add(job(id="a"))
    orphan = await queue.fetch_one("one")

    abandoned = await queue.abandon("one")

    view = await queue.look("a")
    assert [each.id for each in abandoned.handed_back] == ["a"]
    assert (view.state, view.attempt, view.losses, view.released) == (State.READY, 1, 0, 0)
    assert view.history == ()
    assert await queue.counter("abandoned") == 1
    assert not await queue.client.hexists(queue.keys.counters, "lost")
    assert await queue.settle(orphan, Verdict.COMPLETED) is Settled.LOST
    again = await queue.fetch_one("two")
    assert (again.id, again.token.deliveries) == ("a", 2)
    assert again.fence > orphan.fence


async def test_a_process_that_was_seen_to_die_is_a_loss_with_its_cause(
    queue: QueueUnderTest,
) -> None:
    await queue.add(job(id="a"))
    await queue.fetch_one("one")

    await queue.abandon("one", cause=KILLED)

    view = await queue.look("a")
    [loss] = view.history
    assert (view.state, view.attempt, view.losses, view.solo) == (State.READY, 1, 1, 0)
    assert (loss["outcome"], loss["consumer"], loss["reason"]) == ("lost", "one", KILLED)
    assert loss["ended_ms"]
    assert await queue.counter("lost") == 1
    assert (await queue.fetch_one("two")).id == "a"


async def test_a_job_that_becomes_a_suspect_by_it_is_kept_for_claimers(
    queue: QueueUnderTest,
) -> None:
    await queue.add(job(id="a"))
    again = await queue.lose(await queue.fetch_one("one"), SUSPECT_LOSSES - 1)

    await queue.abandon(again.token.consumer, cause=KILLED)

    assert [owner for _, owner, _ in await queue.pending()] == [NOBODY_SUSPECT]
    assert await queue.fetch("two") == []
    [claimed] = (await queue.claim("two")).deliveries
    assert (claimed.losses, claimed.suspect) == (SUSPECT_LOSSES, True)
    assert (await queue.look("a")).solo == 0


async def test_the_eighth_loss_alone_is_the_end_with_the_signal_in_its_cause(
    queue: QueueUnderTest,
) -> None:
    await queue.add(job(id="a", unique="u", priority=Priority.HIGH))
    losses = SUSPECT_LOSSES + ALONE_LOSSES_MAX - 1
    alone = await queue.lose(await queue.fetch_one("one"), losses)
    await queue.cancel("a")

    abandoned = await queue.abandon(alone.token.consumer, cause=KILLED)

    letter, view = await queue.letter("a"), await queue.look("a")
    assert ([each.id for each in abandoned.dead], abandoned.handed_back) == (["a"], [])
    assert (letter.cause, letter.priority) == (f"poison: {KILLED}", Priority.HIGH)
    assert (letter.history[-1]["alone"], letter.history[-1]["reason"]) == (True, KILLED)
    losses = SUSPECT_LOSSES + ALONE_LOSSES_MAX
    assert (view.state, view.solo, view.losses) == (State.DEAD, ALONE_LOSSES_MAX, losses)
    assert (await queue.entries(Priority.HIGH), await queue.pending(Priority.HIGH)) == ([], [])
    assert await queue.client.exists(queue.keys.cancel) == 0
    assert (await queue.add(job(id="b", unique="u")))[0].is_new


async def test_an_orphan_that_is_a_suspect_is_not_charged_either(queue: QueueUnderTest) -> None:
    await queue.add(job(id="a"))
    suspect = await queue.lose(await queue.fetch_one("one"), SUSPECT_LOSSES + 1)

    abandoned = await queue.abandon(suspect.token.consumer)

    assert len(abandoned.handed_back) == 1
    assert (await queue.look("a")).solo == 1
    assert [owner for _, owner, _ in await queue.pending()] == [NOBODY_SUSPECT]


@pytest.mark.parametrize("cause", ["", KILLED])
async def test_an_entry_whose_body_is_gone_is_a_dead_letter(
    queue: QueueUnderTest, cause: str
) -> None:
    await queue.add(job(id="a"))
    delivery = await queue.fetch_one("one")
    await queue.client.xdel(queue.stream(delivery.token), delivery.token.entry)

    abandoned = await queue.abandon("one", cause=cause)

    [letter] = await queue.letters()
    assert [each.entry for each in abandoned.dead] == [delivery.token.entry]
    assert letter.cause == "body lost"
    assert await queue.pending() == []
    assert not await queue.client.hexists(queue.keys.counters, "abandoned")


async def test_what_is_not_that_consumers_any_more_is_left_alone(queue: QueueUnderTest) -> None:
    """Settled, renewed by a claim of its own, or taken by another one since it was listed."""
    await queue.add(*(job(id=name) for name in ("settled", "taken", "own", "kept")))
    held = {each.id: each for each in await queue.fetch("one")}
    rows = await owned_rows(queue.server, queue.keys, "one")
    await queue.settle(held["settled"], Verdict.COMPLETED)
    await queue.lapse(held["taken"])
    await queue.claim("two")
    await queue.lapse(held["own"])
    await queue.claim("one")

    abandoned = await abandon(queue.server, queue.keys, "one", rows, RETENTION, cause=KILLED)
    repeated = await abandon(queue.server, queue.keys, "one", rows, RETENTION, cause=KILLED)

    assert [each.id for each in abandoned.handed_back] == ["kept"]
    assert repeated == Abandoned([], [])
    assert (await queue.look("kept")).losses == 1
    assert {owner for _, owner, _ in await queue.pending()} == {"two", "one", NOBODY}


async def test_what_was_heard_of_just_now_can_be_given_up(queue: QueueUnderTest) -> None:
    """Within the same millisecond, too: most of these are."""
    await queue.add(job(id="a"))
    delivery = await queue.fetch_one("one")
    rows = await owned_rows(queue.server, queue.keys, "one")
    for _ in range(30):
        await queue.lapse(delivery, by_ms=0)

        abandoned = await abandon(queue.server, queue.keys, "one", rows, RETENTION)

        assert [each.id for each in abandoned.handed_back] == ["a"]
        assert await queue.pending() == [(delivery.token.entry, NOBODY, 1)]


async def test_nothing_to_give_up_is_a_call_too(queue: QueueUnderTest) -> None:
    assert await queue.abandon("nobody", cause=KILLED) == Abandoned([], [])


async def test_what_a_process_had_that_was_told_to_end_says_so_and_costs_nothing(
    queue: QueueUnderTest,
) -> None:
    """However it ended: each start has an end in the history."""
    await queue.add(job(id="a"))
    held = await queue.fetch_one()

    abandoned = await queue.abandon("one", released="told to end, killed by SIGSEGV")

    assert [each.id for each in abandoned.handed_back] == ["a"]
    view = await queue.look("a")
    assert (view.losses, view.solo, view.attempt, view.released) == (0, 0, 1, 1)
    [row] = view.history
    assert row == {
        "outcome": "released",
        "consumer": "one",
        "reason": "told to end, killed by SIGSEGV",
        "ended_ms": row["ended_ms"],
    }
    assert await queue.counter("lost") == 0
    again = await queue.fetch_one("two")
    assert (again.attempt, again.suspect, again.fence > held.fence) == (1, False, True)


async def test_a_twin_of_a_process_that_was_told_to_end_comes_back_and_its_record_is_not_its_own(
    queue: QueueUnderTest,
) -> None:
    await queue.add_raw({"kind": "a", "payload": "{}", "id": "a"})
    await queue.add_raw({"kind": "a", "payload": "{}", "id": "a"})
    first, second = await queue.fetch_one(), await queue.fetch_one("two")
    await note_progress(queue.server, queue.keys, first, 0.5, "half")

    abandoned = await queue.abandon("two", released="told to end")

    assert [each.entry for each in abandoned.handed_back] == [second.token.entry]
    view = await queue.look("a")
    assert (view.entry, view.released, view.history) == (first.token.entry, 0, ())
    assert await queue.letters() == []
