"""Taking over from lost consumers: all of it, once each, and with the loss on record."""

import re
from dataclasses import replace

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams.cancel import Cancellation
from streams.claim import WINDOW_ROWS, Claimed
from streams.job import ALONE_LOSSES_MAX, SOLO_LOSSES_MAX, SUSPECT_LOSSES, Delivery
from streams.keys import GROUP, NOBODY, NOBODY_SUSPECT
from streams.priority import LEVELS, Priority
from streams.scripts.loader import load
from streams.settle import Settled, Verdict
from streams.state import State
from tests.support.queues import RETENTION, QueueUnderTest, job

pytestmark = pytest.mark.leaves_jobs


def names(claimed: Claimed) -> list[str]:
    return [delivery.id for delivery in claimed.deliveries]


async def held(queue: QueueUnderTest, consumer: str, count: int, prefix: str) -> list[Delivery]:
    """*count* jobs in the hands of *consumer*."""
    for start in range(0, count, 100):
        ids = (f"{prefix}-{n}" for n in range(start, min(start + 100, count)))
        await queue.add(*(job(id=each) for each in ids))
    return [each for _ in range(0, count, 100) for each in await queue.fetch(consumer)]


async def test_a_silent_consumer_loses_its_job_with_everything_in_it(queue: QueueUnderTest) -> None:
    await queue.add(job(id="a", payload=b"\x00\xff", meta={"a": 1}, priority=Priority.LOW))
    lost = await queue.fetch_one("one")
    await queue.lapse(lost)

    [claimed] = (await queue.claim("two")).deliveries

    assert (claimed.id, claimed.payload, claimed.meta) == ("a", b"\x00\xff", {"a": 1})
    assert (claimed.token.entry, claimed.token.level) == (lost.token.entry, 4)
    assert (claimed.token.consumer, claimed.token.deliveries) == ("two", 2)
    assert claimed.fence > lost.fence
    assert await queue.pending(Priority.LOW) == [(lost.token.entry, "two", 2)]
    assert await queue.settle(lost, Verdict.COMPLETED) is Settled.LOST
    assert await queue.settle(claimed, Verdict.COMPLETED) is Settled.RECORDED


async def test_a_loss_costs_no_attempt_and_names_who_lost_it(queue: QueueUnderTest) -> None:
    [lost] = await held(queue, "one", 1, "a")
    await queue.lapse(lost)

    [claimed] = (await queue.claim("two")).deliveries

    view = await queue.look("a-0")
    [loss] = view.history
    assert (claimed.attempt, view.attempt, view.losses) == (1, 1, 1)
    assert (loss["outcome"], loss["consumer"]) == ("lost", "one")
    assert RETENTION.lease_ms < int(str(loss["silent_ms"])) < RETENTION.lease_ms + 60_000
    assert await queue.counter("lost") == 1


async def test_who_is_heard_of_keeps_its_jobs(queue: QueueUnderTest) -> None:
    await held(queue, "one", 3, "a")

    assert await queue.sweep() == []
    assert await queue.claim("two") == Claimed([], [])
    assert {owner for _, owner, _ in await queue.pending()} == {"one"}


async def test_lapsed_entries_behind_many_live_ones_are_found(queue: QueueUnderTest) -> None:
    """A sweep that begins anew at the front would never get past the live rows."""
    await held(queue, "alive", 300, "live")
    lapsed = await held(queue, "lost", 20, "lapsed")
    await queue.lapse(*lapsed)

    found = await queue.sweep()
    claimed = await queue.claim("two")

    assert [each.entry for each in found] == [each.token.entry for each in lapsed]
    assert names(claimed) == [each.id for each in lapsed]
    assert sum(owner == "alive" for _, owner, _ in await queue.pending()) == 300


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    runs=st.lists(
        st.tuples(st.sampled_from(["live", "lapsed", "back", "deleted"]), st.integers(1, 70)),
        max_size=5,
    ),
    priority=st.sampled_from(LEVELS),
)
async def test_any_pending_list_is_swept_to_its_end(
    queue: QueueUnderTest, runs: list[tuple[str, int]], priority: Priority
) -> None:
    """Every lapsed row is claimed once, every lost body reported, no live row touched."""
    rows = [kind for kind, count in runs for _ in range(count)]
    await queue.client.flushdb()
    await queue.open()
    for start in range(0, len(rows), 100):
        chunk = range(start, min(start + 100, len(rows)))
        await queue.add(*(job(id=f"{rows[n]}-{n}", priority=priority) for n in chunk))
    all_held = {each.id: each for _ in range(0, len(rows), 100) for each in await queue.fetch()}
    for name, delivery in all_held.items():
        kind = name.partition("-")[0]
        if kind in {"lapsed", "deleted"}:
            await queue.lapse(delivery)
        if kind == "deleted":
            await queue.client.xdel(queue.stream(delivery.token), delivery.token.entry)
        if kind == "back":
            await queue.settle(delivery, Verdict.RELEASED)

    windows = await queue.windows()
    claimed = await queue.claim("two")

    assert all(len(window) <= WINDOW_ROWS for window in windows)

    def of(*kinds: str) -> list[str]:
        return [name for name in all_held if name.partition("-")[0] in kinds]

    assert sorted(names(claimed)) == sorted(of("lapsed", "back"))
    assert sorted(each.entry for each in claimed.dead) == sorted(
        all_held[name].token.entry for name in of("deleted")
    )
    assert len(await queue.letters()) == len(of("deleted"))
    assert {entry for entry, owner, _ in await queue.pending(priority) if owner == "one"} == {
        all_held[name].token.entry for name in of("live")
    }
    assert await queue.counter("lost") == len(of("lapsed", "deleted"))


async def test_all_levels_are_swept_the_urgent_ones_first(queue: QueueUnderTest) -> None:
    for priority in reversed(LEVELS):
        await queue.add(job(id=priority.value, priority=priority))
    await queue.lapse(*await queue.fetch())

    assert names(await queue.claim("two")) == ["critical", "high", "normal", "low"]


async def test_streams_and_groups_that_are_not_there_are_passed_over(
    queue: QueueUnderTest,
) -> None:
    [lost] = await held(queue, "one", 1, "a")
    await queue.lapse(lost)
    await queue.client.delete(queue.keys.stream(Priority.CRITICAL))
    await queue.client.xgroup_destroy(queue.keys.stream(Priority.HIGH), GROUP)

    assert names(await queue.claim("two")) == ["a-0"]


async def test_a_suspect_is_dead_at_its_eighth_loss_alone(queue: QueueUnderTest) -> None:
    """Two losses beside others make it a suspect and cost nothing; eight alone are the end."""
    await queue.add(job(id="a", unique="u", attempts_max=9))
    lost = await queue.fetch_one("consumer-0")
    suspected: list[bool] = []
    for number in range(1, SUSPECT_LOSSES + ALONE_LOSSES_MAX):
        await queue.lapse(lost)
        [lost] = (await queue.claim(f"consumer-{number}")).deliveries
        suspected.append(lost.suspect)
        assert lost.losses == number
    await queue.lapse(lost)

    claimed = await queue.claim("last")

    assert suspected == [False] + [True] * (len(suspected) - 1)
    assert names(claimed) == []
    assert [each.id for each in claimed.dead] == ["a"]
    letter, view = await queue.letter("a"), await queue.look("a")
    assert (letter.cause, letter.losses, view.losses, view.solo) == ("poison", 10, 10, 8)
    assert [(each["consumer"], each.get("alone")) for each in letter.history] == [
        (f"consumer-{number}", True if number >= SUSPECT_LOSSES else None) for number in range(10)
    ]
    assert (view.state, view.cause, view.history) == (State.DEAD, "poison", letter.history)
    assert view.entry == ""
    assert (await queue.entries(), await queue.pending()) == ([], [])
    assert await queue.counter("dead") == 1
    assert 0 < await queue.client.pttl(queue.keys.job("a")) <= RETENTION.dead_ttl_ms
    assert (await queue.add(job(id="b", unique="u")))[0].is_new


async def test_losses_are_counted_over_retries_too_and_the_entry_tells_of_them(
    queue: QueueUnderTest,
) -> None:
    await queue.add(job(id="a", attempts_max=9))
    seen: list[tuple[int, bool]] = []
    for _ in range(SUSPECT_LOSSES + ALONE_LOSSES_MAX - 1):
        fetched = await queue.fetch_one()
        seen.append((fetched.losses, fetched.suspect))
        await queue.settle(await queue.lose(fetched), Verdict.RETRY)
        await queue.promote()
    lost = await queue.fetch_one()
    seen.append((lost.losses, lost.suspect))
    await queue.lapse(lost)

    assert seen == [(number, number >= SUSPECT_LOSSES) for number in range(len(seen))]
    assert [each.id for each in (await queue.claim("two")).dead] == ["a"]


async def test_a_suspect_that_was_handed_back_is_for_claimers_only(queue: QueueUnderTest) -> None:
    [healthy, other] = await held(queue, "one", 2, "a")
    suspect = await queue.lose(other, SUSPECT_LOSSES)
    for delivery in (healthy, suspect):
        await queue.settle(delivery, Verdict.RELEASED)
    owners = {entry: owner for entry, owner, _ in await queue.pending()}

    fetched = await queue.fetch("two")
    [claimed] = (await queue.claim("three")).deliveries

    assert owners == {healthy.token.entry: NOBODY, suspect.token.entry: NOBODY_SUSPECT}
    assert [each.id for each in fetched] == [healthy.id]
    assert (claimed.id, claimed.suspect, claimed.losses) == (suspect.id, True, SUSPECT_LOSSES)
    assert claimed.token.deliveries == suspect.token.deliveries + 1
    assert (await queue.look(suspect.id)).solo == 0


@pytest.mark.parametrize("times", [0, SUSPECT_LOSSES], ids=["healthy", "suspect"])
async def test_what_nobody_has_is_claimed_without_waiting_for_a_lease(
    queue: QueueUnderTest, times: int
) -> None:
    """A worker with a shorter lease may have handed it back, or the clock was put back."""
    [delivery] = await held(queue, "one", 1, "a")
    await queue.settle(await queue.lose(delivery, times), Verdict.RELEASED)
    [found] = await queue.sweep()
    owner = NOBODY_SUSPECT if times else NOBODY
    stream, entry = queue.stream(delivery.token), delivery.token.entry
    for deliveries in range(found.deliveries, found.deliveries + 30):
        await queue.client.xclaim(stream, GROUP, owner, 0, [entry], justid=True)

        [claimed] = (await queue.claim("two", [replace(found, deliveries=deliveries)])).deliveries

        assert claimed.id == "a-0"


async def test_what_was_handed_back_is_claimed_and_is_no_loss(queue: QueueUnderTest) -> None:
    [delivery] = await held(queue, "one", 1, "a")
    await queue.settle(delivery, Verdict.RELEASED)

    [claimed] = (await queue.claim("two")).deliveries

    assert (claimed.id, claimed.token.deliveries, claimed.losses) == ("a-0", 2, 0)
    assert (await queue.look("a-0")).losses == 0
    assert not await queue.client.hexists(queue.keys.counters, "lost")


async def test_a_claim_takes_nothing_beside_what_it_names(queue: QueueUnderTest) -> None:
    """Also where it takes what is idle for no time."""
    back, *live = await held(queue, "one", 3, "a")
    await queue.settle(back, Verdict.RELEASED)

    assert names(await queue.claim("two")) == ["a-0"]

    owners = [(entry, owner) for entry, owner, _ in await queue.pending()]
    assert owners == [(back.token.entry, "two"), *((each.token.entry, "one") for each in live)]


async def test_an_orphan_of_ones_own_is_no_loss(queue: QueueUnderTest) -> None:
    """The answer of the fetch was lost on the way: nobody crashed."""
    [orphan] = await held(queue, "one", 1, "a")
    await queue.lapse(orphan)

    [claimed] = (await queue.claim("one")).deliveries

    assert (claimed.id, claimed.token.deliveries) == ("a-0", 2)
    assert (await queue.look("a-0")).losses == 0
    assert (await queue.look("a-0")).history == ()


async def test_a_deleted_entry_is_a_dead_letter_that_says_so(queue: QueueUnderTest) -> None:
    """Its id went with the entry: the letter is found by the place."""
    [lost] = await held(queue, "one", 1, "a")
    await queue.lapse(lost)
    await queue.client.xdel(queue.stream(lost.token), lost.token.entry)

    claimed = await queue.claim("two")

    letter = await queue.letter(f"normal-{lost.token.entry}")
    assert names(claimed) == []
    assert [each.entry for each in claimed.dead] == [lost.token.entry]
    assert (letter.cause, letter.payload, letter.priority) == ("body lost", b"", Priority.NORMAL)
    assert letter.fields["entry"].decode() == lost.token.entry
    assert [each["consumer"] for each in letter.history] == ["one"]
    assert await queue.pending() == []
    assert await queue.sweep() == []
    assert (await queue.replay(letter)).name == "BODY_LOST"


async def test_a_trimmed_stream_is_as_many_dead_letters(queue: QueueUnderTest) -> None:
    lost = await held(queue, "one", 30, "a")
    await queue.lapse(*lost)
    await queue.client.xtrim(queue.keys.stream(Priority.NORMAL), maxlen=0, approximate=False)

    claimed = await queue.claim("two")

    assert len(claimed.dead) == 30
    assert {letter.cause for letter in await queue.letters()} == {"body lost"}
    assert await queue.pending() == []


async def test_a_raw_entry_gets_its_record_when_it_is_lost(queue: QueueUnderTest) -> None:
    entry = await queue.add_raw({"kind": "a", "payload": "{}"})
    await queue.lapse(await queue.fetch_one())

    [claimed] = (await queue.claim("two")).deliveries

    view = await queue.look(f"normal-{entry}")
    assert claimed.id == view.id == (await queue.record(view.id))["id"]
    assert (view.state, view.owner, view.kind, view.losses) == (State.RUNNING, "two", "a", 1)


@pytest.mark.parametrize("bad", [b"a b", b"\xff", b"x" * 201, b""])
async def test_an_unusable_id_is_replaced_alike_by_fetch_and_claim(
    queue: QueueUnderTest, bad: bytes
) -> None:
    await queue.add_raw({"kind": "a", "payload": "{}", "id": bad})
    fetched = await queue.fetch_one()
    await queue.lapse(fetched)

    [found] = await queue.sweep()
    [claimed] = (await queue.claim("two")).deliveries

    assert fetched.id == found.id == claimed.id


async def test_a_value_that_reads_like_the_name_of_a_field_is_none(queue: QueueUnderTest) -> None:
    await queue.add_raw({"kind": "id", "payload": "unique", "id": "a"})
    await queue.lapse(await queue.fetch_one())

    [found] = await queue.sweep()

    assert (found.id, found.unique) == ("a", "")


async def test_what_was_renewed_after_the_look_is_not_taken(queue: QueueUnderTest) -> None:
    lost = await held(queue, "one", 2, "a")
    await queue.lapse(*lost)
    found = await queue.sweep()
    await queue.renew(lost[0])

    assert names(await queue.claim("two", found)) == ["a-1"]


@pytest.mark.parametrize(("heard_later", "is_taken"), [(-0.6, False), (-0.4, True), (0.6, False)])
async def test_a_sign_of_life_since_the_look_counts_although_the_row_looks_lapsed(
    queue: QueueUnderTest, heard_later: float, *, is_taken: bool
) -> None:
    """As it does where the clock was put forward. Less than half a lease is no difference."""
    [lost] = await held(queue, "one", 1, "a")
    await queue.lapse(lost, by_ms=3 * RETENTION.lease_ms)
    [seen] = await queue.sweep()
    since_ms = seen.since_ms - round(heard_later * RETENTION.lease_ms)

    claimed = await queue.claim("two", [replace(seen, since_ms=since_ms)])

    assert bool(claimed.deliveries) is is_taken


async def test_what_lapsed_for_a_shorter_lease_is_not_taken_by_who_has_a_longer_one(
    queue: QueueUnderTest,
) -> None:
    [lost] = await held(queue, "one", 1, "a")
    await queue.lapse(lost, by_ms=RETENTION.lease_ms // 2)
    found = await queue.sweep(replace(RETENTION, lease_ms=RETENTION.lease_ms // 4))

    assert len(found) == 1
    assert await queue.claim("two", found) == Claimed([], [])


async def test_what_was_settled_after_the_look_is_not_taken(queue: QueueUnderTest) -> None:
    lost = await held(queue, "one", 2, "a")
    await queue.lapse(*lost)
    found = await queue.sweep()
    await queue.settle(lost[0], Verdict.COMPLETED)

    assert names(await queue.claim("two", found)) == ["a-1"]


async def test_what_another_one_has_claimed_is_not_taken_although_it_lapsed_again(
    queue: QueueUnderTest,
) -> None:
    """Owner and count are compared: the loss belongs to the new owner by then."""
    lost = await held(queue, "one", 1, "a")
    await queue.lapse(*lost)
    found = await queue.sweep()
    await queue.lapse(*(await queue.claim("two")).deliveries)

    assert await queue.claim("three", found) == Claimed([], [])
    assert await queue.counter("lost") == 1


async def test_racing_claimers_take_each_entry_once(queue: QueueUnderTest) -> None:
    lost = await held(queue, "one", 80, "a")
    await queue.lapse(*lost)
    taken: list[str] = []

    async def take(consumer: str) -> None:
        taken.extend(names(await queue.claim(consumer)))

    async with anyio.create_task_group() as tasks:
        for number in range(4):
            tasks.start_soon(take, f"claimer-{number}")

    assert sorted(taken) == sorted(each.id for each in lost)
    assert await queue.counter("lost") == 80
    assert {count for _, _, count in await queue.pending()} == {2}


async def test_a_wish_to_cancel_outlives_a_claim_but_not_the_job(queue: QueueUnderTest) -> None:
    [lost] = await held(queue, "one", 1, "a")
    assert await queue.cancel("a-0") is Cancellation.ASKED
    claimed = await queue.lose(lost, SUSPECT_LOSSES + ALONE_LOSSES_MAX - 1)
    consumer = claimed.token.consumer
    assert (await queue.renew(claimed, consumer=consumer)).cancel == {claimed.token}
    await queue.lapse(claimed)

    await queue.claim("last")

    assert (await queue.look("a-0")).state is State.DEAD
    assert await queue.client.exists(queue.keys.cancel) == 0


def test_scripts_and_package_know_the_same_limits() -> None:
    pattern = r"_LOSSES, SOLO_LOSSES_MAX, ALONE_LOSSES_MAX = (\d), (\d), (\d)"
    found = re.search(pattern, load("claim").text)

    assert found is not None
    limits = (SUSPECT_LOSSES, SOLO_LOSSES_MAX, ALONE_LOSSES_MAX)
    assert tuple(map(int, found.groups())) == limits


async def test_nothing_to_claim_is_a_call_too(queue: QueueUnderTest) -> None:
    assert await queue.claim("two", []) == Claimed([], [])
