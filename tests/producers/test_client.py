"""Asking for work, and what becomes of it."""

from datetime import timedelta
from itertools import pairwise
from typing import ClassVar

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from producers.batch import BatchReport, chunks
from producers.client import Producer
from producers.errors import AnswerLostError, JobFailedError
from producers.order import new_job
from producers.payloads.base import Payload
from streams.cancel import Cancellation
from streams.connection import open_client
from streams.enqueue import BATCH_BYTES_MAX, BATCH_MAX, Acceptance
from streams.errors import (
    InvalidJobError,
    QueueFullError,
    ServerUnavailableError,
    SettingsError,
    UnknownJobError,
)
from streams.job import NewJob
from streams.server import Server
from streams.settle import Verdict
from streams.state import State
from tests.support.proxy import Mode, Proxy
from tests.support.queues import QueueUnderTest, row
from tests.support.waiting import wait_until

pytestmark = pytest.mark.leaves_jobs

SOON = timedelta(seconds=15)


class Echo(Payload):
    """Says a number."""

    kind: ClassVar[str] = "test.echo"

    number: int = 0


async def test_an_enqueued_job_arrives(jobs: Producer, queue: QueueUnderTest) -> None:
    answer = await jobs.enqueue(Echo(number=7), id="a", priority="high", meta={"a": 1})

    delivery = await queue.fetch_one()
    assert (answer.id, answer.acceptance, answer.is_new) == ("a", Acceptance.READY, True)
    assert (delivery.id, delivery.kind, delivery.payload) == ("a", "test.echo", b'{"number":7}')
    assert (delivery.token.level, delivery.meta) == (2, {"a": 1})


async def test_the_answer_names_the_job_that_was_there_before(jobs: Producer) -> None:
    first = await jobs.enqueue(Echo(), unique="u")
    again = await jobs.enqueue(Echo(), unique="u")
    repeated = await jobs.enqueue(Echo(), id=first.id)

    assert (again.id, again.is_new) == (first.id, False)
    assert (repeated.id, repeated.acceptance) == (first.id, Acceptance.EXISTS)


async def test_a_job_for_later_is_told_from_one_for_now(jobs: Producer) -> None:
    answer = await jobs.enqueue(Echo(), delay=timedelta(hours=1))

    assert answer.acceptance is Acceptance.DELAYED
    assert (await jobs.get(answer.id)).state is State.DELAYED


async def test_a_call_whose_answer_was_lost_may_be_repeated(
    redis_url: str, queue: QueueUnderTest
) -> None:
    """The library must not repeat by itself, and our own repetition makes no second job."""
    async with Proxy(redis_url) as proxy:
        client = open_client(proxy.url, reply_timeout_s=0.2)
        producer = Producer(Server(client), queue.keys.queue)
        await producer.enqueue(Echo(), id="warm-up")
        proxy.set(Mode.DROP_REPLIES)
        with pytest.raises(AnswerLostError, match="the job 'a' may be in the queue") as lost:
            await producer.enqueue(Echo(), id="a")
        assert lost.value.job_ids == ("a",)
        proxy.set(Mode.RELAY)

        answer = await producer.enqueue(Echo(), id="a")
        await client.aclose()

    assert answer.acceptance is Acceptance.EXISTS
    assert [each.id for each in await queue.fetch()] == ["warm-up", "a"]


async def test_a_full_queue_is_an_error_with_the_numbers(redis_url: str) -> None:
    async with Producer.connect(redis_url, queue="test", length_max=2) as jobs:
        await jobs.enqueue(Echo())
        await jobs.enqueue(Echo(), delay=timedelta(hours=1))

        with pytest.raises(QueueFullError, match="holds 2 jobs and may hold 2") as refusal:
            await jobs.enqueue(Echo())

    assert (refusal.value.queue, refusal.value.length, refusal.value.length_max) == ("test", 2, 2)


async def test_many_jobs_are_counted_as_new_existing_or_refused(
    redis_url: str, queue: QueueUnderTest
) -> None:
    async with Producer.connect(redis_url, queue="test", length_max=250) as jobs:
        await jobs.enqueue_many(new_job(Echo(), id=str(n)) for n in range(50))
        report = await jobs.enqueue_many(new_job(Echo(), id=str(n)) for n in range(300))

    assert report == BatchReport(accepted=200, existing=50, refused=50)
    assert report.total == 300
    assert len(await queue.entries()) == 250


async def test_many_may_be_none(jobs: Producer) -> None:
    assert await jobs.enqueue_many([]) == BatchReport(0, 0, 0)


async def test_a_batch_is_a_round_trip_for_a_hundred_jobs(
    jobs: Producer, queue: QueueUnderTest
) -> None:
    await jobs.enqueue(Echo())
    before = (await queue.client.info("commandstats"))["cmdstat_evalsha"]["calls"]

    await jobs.enqueue_many(new_job(Echo()) for _ in range(250))

    after = (await queue.client.info("commandstats"))["cmdstat_evalsha"]["calls"]
    assert after - before == 3


SIZES = st.lists(
    st.integers(0, 10) | st.sampled_from([2**20, 2**20 - 1, 2**19, 300_000]), max_size=250
)


@settings(max_examples=50, deadline=None)
@given(sizes=SIZES)
def test_calls_are_bounded_by_number_and_bytes_and_lose_nothing(sizes: list[int]) -> None:
    sent = [NewJob(kind="a", payload=bytes(size), id=str(n)) for n, size in enumerate(sizes)]

    calls = list(chunks(iter(sent)))

    assert [job for call in calls for job in call] == sent
    for call in calls:
        assert 1 <= len(call) <= BATCH_MAX
        assert sum(len(job.payload) for job in call) <= BATCH_BYTES_MAX
    for one, following in pairwise(calls):
        one_more = sum(len(job.payload) for job in [*one, following[0]])
        assert len(one) == BATCH_MAX or one_more > BATCH_BYTES_MAX


async def test_a_result_is_waited_for(jobs: Producer, queue: QueueUnderTest) -> None:
    await jobs.enqueue(Echo(), id="a")
    results: list[object] = []

    async def wait() -> None:
        results.append(await jobs.result("a", timeout=SOON))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wait)
        delivery = await queue.fetch_one()
        await anyio.wait_all_tasks_blocked()
        assert results == []
        await queue.settle(delivery, Verdict.COMPLETED, detail=b'{"bytes":[1,2]}')

    assert results == [{"bytes": [1, 2]}]


async def test_a_handler_that_returned_nothing_is_no_error(
    jobs: Producer, queue: QueueUnderTest
) -> None:
    await jobs.enqueue(Echo(), id="a")
    await queue.settle(await queue.fetch_one(), Verdict.COMPLETED)

    assert await jobs.result("a", timeout=SOON) is None


async def test_a_wait_has_an_end_and_the_job_goes_on(jobs: Producer, queue: QueueUnderTest) -> None:
    await jobs.enqueue(Echo(), id="a")

    with pytest.raises(TimeoutError):
        await jobs.result("a", timeout=timedelta(milliseconds=30))

    assert (await queue.fetch_one()).id == "a"


@pytest.mark.parametrize(
    ("verdict", "said"),
    [
        (Verdict.DEAD, "the job 'a' ended as dead: no such layer"),
        (Verdict.CANCELLED, "the job 'a' ended as cancelled"),
    ],
)
async def test_a_job_that_ended_without_success_is_an_error_with_its_cause(
    jobs: Producer, queue: QueueUnderTest, verdict: Verdict, said: str
) -> None:
    await jobs.enqueue(Echo(), id="a")
    await queue.settle(await queue.fetch_one(), verdict, detail="no such layer")

    with pytest.raises(JobFailedError) as failure:
        await jobs.result("a", timeout=SOON)

    assert str(failure.value) == said
    assert failure.value.state.value == verdict.value


async def test_a_retry_is_no_end(jobs: Producer, queue: QueueUnderTest) -> None:
    await jobs.enqueue(Echo(), id="a")
    await queue.settle(await queue.fetch_one(), Verdict.RETRY, attempt=row(1))
    with pytest.raises(TimeoutError):
        await jobs.result("a", timeout=timedelta(milliseconds=20))
    await queue.promote()
    await queue.settle(await queue.fetch_one(), Verdict.COMPLETED, detail=b"1")

    assert await jobs.result("a", timeout=SOON) == 1


async def test_a_job_that_nobody_knows_is_told(jobs: Producer) -> None:
    with pytest.raises(UnknownJobError, match="no record of the job 'nobody'"):
        await jobs.get("nobody")
    with pytest.raises(UnknownJobError, match="no record of the job 'nobody'"):
        await jobs.result("nobody", timeout=SOON)
    assert await jobs.cancel("nobody") is Cancellation.UNKNOWN


async def test_a_waiting_job_can_be_cancelled_and_a_running_one_is_asked(
    jobs: Producer, queue: QueueUnderTest
) -> None:
    await jobs.enqueue(Echo(), id="runs")
    await queue.fetch_one()
    await jobs.enqueue(Echo(), id="waits")

    assert await jobs.cancel("runs") is Cancellation.ASKED
    assert await jobs.cancel("waits") is Cancellation.CANCELLED
    assert (await jobs.get("waits")).state is State.CANCELLED
    assert 0 < await queue.client.pttl(queue.keys.job("waits")) <= 600_000


async def test_a_cancelled_job_ends_the_wait_for_it(jobs: Producer) -> None:
    await jobs.enqueue(Echo(), id="a", delay=timedelta(hours=1))

    async def cancel() -> None:
        await jobs.cancel("a")

    with pytest.RaisesGroup(pytest.RaisesExc(JobFailedError, match="ended as cancelled")):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(cancel)
            await jobs.result("a", timeout=SOON)


async def test_producers_of_two_queues_do_not_see_each_others_jobs(redis_url: str) -> None:
    async with (
        Producer.connect(redis_url, queue="one") as one,
        Producer.connect(redis_url, queue="other") as other,
    ):
        await one.enqueue(Echo(), id="a", unique="u")

        assert (await other.enqueue(Echo(), id="a", unique="u")).is_new
        assert (one.queue, other.queue) == ("one", "other")


async def test_what_cannot_work_is_told_before_anything_is_sent(redis_url: str) -> None:
    for url, queue, error in (
        (redis_url, "No Queue", InvalidJobError),
        ("http://localhost", "test", SettingsError),
        ("redis://127.0.0.1:1", "test", ServerUnavailableError),
    ):
        with pytest.raises(error):
            async with Producer.connect(url, queue=queue):
                pytest.fail("it was opened")


async def test_a_producer_leaves_no_connection_behind(redis_url: str, client: Redis) -> None:
    async def connections() -> int:
        return sum(each["name"] == "millstream" for each in await client.client_list())

    async with Producer.connect(redis_url, queue="test") as jobs:
        await jobs.enqueue(Echo())
        assert await connections() == 1

    async def none_left() -> bool:
        return await connections() == 0

    await wait_until(none_left, "the server has seen the connection end")
