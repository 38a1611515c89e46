"""Leases: renewed by whoever has them, and never taken back."""

import anyio
import pytest

from streams.connection import open_blocking_client
from streams.job import Token
from streams.keys import NOBODY
from streams.renew import RENEW_MAX, Renewal, renew
from streams.server import BlockingServer
from streams.settle import Settled, Verdict
from streams.workers import seen_workers
from tests.support.queues import QueueUnderTest, job, url_of

pytestmark = pytest.mark.leaves_jobs

KEPT = Renewal(frozenset(), frozenset())


async def test_a_renewal_starts_the_lease_anew_and_changes_no_token(queue: QueueUnderTest) -> None:
    await queue.add(job(id="a"))
    delivery = await queue.fetch_one()
    await queue.lapse(delivery)

    assert await queue.renew(delivery) == KEPT

    assert await queue.sweep() == []
    assert await queue.pending() == [(delivery.token.entry, "one", 1)]
    assert await queue.settle(delivery, Verdict.COMPLETED) is Settled.RECORDED


async def test_a_frozen_consumer_learns_what_it_has_lost_and_takes_nothing_back(
    queue: QueueUnderTest,
) -> None:
    """XCLAIM alone would steal the entry from whoever runs it now."""
    await queue.add(*(job(id=name) for name in "abc"))
    lost, settled, kept = await queue.fetch()
    await queue.lapse(lost)
    await queue.claim("two")
    await queue.settle(settled, Verdict.COMPLETED)

    renewal = await queue.renew(lost, settled, kept)

    assert renewal == Renewal(frozenset({lost.token, settled.token}), frozenset())
    assert (lost.token.entry, "two", 2) in await queue.pending()


async def test_what_was_handed_back_is_lost(queue: QueueUnderTest) -> None:
    await queue.add(job(id="a"))
    delivery = await queue.fetch_one()
    await queue.settle(delivery, Verdict.RELEASED)

    assert (await queue.renew(delivery)).lost == {delivery.token}
    assert await queue.pending() == [(delivery.token.entry, NOBODY, 1)]


async def test_an_older_delivery_of_ones_own_is_lost(queue: QueueUnderTest) -> None:
    await queue.add(job(id="a"))
    first = await queue.fetch_one()
    await queue.lapse(first)
    [second] = (await queue.claim("one")).deliveries

    assert await queue.renew(first, second) == Renewal(frozenset({first.token}), frozenset())


async def test_a_wish_to_cancel_is_told(queue: QueueUnderTest) -> None:
    await queue.add(job(id="a"), job(id="b"))
    asked, other = await queue.fetch()
    await queue.cancel("a")

    assert await queue.renew(asked, other) == Renewal(frozenset(), frozenset({asked.token}))


async def test_entries_that_never_were_and_groups_that_are_gone_are_lost(
    queue: QueueUnderTest,
) -> None:
    await queue.add(job(id="a"))
    delivery = await queue.fetch_one()
    await queue.client.flushdb()

    assert (await queue.renew(delivery)).lost == {delivery.token}


async def test_each_renewal_is_a_beat_of_the_consumer(queue: QueueUnderTest) -> None:
    await queue.renew()

    [worker] = await seen_workers(queue.client, queue.keys)
    seconds, _ = await queue.client.time()
    assert (worker.consumer, worker.name) == ("one", "w")
    assert abs(worker.beat_ms - seconds * 1000) < 60_000


async def test_more_than_one_call_can_renew_goes_in_several(queue: QueueUnderTest) -> None:
    count = 2 * RENEW_MAX + 1
    for start in range(0, count, 100):
        await queue.add(*(job() for _ in range(min(100, count - start))))
    held = [each for _ in range(3) for each in await queue.fetch()]
    await queue.lapse(*held)
    await queue.lapse(held[-1])
    await queue.claim("two", (await queue.sweep())[-1:])

    renewal = await queue.renew(*held)

    assert renewal == Renewal(frozenset({held[-1].token}), frozenset())
    assert await queue.sweep() == []


async def test_an_entry_without_its_body_keeps_its_pending_row(queue: QueueUnderTest) -> None:
    """Servers from 7.0 on drop the row when such an entry is claimed, renewal or not.

    So the run may still be recorded, and if it is not, the claimer finds the row.
    """
    await queue.add(job(id="a"), job(id="b"))
    settled, silent = await queue.fetch()
    await queue.lapse(settled, silent)
    for delivery in (settled, silent):
        await queue.client.xdel(queue.stream(delivery.token), delivery.token.entry)

    assert await queue.renew(settled, silent) == KEPT
    assert await queue.settle(settled, Verdict.COMPLETED) is Settled.RECORDED
    claimed = await queue.claim("two")

    assert (await queue.look("a")).state.is_end
    assert [each.entry for each in claimed.dead] == [silent.token.entry]
    assert {letter.cause for letter in await queue.letters()} == {"body lost"}


async def test_a_renewal_races_with_a_claim_and_one_of_them_wins(queue: QueueUnderTest) -> None:
    await queue.add(*(job() for _ in range(40)))
    held = await queue.fetch()
    await queue.lapse(*held)
    claimed: list[Token] = []
    lost: set[Token] = set()

    async def take() -> None:
        claimed.extend(each.token for each in (await queue.claim("two")).deliveries)

    def keep() -> None:
        with open_blocking_client(url_of(queue.client)) as client:
            server = BlockingServer(client)
            for delivery in held:
                pair = [(delivery.token, delivery.id)]
                lost.update(renew(server, queue.keys, "one", "{}", pair).lost)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(take)
        await anyio.to_thread.run_sync(keep)

    assert {token.entry for token in claimed} == {token.entry for token in lost}
    owners = {entry: owner for entry, owner, _ in await queue.pending()}
    assert owners == {each.token.entry: "two" if each.token in lost else "one" for each in held}
