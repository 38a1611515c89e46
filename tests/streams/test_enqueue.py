"""Handing jobs in: once each, whatever is repeated."""

from datetime import timedelta
from typing import Any

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import JsonValue
from redis.asyncio import Redis

from streams.backoff import FACTOR_MAX, WAIT_MAX, Backoff
from streams.enqueue import BATCH_MAX, Acceptance, Enqueued, enqueue
from streams.job import ATTEMPTS_DEFAULT, MS_MAX, NewJob
from streams.priority import LEVELS, Priority
from streams.settle import Retention, Settled, Verdict
from streams.state import State
from tests.support.queues import RETENTION, QueueUnderTest, job

pytestmark = pytest.mark.leaves_jobs

READY, DELAYED, EXISTS = Acceptance.READY, Acceptance.DELAYED, Acceptance.EXISTS
TAKEN, FULL = Acceptance.UNIQUE_TAKEN, Acceptance.FULL


def said(answers: list[Enqueued]) -> list[tuple[str, Acceptance]]:
    return [(answer.id, answer.acceptance) for answer in answers]


@pytest.mark.parametrize("priority", LEVELS)
async def test_a_job_lies_in_the_stream_of_its_priority(
    queue: QueueUnderTest, priority: Priority
) -> None:
    answers = await queue.add(job(id="a", priority=priority))

    assert said(answers) == [("a", READY)]
    assert {each: len(await queue.entries(each)) for each in LEVELS} == {
        each: int(each is priority) for each in LEVELS
    }
    record = await queue.record("a")
    assert (record["state"], record["priority"]) == ("ready", priority.value)
    assert [record["entry"]] == await queue.entries(priority)
    assert await queue.client.ttl(queue.keys.job("a")) == -1


async def test_what_is_sent_is_what_arrives(queue: QueueUnderTest) -> None:
    sent = job(
        kind="a.kind-1_x",
        id="id!~{}",
        payload=b'\x00\xff"',
        attempts_max=7,
        backoff=Backoff(timedelta(seconds=60), 3.0, timedelta(minutes=9), 0.25),
        expires_ms=2**52,
        timeout_ms=1234,
        unique="slot",
        meta={"tenant": "ä", "deep": [1, {"a": None}]},
        traceparent="00-ab-cd-01",
        schema_version=4,
    )
    await queue.add(sent)

    delivery = await queue.fetch_one()

    assert (delivery.id, delivery.kind, delivery.payload) == (sent.id, sent.kind, sent.payload)
    assert (delivery.attempt, delivery.attempts_max, delivery.timeout_ms) == (1, 7, 1234)
    assert (delivery.unique, delivery.meta) == (sent.unique, sent.meta)
    assert (delivery.traceparent, delivery.epoch, delivery.flaw) == (sent.traceparent, 0, "")
    assert (delivery.schema_version, delivery.expires_ms) == (4, 2**52)
    assert delivery.backoff == sent.backoff
    assert 0 <= int(delivery.token.entry.partition("-")[0]) - delivery.enqueued_ms < 1000


def whole_ms(span: timedelta) -> timedelta:
    """As an entry says it."""
    return timedelta(milliseconds=span // timedelta(milliseconds=1))


JSON_VALUES: st.SearchStrategy[JsonValue] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
JOBS: st.SearchStrategy[NewJob] = st.builds(
    NewJob,
    kind=st.from_regex(r"[A-Za-z][A-Za-z0-9_.-]{0,99}", fullmatch=True),
    payload=st.binary(max_size=300),
    id=st.from_regex(r"[!-~]{1,200}", fullmatch=True),
    priority=st.sampled_from(LEVELS),
    attempts_max=st.integers(1, 1000),
    expires_in_ms=st.integers(0, MS_MAX),
    backoff=st.none()
    | st.builds(
        Backoff,
        first=st.timedeltas(timedelta(0), WAIT_MAX).map(whole_ms),
        factor=st.floats(1, FACTOR_MAX),
        cap=st.timedeltas(timedelta(0), WAIT_MAX).map(whole_ms),
        jitter=st.floats(0, 1),
    ),
    timeout_ms=st.none() | st.integers(1, MS_MAX),
    unique=st.none() | st.from_regex(r"[!-~]{1,512}", fullmatch=True),
    unique_ttl_ms=st.integers(0, MS_MAX),
    meta=st.none() | st.dictionaries(st.text(max_size=9), JSON_VALUES, max_size=4),
    traceparent=st.none() | st.from_regex(r"[!-~]{0,200}", fullmatch=True),
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(sent=JOBS)
async def test_a_job_that_may_be_sent_arrives_without_a_flaw(
    queue: QueueUnderTest, sent: NewJob
) -> None:
    """What one side accepts the other must not refuse."""
    await queue.client.flushdb()
    await queue.open()
    assert said(await queue.add(sent)) == [(sent.id, READY)]

    delivery = await queue.fetch_one()

    assert delivery.flaw == ""
    assert (delivery.id, delivery.kind, delivery.payload) == (sent.id, sent.kind, sent.payload)
    assert (delivery.attempts_max, delivery.timeout_ms) == (sent.attempts_max, sent.timeout_ms)
    assert (delivery.unique, delivery.traceparent) == (sent.unique or "", sent.traceparent or "")
    assert delivery.meta == (sent.meta or {})
    assert delivery.backoff == sent.backoff
    assert (delivery.expires_ms > 0) is (sent.expires_in_ms > 0)
    assert (await queue.look(sent.id)).state is State.RUNNING


@pytest.mark.parametrize("first", [{}, {"delay_ms": 60_000}], ids=["ready", "delayed"])
async def test_the_same_id_is_one_job(queue: QueueUnderTest, first: dict[str, Any]) -> None:
    await queue.add(job(id="a", payload=b"1", **first))
    before = await queue.contents()

    again = await queue.add(job(id="a", payload=b"2"))

    assert said(again) == [("a", EXISTS)]
    assert await queue.contents() == before


async def test_the_same_id_twice_in_one_call_is_one_job(queue: QueueUnderTest) -> None:
    answers = await queue.add(job(id="a"), job(id="b"), job(id="a"))

    assert said(answers) == [("a", READY), ("b", READY), ("a", EXISTS)]
    assert len(await queue.entries()) == 2
    assert await queue.counter("enqueued") == 2


@pytest.mark.parametrize("verdict", [Verdict.COMPLETED, Verdict.DEAD, Verdict.CANCELLED])
async def test_the_id_of_an_ended_job_is_taken_while_its_record_lives(
    queue: QueueUnderTest, verdict: Verdict
) -> None:
    await queue.add(job(id="a"))
    await queue.settle(await queue.fetch_one(), verdict)

    assert said(await queue.add(job(id="a"))) == [("a", EXISTS)]

    await queue.client.delete(queue.keys.job("a"))
    assert said(await queue.add(job(id="a"))) == [("a", READY)]


async def test_many_racing_calls_with_one_id_make_one_job(queue: QueueUnderTest) -> None:
    answers: list[Acceptance] = []

    async def send() -> None:
        [answer] = await queue.add(job(id="a"))
        answers.append(answer.acceptance)

    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(send)

    assert sorted(each.name for each in answers) == ["EXISTS"] * 19 + ["READY"]
    assert len(await queue.entries()) == 1


async def test_a_unique_slot_has_one_holder_and_names_it(queue: QueueUnderTest) -> None:
    answers = await queue.add(job(id="a", unique="u"), job(id="b", unique="u"), job(id="c"))
    later = await queue.add(job(id="d", unique="u", delay_ms=60_000))

    assert said(answers) == [("a", READY), ("a", TAKEN), ("c", READY)]
    assert said(later) == [("a", TAKEN)]
    assert await queue.record("b") == {}


async def test_an_id_is_looked_at_before_the_slot(queue: QueueUnderTest) -> None:
    """A repeated call must be answered with its own job, not refused by it."""
    await queue.add(job(id="a", unique="u"))

    assert said(await queue.add(job(id="a", unique="u"))) == [("a", EXISTS)]


@pytest.mark.parametrize("verdict", [Verdict.COMPLETED, Verdict.DEAD, Verdict.CANCELLED])
async def test_the_slot_opens_when_its_holder_ends(queue: QueueUnderTest, verdict: Verdict) -> None:
    await queue.add(job(id="a", unique="u"))
    await queue.settle(await queue.fetch_one(), verdict)

    assert said(await queue.add(job(id="b", unique="u"))) == [("b", READY)]


@pytest.mark.parametrize("verdict", [Verdict.RETRY, Verdict.PARKED, Verdict.RELEASED])
async def test_the_slot_stays_taken_while_its_holder_comes_back(
    queue: QueueUnderTest, verdict: Verdict
) -> None:
    await queue.add(job(id="a", unique="u"))
    await queue.settle(await queue.fetch_one(), verdict, delay_ms=60_000)

    assert said(await queue.add(job(id="b", unique="u"))) == [("a", TAKEN)]


async def test_a_slot_with_a_time_opens_by_itself_and_is_not_opened_twice(
    queue: QueueUnderTest,
) -> None:
    """The first holder ends late: the slot is another job's by then."""
    await queue.add(job(id="a", unique="u", unique_ttl_ms=60_000))
    slot = queue.keys.unique("u")
    assert 0 < await queue.client.pttl(slot) <= 60_000
    await queue.client.delete(slot)
    await queue.add(job(id="b", unique="u"))

    await queue.settle((await queue.fetch(slots=1))[0], Verdict.COMPLETED)

    assert await queue.client.get(slot) == b"b"
    assert await queue.client.ttl(slot) == -1


async def test_a_job_for_later_waits_beside_the_streams(queue: QueueUnderTest) -> None:
    seconds, _ = await queue.client.time()
    due_ms = (seconds + 3600) * 1000

    answers = await queue.add(
        job(id="a", delay_ms=3_600_000, priority=Priority.LOW), job(id="b", due_ms=due_ms)
    )

    assert said(answers) == [("a", DELAYED), ("b", DELAYED)]
    assert all(answer.is_new for answer in answers)
    assert await queue.entries(Priority.LOW) == []
    assert await queue.client.zscore(queue.keys.delayed, "b") == due_ms
    assert (await queue.client.zscore(queue.keys.delayed, "a") or 0) >= due_ms
    view = await queue.look("b")
    assert (view.state, view.due_ms, view.entry) == (State.DELAYED, due_ms, "")


async def test_a_moment_that_has_passed_means_now(queue: QueueUnderTest) -> None:
    """And the answer says so."""
    [passed, plain, later] = await queue.add(
        job(id="a", due_ms=1), job(id="b"), job(id="c", delay_ms=60_000)
    )

    assert (passed.acceptance, passed.was_due) == (READY, True)
    assert not plain.was_due
    assert not later.was_due


async def test_the_farthest_moment_that_is_allowed_can_be_looked_at(queue: QueueUnderTest) -> None:
    await queue.add(job(id="a", delay_ms=MS_MAX), job(id="b", due_ms=MS_MAX))

    assert (await queue.look("b")).due_ms == MS_MAX
    assert ((await queue.look("a")).due_ms or 0) > MS_MAX


async def test_a_full_queue_refuses_what_is_new_and_says_how_full_it_is(
    queue: QueueUnderTest,
) -> None:
    """Everything counts that has not ended: waiting, delayed, running."""
    await queue.add(job(id="a"), job(id="b", delay_ms=60_000), job(id="c", priority=Priority.LOW))
    await queue.fetch(slots=1)

    answers = await queue.add(job(id="a"), job(id="d"), job(id="e"), job(id="f"), length_max=4)

    assert [(each.acceptance, each.length) for each in answers] == [
        (EXISTS, 0),
        (READY, 0),
        (FULL, 4),
        (FULL, 4),
    ]
    assert not answers[2].is_new
    assert await queue.record("e") == {}


async def test_room_is_made_by_ended_jobs(queue: QueueUnderTest) -> None:
    await queue.add(job(id="a"), length_max=1)
    assert said(await queue.add(job(id="b"), length_max=1)) == [("b", FULL)]

    await queue.settle(await queue.fetch_one(), Verdict.COMPLETED)

    assert said(await queue.add(job(id="b"), length_max=1)) == [("b", READY)]


async def test_a_call_has_a_bound_and_nothing_is_a_call_too(queue: QueueUnderTest) -> None:
    assert await queue.add() == []
    assert len(await queue.add(*(job() for _ in range(BATCH_MAX)))) == BATCH_MAX
    with pytest.raises(ValueError, match="one call takes 100 jobs, got 101"):
        await enqueue(queue.server, queue.keys, [job() for _ in range(BATCH_MAX + 1)])


async def test_a_hundred_large_payloads_go_into_one_call(queue: QueueUnderTest) -> None:
    """`unpack` and the stack of Lua have limits; a call of full size must stay below them."""
    meta: dict[str, JsonValue] = {"a": "x" * 16_000}
    answers = await queue.add(*(job(payload=b"x" * 40_000, meta=meta) for _ in range(100)))

    assert {answer.acceptance for answer in answers} == {READY}


async def test_jobs_that_arrive_before_the_first_group_are_not_skipped(
    queue: QueueUnderTest,
) -> None:
    await queue.client.flushdb()
    await queue.add(job(id="a"))
    await queue.open()

    assert (await queue.fetch_one()).id == "a"


async def test_the_record_goes_when_its_time_is_over_and_the_id_is_free_again(
    queue: QueueUnderTest,
) -> None:
    await queue.add(job(id="a"))
    short = Retention(RETENTION.lease_ms, ended_ttl_ms=1, dead_ttl_ms=1)
    answer = await queue.settle(await queue.fetch_one(), Verdict.COMPLETED, retention=short)

    while await queue.record("a"):
        await anyio.lowlevel.checkpoint()

    assert answer is Settled.RECORDED
    assert said(await queue.add(job(id="a"))) == [("a", READY)]


@pytest.mark.parametrize("delay_ms", [0, 60_000])
@pytest.mark.parametrize("attempts", [ATTEMPTS_DEFAULT, 7])
async def test_a_record_says_from_the_start_when_the_job_came_and_how_often_it_may_run(
    queue: QueueUnderTest, delay_ms: int, attempts: int
) -> None:
    before_ms = await now_ms(queue.client)
    await queue.add(job(id="a", delay_ms=delay_ms, attempts_max=attempts))
    after_ms = await now_ms(queue.client)

    view = await queue.look("a")
    assert view.attempts_max == attempts
    assert view.enqueued_ms is not None
    assert before_ms <= view.enqueued_ms <= after_ms
    await queue.cancel("a")


async def now_ms(client: Redis) -> int:
    """The clock of the server."""
    seconds, microseconds = await client.time()
    return int(seconds) * 1000 + int(microseconds) // 1000
