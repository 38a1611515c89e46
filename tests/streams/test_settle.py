"""Ending deliveries: what each verdict leaves behind."""

from typing import Any

import anyio
import orjson
import pytest

from streams.cancel import Cancellation
from streams.job import SUSPECT_LOSSES, Delivery
from streams.jobs import peek_state
from streams.keys import NOBODY
from streams.priority import LEVELS, Priority
from streams.settle import SETTLE_MAX, Outcome, Retention, Settled, Verdict, settle
from streams.state import State
from tests.support.queues import RETENTION, QueueUnderTest, job, row

pytestmark = pytest.mark.leaves_jobs

LOST, RECORDED, REPEATED = Settled.LOST, Settled.RECORDED, Settled.REPEATED
VERDICTS = list(Verdict)
ENDING = [Verdict.COMPLETED, Verdict.DEAD, Verdict.CANCELLED, Verdict.EXPIRED]
COMING_BACK = [
    Verdict.RETRY,
    Verdict.PARKED,
    Verdict.SNOOZED,
    Verdict.CRASHED,
    Verdict.RELEASED,
]
#: Where a job is after each of them.
AFTER = {
    Verdict.COMPLETED: State.COMPLETED,
    Verdict.RETRY: State.DELAYED,
    Verdict.PARKED: State.DELAYED,
    Verdict.SNOOZED: State.DELAYED,
    Verdict.CRASHED: State.DELAYED,
    Verdict.DEAD: State.DEAD,
    Verdict.RELEASED: State.READY,
    Verdict.CANCELLED: State.CANCELLED,
    Verdict.EXPIRED: State.CANCELLED,
}
#: What needs no body, and leaves no letter.
SILENT = {Verdict.COMPLETED, Verdict.CANCELLED, Verdict.EXPIRED}


async def taken(queue: QueueUnderTest, **options: Any) -> Delivery:
    """A job that is enqueued and fetched by the consumer `one`."""
    await queue.add(job(**{"id": "a", **options}))
    return await queue.fetch_one()


async def test_completed_leaves_a_record_with_the_result_and_nothing_else(
    queue: QueueUnderTest,
) -> None:
    delivery = await taken(queue)

    assert await queue.settle(delivery, Verdict.COMPLETED, detail=b'{"a":1}') is RECORDED

    view = await queue.look("a")
    assert (view.state, view.result, view.entry, view.owner) == (
        State.COMPLETED,
        {"a": 1},
        "",
        "",
    )
    assert view.ended_ms is not None
    assert view.history == (orjson.loads(row(1)),)
    assert (await queue.entries(), await queue.pending()) == ([], [])
    assert 0 < await queue.client.pttl(queue.keys.job("a")) <= RETENTION.ended_ttl_ms
    assert await queue.counter("completed") == 1


async def test_a_job_without_a_result_has_none(queue: QueueUnderTest) -> None:
    await queue.settle(await taken(queue), Verdict.COMPLETED)

    assert (await queue.look("a")).result is None
    assert await peek_state(queue.server, queue.keys, "a") == (State.COMPLETED, b"")


async def test_retry_waits_its_delay_and_costs_an_attempt(queue: QueueUnderTest) -> None:
    delivery = await taken(queue, attempts_max=5, meta={"a": 1}, timeout_ms=7, payload=b"\x00")

    assert await queue.settle(delivery, Verdict.RETRY, delay_ms=60_000) is RECORDED

    view = await queue.look("a")
    now_ms = int(delivery.token.entry.partition("-")[0])
    assert (view.state, view.attempt, view.entry, view.parked) == (State.DELAYED, 2, "", "")
    assert view.due_ms is not None
    assert 60_000 <= view.due_ms - now_ms < 90_000
    assert await queue.client.ttl(queue.keys.job("a")) == -1
    assert (await queue.entries(), await queue.pending()) == ([], [])
    assert await queue.counter("retried") == 1
    await queue.make_due("a")
    await queue.promote()
    again = await queue.fetch_one()
    unchanged = ("id", "kind", "payload", "attempts_max", "timeout_ms", "meta", "enqueued_ms")
    for name in unchanged:
        assert getattr(again, name) == getattr(delivery, name)
    assert (again.attempt, again.epoch) == (2, 1)


async def test_parked_waits_and_costs_nothing(queue: QueueUnderTest) -> None:
    delivery = await taken(queue)

    answer = await queue.settle(delivery, Verdict.PARKED, detail="unknown kind", delay_ms=60_000)

    view = await queue.look("a")
    assert answer is RECORDED
    assert (view.state, view.attempt, view.parked) == (State.DELAYED, 1, "unknown kind")
    assert view.history == ()
    assert await queue.counter("parked") == 1


async def test_a_reason_to_park_is_forgotten_when_the_job_is_tried(queue: QueueUnderTest) -> None:
    await queue.settle(await taken(queue), Verdict.PARKED, detail="unknown kind")
    await queue.promote()
    await queue.settle(await queue.fetch_one(), Verdict.RETRY, delay_ms=60_000)

    assert (await queue.look("a")).parked == ""


async def test_a_crash_alone_costs_no_attempt_and_the_second_one_is_the_end(
    queue: QueueUnderTest,
) -> None:
    first = await taken(queue, attempts_max=1, unique="u")
    words = "killed by SIGSEGV"

    assert await queue.settle(first, Verdict.CRASHED, detail=words, delay_ms=60_000) is RECORDED

    view = await queue.look("a")
    assert (view.state, view.attempt, view.losses, view.solo) == (State.DELAYED, 1, 1, 1)
    assert (view.parked, view.history) == ("", (orjson.loads(row(1)),))
    assert view.due_ms is not None
    assert view.due_ms - int(first.token.entry.partition("-")[0]) >= 60_000
    await queue.make_due("a")
    await queue.promote()
    second = await queue.fetch_one()
    assert (second.attempt, second.losses) == (1, 1)
    assert second.fence > first.fence
    assert await queue.settle(second, Verdict.CRASHED, detail=words) is RECORDED
    view, letter = await queue.look("a"), await queue.letter("a")
    assert (view.state, view.cause) == (State.DEAD, f"poison: {words}")
    assert (letter.cause, letter.losses, len(letter.history)) == (f"poison: {words}", 2, 2)
    assert (await queue.entries(), await queue.pending()) == ([], [])
    assert (await queue.counter("crashed"), await queue.counter("dead")) == (1, 1)
    assert await queue.counter("lost") == 0
    assert (await queue.add(job(id="b", unique="u")))[0].is_new


async def test_a_crash_alone_counts_after_losses_beside_others_and_a_replay_forgives_all(
    queue: QueueUnderTest,
) -> None:
    suspect = await queue.lose(await taken(queue), SUSPECT_LOSSES + 1)
    await queue.settle(suspect, Verdict.CRASHED)

    letter = await queue.letter("a")
    assert (letter.cause, letter.losses) == ("poison", SUSPECT_LOSSES + 2)
    await queue.replay(letter)
    view, again = await queue.look("a"), await queue.fetch_one()
    assert (view.losses, view.solo, again.losses, again.suspect) == (0, 0, 0, False)


async def test_dead_tells_the_whole_story_in_its_letter(queue: QueueUnderTest) -> None:
    delivery = await taken(
        queue, payload=b"\x00\xff", meta={"a": 1}, priority=Priority.HIGH, unique="u"
    )
    await queue.settle(delivery, Verdict.RETRY)
    await queue.promote()

    answer = await queue.settle(await queue.fetch_one(), Verdict.DEAD, detail="attempts used up")

    letter, view = await queue.letter("a"), await queue.look("a")
    assert answer is RECORDED
    assert (letter.id, letter.kind, letter.payload) == ("a", "test.echo", b"\x00\xff")
    assert (letter.priority, letter.cause, letter.losses) == (
        Priority.HIGH,
        "attempts used up",
        0,
    )
    assert letter.history == (orjson.loads(row(1)), orjson.loads(row(2)))
    assert letter.fields["meta"] == b'{"a":1}'
    assert letter.last_error == "E: m"
    assert (view.state, view.cause, view.dead_entry) == (
        State.DEAD,
        "attempts used up",
        letter.dead_entry,
    )
    assert (view.ended_ms, view.history) == (letter.died_ms, letter.history)
    assert view.entry == ""
    assert 0 < await queue.client.pttl(queue.keys.job("a")) <= RETENTION.dead_ttl_ms
    assert 0 < await queue.client.pttl(queue.keys.history("a")) <= RETENTION.dead_ttl_ms
    assert (await queue.entries(Priority.HIGH), await queue.pending(Priority.HIGH)) == ([], [])
    assert await queue.counter("dead") == 1


async def test_cancelled_is_an_end(queue: QueueUnderTest) -> None:
    assert await queue.settle(await taken(queue), Verdict.CANCELLED) is RECORDED

    view = await queue.look("a")
    assert (view.state, view.result, len(view.history)) == (State.CANCELLED, None, 1)
    assert (view.ended_ms is not None, view.entry) == (True, "")
    assert 0 < await queue.client.pttl(queue.keys.job("a")) <= RETENTION.ended_ttl_ms
    assert await queue.counter("cancelled") == 1


async def test_released_keeps_its_place_and_costs_nothing(queue: QueueUnderTest) -> None:
    delivery = await taken(queue)

    assert await queue.settle(delivery, Verdict.RELEASED) is RECORDED

    view = await queue.look("a")
    assert (view.state, view.attempt, view.released, view.losses) == (State.READY, 1, 1, 0)
    assert (view.owner, view.entry) == ("", delivery.token.entry)
    assert view.history == (orjson.loads(row(1)),)
    assert [each.id for each in await queue.sweep()] == ["a"]
    assert await queue.pending() == [(delivery.token.entry, NOBODY, 1)]
    again = await queue.fetch_one("two")
    assert (again.id, again.attempt, again.token.deliveries) == ("a", 1, 2)
    assert await queue.counter("released") == 1
    assert await queue.counter("lost") == 0


async def test_a_job_can_be_handed_back_as_soon_as_it_was_taken(queue: QueueUnderTest) -> None:
    """Within the same millisecond, too: most of these are."""
    await queue.add(job(id="a"))
    for _ in range(30):
        await queue.settle(await queue.fetch_one(), Verdict.RELEASED)

        assert [owner for _, owner, _ in await queue.pending()] == [NOBODY]


@pytest.mark.parametrize("verdict", [*ENDING, Verdict.RETRY, Verdict.PARKED])
async def test_the_history_has_the_life_of_the_record(
    queue: QueueUnderTest, verdict: Verdict
) -> None:
    await queue.settle(await taken(queue), Verdict.RETRY)
    await queue.promote()

    await queue.settle(await queue.fetch_one(), verdict, delay_ms=60_000)

    life = await queue.client.pttl(queue.keys.job("a"))
    history_life = await queue.client.pttl(queue.keys.history("a"))
    assert (life > 0) == (history_life > 0) == (verdict in ENDING)
    assert abs(life - history_life) < 1000


async def test_one_call_ends_many_in_their_order_and_a_stale_one_stops_no_other(
    queue: QueueUnderTest,
) -> None:
    await queue.add(*(job(id=str(n), priority=LEVELS[n % 4]) for n in range(len(VERDICTS))))
    held = {each.id: each for each in await queue.fetch()}
    stale = held["2"]
    await queue.lapse(stale)
    await queue.claim("two")

    answers = await queue.settle_all(
        [
            Outcome(held[str(n)], verdict, b'"x"', row(1), 60_000)
            for n, verdict in enumerate(VERDICTS)
        ]
    )

    assert answers == [LOST if n == 2 else RECORDED for n in range(len(VERDICTS))]
    states = {n: (await queue.look(n)).state for n in held}
    assert states == {
        str(n): State.RUNNING if n == 2 else AFTER[verdict] for n, verdict in enumerate(VERDICTS)
    }


async def test_a_call_of_full_size_with_full_histories_is_taken(queue: QueueUnderTest) -> None:
    await queue.add(*(job(id=str(n), payload=b"x" * 20_000) for n in range(SETTLE_MAX)))
    held = await queue.fetch()
    long_row = orjson.dumps({"attempt": 1, "traceback": "x" * 8000})

    answers = await queue.settle_all(
        [Outcome(each, Verdict.DEAD, "cause", long_row) for each in held]
    )

    assert answers == [RECORDED] * SETTLE_MAX
    assert len(await queue.letters()) == SETTLE_MAX


async def test_a_call_has_a_bound_and_nothing_is_a_call_too(queue: QueueUnderTest) -> None:
    outcome = Outcome(await taken(queue), Verdict.COMPLETED)

    assert await queue.settle_all([]) == []
    with pytest.raises(ValueError, match="one call takes 100 outcomes, got 101"):
        await settle(queue.server, queue.keys, "one", [outcome] * (SETTLE_MAX + 1), RETENTION)


async def test_the_history_keeps_the_first_ten_and_the_last_forty(queue: QueueUnderTest) -> None:
    await queue.add(job(id="a", attempts_max=1000))
    for number in range(1, 101):
        await queue.settle(await queue.fetch_one(), Verdict.RETRY, attempt=row(number))
        await queue.promote()
        kept = [each["attempt"] for each in (await queue.look("a")).history]
        first, last = range(1, min(number, 10) + 1), range(max(11, number - 39), number + 1)
        assert kept == [*first, *last]

    await queue.settle(await queue.fetch_one(), Verdict.DEAD, detail="x", attempt=row(101))

    letter = await queue.letter("a")
    assert [each["attempt"] for each in letter.history][:10] == list(range(1, 11))
    assert [each["attempt"] for each in letter.history][-40:] == list(range(62, 102))


@pytest.mark.parametrize("verdict", VERDICTS)
async def test_a_run_that_nobody_describes_leaves_no_hole_in_the_history(
    queue: QueueUnderTest, verdict: Verdict
) -> None:
    """An empty row would break the JSON of the dead letter around it."""
    delivery = await taken(queue)
    [answer] = await queue.settle_all([Outcome(delivery, verdict)])

    assert answer is RECORDED
    assert (await queue.look("a")).history == ()
    assert all(letter.history == () for letter in await queue.letters())


async def test_a_letter_tells_of_the_runs_before_one_that_nobody_describes(
    queue: QueueUnderTest,
) -> None:
    await queue.settle(await taken(queue), Verdict.RETRY)
    await queue.promote()

    await queue.settle_all([Outcome(await queue.fetch_one(), Verdict.DEAD, "x")])

    assert (await queue.letter("a")).history == (orjson.loads(row(1)),)


@pytest.mark.parametrize("verdict", VERDICTS)
async def test_an_entry_that_was_sent_by_a_plain_xadd_gets_its_record_at_its_first_end(
    queue: QueueUnderTest, verdict: Verdict
) -> None:
    entry = await queue.add_raw({"kind": "test.echo", "payload": "{}"}, Priority.LOW)
    delivery = await queue.fetch_one()
    assert await queue.record(delivery.id) == {}

    answer = await queue.settle(delivery, verdict, detail=b'"x"', delay_ms=60_000)

    view = await queue.look(f"low-{entry}")
    assert answer is RECORDED
    assert (view.kind, view.priority) == ("test.echo", Priority.LOW)
    assert (await queue.record(view.id))["id"] == view.id
    assert view.state is AFTER[verdict]


async def test_a_raw_entry_keeps_its_id_and_foreign_fields_over_its_attempts(
    queue: QueueUnderTest,
) -> None:
    entry = await queue.add_raw({"kind": "a", "payload": "{}", "colour": b"\xffblue"})
    await queue.settle(await queue.fetch_one(), Verdict.RETRY)
    await queue.promote()
    again = await queue.fetch_one()
    await queue.settle(again, Verdict.DEAD, detail="x")

    letter = await queue.letter(f"normal-{entry}")
    assert (again.id, again.attempt) == (f"normal-{entry}", 2)
    assert letter.fields["colour"] == b"\xffblue"


async def test_an_unusable_id_is_replaced_in_the_dead_letter_too(queue: QueueUnderTest) -> None:
    """Who lists dead letters must be able to name, replay and purge this one."""
    entry = await queue.add_raw({"kind": "a", "payload": "{}", "id": b"\x1b[31m\xff red"})
    delivery = await queue.fetch_one()
    await queue.settle(delivery, Verdict.DEAD, detail="malformed entry")

    letter = await queue.letter(f"normal-{entry}")
    assert (await queue.look(letter.id)).dead_entry == letter.dead_entry
    assert (await queue.replay(letter)).name == "READY"
    assert (await queue.fetch_one()).id == delivery.id


async def test_numbers_of_an_entry_stay_exact_when_it_is_tried_again(
    queue: QueueUnderTest,
) -> None:
    """Lua writes numbers of more than fourteen digits in another form."""
    epoch, attempt = 2**53 - 2, 10**15
    fields = {"kind": "a", "payload": "{}", "id": "a", "epoch": epoch, "attempt": attempt}
    await queue.add_raw(fields)
    await queue.settle(await queue.fetch_one(), Verdict.RETRY)
    await queue.promote()

    again = await queue.fetch_one()

    assert (again.epoch, again.attempt, again.flaw) == (epoch + 1, attempt + 1, "")


async def test_an_entry_that_is_tried_again_has_the_fields_that_it_had(
    queue: QueueUnderTest,
) -> None:
    """With its arrival and new counts; a count of losses is only there where there are some."""
    first = [b"kind", b"attempt", b"payload", b"epoch", b"id", b"a"]
    await queue.add_raw(dict(zip(first[::2], first[1::2], strict=True)))

    held = await queue.fetch_one()
    arrived = [b"enqueued_ms", held.token.entry.partition("-")[0].encode()]
    await queue.settle(held, Verdict.RETRY)
    await queue.promote()
    second = await written(queue)
    await queue.settle(await queue.lose(await queue.fetch_one()), Verdict.RETRY)
    await queue.promote()
    third = await written(queue)

    assert second == [*first, *arrived, b"attempt", b"2", b"epoch", b"1"]
    assert third == [*first, *arrived, b"attempt", b"3", b"epoch", b"2", b"losses", b"1"]


async def written(queue: QueueUnderTest) -> Any:
    """The names and values of the one entry there is, as they are written."""
    script = "return redis.call('XRANGE', KEYS[1], '-', '+')[1][2]"
    return await queue.client.eval(script, 1, queue.keys.stream(Priority.NORMAL))


async def test_an_entry_with_more_fields_than_can_be_moved_is_cut_and_not_stuck(
    queue: QueueUnderTest,
) -> None:
    fields = {"kind": "a", "payload": "{}", "id": "a"} | {f"f{n}": "x" for n in range(5000)}
    await queue.add_raw(fields)

    assert await queue.settle(await queue.fetch_one(), Verdict.RETRY) is RECORDED
    await queue.promote()
    kept = [name.encode() for name in list(fields)[:128]]
    assert (await written(queue))[::2] == [*kept, b"enqueued_ms", b"attempt", b"epoch"]
    again = await queue.fetch_one()
    assert (again.id, again.attempt, again.flaw) == ("a", 2, "")
    assert await queue.settle(again, Verdict.DEAD, detail="x") is RECORDED


@pytest.mark.parametrize("verdict", VERDICTS)
async def test_a_body_that_was_deleted_under_a_running_job_is_never_silent(
    queue: QueueUnderTest, verdict: Verdict
) -> None:
    """What can be recorded without the body is; the rest is a dead letter that says so."""
    delivery = await taken(queue, kind="test.kind", unique="u")
    await queue.client.xdel(queue.stream(delivery.token), delivery.token.entry)

    assert await queue.settle(delivery, verdict, detail=b'"x"') is RECORDED

    view = await queue.look("a")
    assert view.kind == "test.kind"
    assert await queue.pending() == []
    if verdict in SILENT:
        assert view.state.is_end
        assert await queue.letters() == []
    else:
        assert (view.state, view.cause) == (State.DEAD, "body lost")
        letter = await queue.letter("a")
        assert (letter.id, letter.cause, letter.payload) == ("a", "body lost", b"")
    assert (await queue.add(job(id="b", unique="u")))[0].is_new


@pytest.mark.parametrize("verdict", COMING_BACK)
async def test_a_job_whose_end_was_asked_for_does_not_come_back(
    queue: QueueUnderTest, verdict: Verdict
) -> None:
    """Its handler failed, or was stopped, between the request and the next renewal."""
    delivery = await taken(queue, unique="u")
    assert await queue.cancel("a") is Cancellation.ASKED

    assert await queue.settle(delivery, verdict, delay_ms=60_000) is RECORDED

    assert (await queue.look("a")).state is State.CANCELLED
    assert await queue.client.exists(queue.keys.cancel, queue.keys.delayed) == 0
    assert (await queue.entries(), await queue.pending()) == ([], [])
    assert (await queue.add(job(id="b", unique="u")))[0].is_new
    assert await queue.settle(delivery, verdict, delay_ms=60_000) is REPEATED


@pytest.mark.parametrize("verdict", COMING_BACK)
async def test_a_job_comes_back_although_the_end_of_another_one_was_asked_for(
    queue: QueueUnderTest, verdict: Verdict
) -> None:
    await queue.add(job(id="a"), job(id="b"))
    asked, other = await queue.fetch()
    await queue.cancel("a")

    assert await queue.settle(other, verdict, delay_ms=60_000) is RECORDED

    assert (await queue.look("b")).state is AFTER[verdict]
    assert (await queue.renew(asked)).cancel == {asked.token}


@pytest.mark.parametrize(
    ("verdict", "state"),
    [
        (Verdict.COMPLETED, State.COMPLETED),
        (Verdict.DEAD, State.DEAD),
        (Verdict.CANCELLED, State.CANCELLED),
        (Verdict.EXPIRED, State.CANCELLED),
    ],
)
async def test_an_end_stays_what_it_was_although_another_one_was_asked_for(
    queue: QueueUnderTest, verdict: Verdict, state: State
) -> None:
    delivery = await taken(queue)
    await queue.cancel("a")
    await queue.settle(delivery, verdict)

    assert (await queue.look("a")).state is state
    assert await queue.client.exists(queue.keys.cancel) == 0


async def twins(queue: QueueUnderTest) -> list[Delivery]:
    """Two plain XADDs with one id, fetched."""
    for payload in (b"1", b"2"):
        await queue.add_raw({"kind": "a", "payload": payload, "id": "same"})
    return await queue.fetch()


@pytest.mark.parametrize("first", VERDICTS)
@pytest.mark.parametrize("second", VERDICTS)
async def test_of_two_entries_with_one_id_the_first_recorded_end_stands(
    queue: QueueUnderTest, first: Verdict, second: Verdict
) -> None:
    """docs/wire.md: both run. What the second one leads to is counted, or a letter."""
    one, two = await twins(queue)
    assert await queue.settle(one, first, detail=b'"x"', delay_ms=60_000) is RECORDED
    before = await queue.contents()
    letters = len(await queue.letters())

    assert await queue.settle(two, second, detail=b'"y"', delay_ms=60_000) is Settled.TWIN

    after = await queue.contents()
    of_job = (queue.keys.job("same"), queue.keys.history("same"), queue.keys.body("same"))
    assert {key: after.get(key) for key in of_job} == {key: before.get(key) for key in of_job}
    assert after.get(queue.keys.delayed) == before.get(queue.keys.delayed)
    owners = {entry: (owner, count) for entry, owner, count in await queue.pending()}
    assert await queue.counter("dead") == len(await queue.letters())
    if second is Verdict.RELEASED:
        assert owners[two.token.entry] == (NOBODY, 1)
        assert two.token.entry in {each.entry for each in await queue.sweep()}
        return
    assert two.token.entry not in {*owners, *await queue.entries()}
    assert await queue.counter("duplicates") == 1
    left = [letter.payload for letter in await queue.letters()][letters:]
    assert left == ([] if second in SILENT else [b"2"])


async def test_a_letter_of_a_second_entry_says_that_it_is_one(queue: QueueUnderTest) -> None:
    one, two = await twins(queue)
    await queue.settle(one, Verdict.COMPLETED)
    await queue.settle(two, Verdict.DEAD, detail="invalid payload")

    [letter] = await queue.letters()
    assert (letter.id, letter.cause) == ("same", "duplicate id: invalid payload")
    assert letter.losses == 0
    assert letter.history == (orjson.loads(row(1)),)
    assert (await queue.look("same")).state is State.COMPLETED


async def test_a_second_entry_that_is_lost_is_a_letter_and_one_that_was_handed_back_runs(
    queue: QueueUnderTest,
) -> None:
    """It has no count of losses of its own: given out again and again it could kill for ever."""
    one, two = await twins(queue)
    await queue.settle(one, Verdict.COMPLETED)
    before = await queue.record("same")
    await queue.settle(two, Verdict.RELEASED)
    [again] = (await queue.claim("two")).deliveries
    assert (again.payload, again.losses) == (b"2", 0)
    await queue.lapse(again)

    claimed = await queue.claim("three")

    [letter] = await queue.letters()
    assert ([each.id for each in claimed.dead], claimed.deliveries) == (["same"], [])
    assert (letter.payload, letter.cause) == (b"2", "duplicate id: its consumer was lost")
    assert letter.losses == 1
    assert await queue.record("same") == before
    assert (await queue.entries(), await queue.pending()) == ([], [])


async def test_a_second_entry_can_be_handed_back_as_soon_as_it_was_taken(
    queue: QueueUnderTest,
) -> None:
    """Within the same millisecond, too: most of these are."""
    one, two = await twins(queue)
    await queue.settle(one, Verdict.COMPLETED)
    for _ in range(30):
        await queue.settle(two, Verdict.RELEASED)
        assert [owner for _, owner, _ in await queue.pending()] == [NOBODY]

        two = await queue.fetch_one()


async def test_a_second_entry_does_not_open_the_slot_nor_take_the_wish_of_the_first(
    queue: QueueUnderTest,
) -> None:
    await queue.add(job(id="same", unique="u"))
    await queue.add_raw({"kind": "a", "payload": "2", "id": "same", "unique": "u"})
    one, two = await queue.fetch()
    await queue.cancel("same")

    assert await queue.settle(two, Verdict.RETRY) is Settled.TWIN

    assert (await queue.renew(one)).cancel == {one.token}
    assert not (await queue.add(job(id="b", unique="u")))[0].is_new
    assert await queue.settle(one, Verdict.RETRY) is RECORDED
    assert (await queue.look("same")).state is State.CANCELLED


async def test_records_end_when_the_retention_says(queue: QueueUnderTest) -> None:
    short = Retention(RETENTION.lease_ms, ended_ttl_ms=1, dead_ttl_ms=1)
    for verdict in ENDING:
        await queue.settle(await taken(queue), verdict, retention=short)
        while await queue.client.exists(queue.keys.job("a"), queue.keys.history("a")):
            await anyio.lowlevel.checkpoint()


async def test_many_ends_of_several_levels_go_together_whatever_else_the_consumer_has(
    queue: QueueUnderTest,
) -> None:
    for level in LEVELS:
        await queue.add(*[job(id=f"{level.value}-{n}", priority=level) for n in range(24)])
    held = await queue.fetch()
    assert len(held) == 4 * 24
    # The newest two: far behind what one look from the oldest on shows.
    chosen = [each for each in held if int(each.id.rpartition("-")[2]) >= 22]

    answers = await queue.settle_all([Outcome(each, Verdict.COMPLETED) for each in chosen])

    assert answers == [RECORDED] * len(chosen)
    assert [await queue.client.xlen(queue.keys.stream(level)) for level in LEVELS] == [22] * 4
    assert [len(await queue.pending(level)) for level in LEVELS] == [22] * 4


async def test_statistics_count_runs_that_ended_and_how_long_they_took(
    queue: QueueUnderTest,
) -> None:
    await queue.add(*[job(id=f"{n}") for n in range(6)])
    held = await queue.fetch()
    verdicts = [
        (Verdict.COMPLETED, 0),
        (Verdict.COMPLETED, 1),
        (Verdict.COMPLETED, 1000),
        (Verdict.RETRY, 1000),
        (Verdict.DEAD, 2**40),
        (Verdict.RELEASED, 7),
    ]

    await queue.settle_all(
        [
            Outcome(each, verdict, attempt=row(1), ran_ms=ran_ms)
            for each, (verdict, ran_ms) in zip(held, verdicts, strict=True)
        ]
    )

    found: Any = await queue.client.hgetall(queue.keys.stats)
    [slot] = [name for name in found if b":" not in name]
    assert int(found.pop(slot)) % 60 == int(slot)
    # log2(1000) is 9.97: bin 1 + 39.
    assert {name.partition(b":")[2].decode(): int(value) for name, value in found.items()} == {
        "completed": 3,
        "failed": 2,
        "ms": 2001 + 2**40,
        "b0": 1,
        "b1": 1,
        "b40": 2,
        "b107": 1,
    }


async def test_a_minute_of_the_statistics_takes_the_place_of_the_one_an_hour_before(
    queue: QueueUnderTest,
) -> None:
    await queue.client.hset(
        queue.keys.stats,
        mapping={f"{slot}{name}": 5 for slot in range(60) for name in ("", ":b3", ":failed")},
    )

    await queue.settle(await taken(queue), Verdict.COMPLETED)

    found: Any = await queue.client.hgetall(queue.keys.stats)
    [slot] = [name.decode() for name, value in found.items() if int(value) > 5]
    assert {name.decode() for name in found if name.startswith(f"{slot}:".encode())} == {
        f"{slot}:completed",
        f"{slot}:ms",
        f"{slot}:b0",
    }
    assert len(found) == 59 * 3 + 4


async def test_the_history_of_a_job_that_was_handed_back_has_the_life_of_its_record(
    queue: QueueUnderTest,
) -> None:
    await queue.settle(await taken(queue), Verdict.RELEASED)
    await queue.settle(await queue.fetch_one(), Verdict.COMPLETED)

    assert 0 < await queue.client.pttl(queue.keys.history("a")) <= RETENTION.ended_ttl_ms
