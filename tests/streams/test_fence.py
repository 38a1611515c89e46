"""The fence: an outcome counts once, and only from whoever has the job."""

from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest

from streams.job import Delivery, Token
from streams.keys import NOBODY
from streams.priority import Priority
from streams.settle import Outcome, Settled, Verdict
from tests.support.queues import QueueUnderTest, job, row

pytestmark = pytest.mark.leaves_jobs

LOST, RECORDED, REPEATED = Settled.LOST, Settled.RECORDED, Settled.REPEATED
VERDICTS = list(Verdict)


async def taken(queue: QueueUnderTest, **options: Any) -> Delivery:
    """A job that is enqueued and fetched by the consumer `one`."""
    await queue.add(job(**{"id": "a", **options}))
    return await queue.fetch_one()


async def zombie_after_claim(queue: QueueUnderTest, delivery: Delivery) -> None:
    await queue.lapse(delivery)
    assert (await queue.claim("two")).deliveries


async def zombie_after_its_own_claim(queue: QueueUnderTest, delivery: Delivery) -> None:
    """The same consumer has it again: only the delivery count tells the two apart."""
    await queue.lapse(delivery)
    assert (await queue.claim("one")).deliveries


async def handed_back(queue: QueueUnderTest, delivery: Delivery) -> None:
    await queue.settle(delivery, Verdict.RELEASED)
    await queue.client.hdel(queue.keys.job("a"), "token")


async def handed_back_and_taken(queue: QueueUnderTest, delivery: Delivery) -> None:
    await handed_back(queue, delivery)
    await queue.fetch_one("two")


async def ended_by_the_next_owner(queue: QueueUnderTest, delivery: Delivery) -> None:
    await queue.lapse(delivery)
    [again] = (await queue.claim("two")).deliveries
    await queue.settle(again, Verdict.COMPLETED, detail=b'"theirs"')


async def retried_by_the_next_owner(queue: QueueUnderTest, delivery: Delivery) -> None:
    await queue.lapse(delivery)
    [again] = (await queue.claim("two")).deliveries
    await queue.settle(again, Verdict.RETRY)
    await queue.promote()
    await queue.fetch_one("two")


async def group_is_gone(queue: QueueUnderTest, delivery: Delivery) -> None:
    await queue.client.xgroup_destroy(queue.stream(delivery.token), "millstream")


async def everything_is_gone(queue: QueueUnderTest, delivery: Delivery) -> None:
    await queue.client.delete(queue.stream(delivery.token))
    await queue.client.flushdb()
    await queue.open()


WAYS_TO_LOSE = [
    zombie_after_claim,
    zombie_after_its_own_claim,
    handed_back,
    handed_back_and_taken,
    ended_by_the_next_owner,
    retried_by_the_next_owner,
    group_is_gone,
    everything_is_gone,
]


@pytest.mark.parametrize("verdict", VERDICTS)
@pytest.mark.parametrize("lose", WAYS_TO_LOSE)
async def test_a_stale_token_changes_nothing_and_is_counted(
    queue: QueueUnderTest,
    lose: Callable[[QueueUnderTest, Delivery], Awaitable[None]],
    verdict: Verdict,
) -> None:
    delivery = await taken(queue)
    await lose(queue, delivery)
    fenced = await queue.counter("fenced")
    before = await queue.contents()

    assert await queue.settle(delivery, verdict, detail=b'"mine"', delay_ms=0) is LOST

    after = await queue.contents()
    counters = queue.keys.counters
    assert {**after, counters: b""} == {**before, counters: b""}
    assert await queue.counter("fenced") == fenced + 1


@pytest.mark.parametrize(
    "forged",
    [
        {"consumer": "two"},
        {"consumer": NOBODY},
        {"deliveries": 2},
        {"deliveries": 0},
        {"entry": "1-1"},
        {"level": 1},
    ],
)
async def test_each_part_of_the_token_counts(queue: QueueUnderTest, forged: dict[str, Any]) -> None:
    delivery = await taken(queue)
    other = delivery._replace(token=delivery.token._replace(**forged))

    assert await queue.settle(other, Verdict.COMPLETED) is LOST
    assert await queue.settle(delivery, Verdict.COMPLETED) is RECORDED


@pytest.mark.parametrize("verdict", VERDICTS)
async def test_a_repeated_settle_says_so_and_records_nothing_twice(
    queue: QueueUnderTest, verdict: Verdict
) -> None:
    """Its first answer may have been lost on the way."""
    delivery = await taken(queue)
    assert await queue.settle(delivery, verdict, delay_ms=60_000) is RECORDED
    before = await queue.contents()

    assert await queue.settle(delivery, verdict, delay_ms=60_000) is REPEATED

    assert await queue.contents() == before


async def test_the_same_outcome_twice_in_one_call_is_recorded_once(queue: QueueUnderTest) -> None:
    outcome = Outcome(await taken(queue), Verdict.RETRY, attempt=row(1), delay_ms=60_000)

    assert await queue.settle_all([outcome, outcome]) == [RECORDED, REPEATED]
    assert len((await queue.look("a")).history) == 1
    assert await queue.counter("retried") == 1


async def test_a_lost_outcome_twice_in_one_call_is_lost_twice(queue: QueueUnderTest) -> None:
    outcome = Outcome(await taken(queue), Verdict.COMPLETED)
    await queue.client.xack(queue.keys.stream(Priority.NORMAL), "millstream", "0-0")
    await zombie_after_claim(queue, outcome.delivery)

    assert await queue.settle_all([outcome, outcome]) == [LOST, LOST]
    assert await queue.counter("fenced") == 2


async def test_racing_settles_of_one_delivery_record_one_outcome(queue: QueueUnderTest) -> None:
    delivery = await taken(queue)
    answers: list[Settled] = []

    async def end(verdict: Verdict) -> None:
        answers.append(await queue.settle(delivery, verdict, delay_ms=60_000))

    async with anyio.create_task_group() as tasks:
        for verdict in VERDICTS * 3:
            tasks.start_soon(end, verdict)

    assert answers.count(RECORDED) == 1
    counters = [{Verdict.RETRY: "retried"}.get(verdict, verdict.value) for verdict in VERDICTS]
    assert sum([await queue.counter(name) for name in counters]) == 1


async def test_no_token_and_no_fence_ever_comes_again(queue: QueueUnderTest) -> None:
    """Over hand-backs, losses, own claims, retries, parking and a replay."""
    tokens: list[Token] = []
    fences: list[int] = []

    async def next_one(consumer: str = "one") -> Delivery:
        delivery = await queue.fetch_one(consumer)
        seen(delivery)
        return delivery

    def seen(delivery: Delivery) -> None:
        tokens.append(delivery.token)
        fences.append(delivery.fence)

    await queue.add(job(id="a"))
    for _ in range(2):
        await queue.settle(await next_one(), Verdict.RELEASED)
        await queue.settle(await next_one("two"), Verdict.RELEASED)
        held = await next_one()
        for consumer in ("two", "two", "one"):
            await queue.lapse(held)
            [held] = (await queue.claim(consumer)).deliveries
            seen(held)
        await queue.settle(held, Verdict.RETRY)
        await queue.promote()
        await queue.settle(await next_one(), Verdict.PARKED)
        await queue.promote()
        await queue.settle(await next_one(), Verdict.DEAD, detail="x")
        await queue.replay(await queue.letter("a"))
    seen(await queue.fetch_one())

    assert len(set(tokens)) == len(tokens)
    assert fences == sorted(set(fences))
