"""What a worker has in hand, how much more it may take, and who may end what."""

import time

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.inflight import Inflight, Stop
from tests.consumers.support.deliveries import delivery
from tests.support.waiting import wait_until


async def test_a_slot_is_taken_while_a_handler_runs_and_not_while_its_outcome_waits() -> None:
    inflight = Inflight(2)
    first = inflight.add(delivery())
    inflight.add(delivery())
    assert (inflight.free, inflight.running, len(inflight)) == (0, 2, 2)

    inflight.handler_ended(first)
    assert (inflight.free, inflight.running, len(inflight)) == (1, 1, 2)

    inflight.remove(first.delivery.token)
    assert (inflight.free, inflight.running, len(inflight)) == (1, 1, 1)


async def test_leases_are_renewed_until_the_outcome_is_recorded() -> None:
    inflight = Inflight(1)
    running = inflight.add(delivery())

    inflight.handler_ended(running)
    assert inflight.leases() == [(running.delivery.token, running.delivery.id)]

    inflight.remove(running.delivery.token)
    assert inflight.leases() == []


async def test_the_lease_of_a_handler_that_goes_on_after_its_deadline_is_not_renewed() -> None:
    inflight = Inflight(1)
    running = inflight.add(delivery())

    running.renew_until_s = time.monotonic() - 1
    assert inflight.leases() == []

    inflight.handler_ended(running)
    assert len(inflight.leases()) == 1


async def test_no_more_is_fetched_while_more_outcomes_wait_than_there_are_slots() -> None:
    inflight = Inflight(2)
    for _ in range(3):
        inflight.handler_ended(inflight.add(delivery()))

    assert inflight.running == 0
    assert inflight.free == 0


async def test_a_handler_is_ended_once_and_for_the_first_reason() -> None:
    inflight = Inflight(1)
    running = inflight.add(delivery())

    assert inflight.end([running.delivery.token], Stop.CANCELLED) == 1
    assert inflight.end_all(Stop.SHUTDOWN) == 0
    assert running.stop is Stop.CANCELLED
    assert running.scope.cancel_called


async def test_a_handler_that_has_ended_is_not_ended_again() -> None:
    """A renewal that was under way reports its lease as lost: that is no loss."""
    inflight = Inflight(1)
    running = inflight.add(delivery())
    inflight.handler_ended(running)

    assert inflight.end([running.delivery.token], Stop.LOST) == 0
    assert running.stop is None


async def test_ending_or_removing_what_is_not_in_hand_does_nothing() -> None:
    inflight = Inflight(1)
    token = delivery().token

    assert inflight.end([token], Stop.LOST) == 0
    inflight.remove(token)
    assert inflight.free == 1


async def test_an_entry_is_in_hand_under_whatever_delivery() -> None:
    inflight = Inflight(1)
    token = inflight.add(delivery()).delivery.token

    assert token in inflight
    assert inflight.has_entry(token.level, token.entry)
    assert not inflight.has_entry(token.level + 1, token.entry)
    assert not inflight.has_entry(token.level, "1-1")


async def test_slots_are_reserved_for_one_who_asks() -> None:
    inflight = Inflight(4)

    assert await inflight.reserve(1) == 1
    assert await inflight.reserve(100) == 3
    assert inflight.free == 0

    inflight.release(2)
    assert inflight.free == 2


async def test_a_reserved_slot_becomes_a_running_one() -> None:
    inflight = Inflight(1)
    slots = await inflight.reserve(1)

    inflight.add(delivery())
    assert inflight.free == 0
    inflight.release(slots)
    assert inflight.free == 0


async def test_who_waits_longest_gets_the_next_slot() -> None:
    """The fetcher comes back at once, again and again; the claimer gets its turn."""
    inflight = Inflight(1)
    turns: list[str] = []

    async def take(name: str, times: int) -> None:
        for _ in range(times):
            slots = await inflight.reserve(1)
            turns.append(name)
            await anyio.lowlevel.checkpoint()
            inflight.release(slots)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(take, "fetcher", 20)
        await anyio.lowlevel.checkpoint()
        tasks.start_soon(take, "claimer", 2)

    assert turns.index("claimer") <= 3
    assert turns[:8].count("claimer") == 2


async def test_who_waits_for_a_slot_is_told_when_there_will_be_none() -> None:
    inflight = Inflight(1)
    inflight.add(delivery())
    found: list[int] = []

    async def wait() -> None:
        found.append(await inflight.reserve(1))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        assert found == []
        inflight.close()

    assert found == [0]
    assert await inflight.reserve(1) == 0


@pytest.mark.parametrize("wait", ["wait_until_no_handler_runs", "wait_until_empty"])
async def test_who_waits_for_the_end_is_told(wait: str) -> None:
    inflight = Inflight(2)
    both = [inflight.add(delivery()) for _ in range(2)]
    ended: list[bool] = []

    async def until_end() -> None:
        await getattr(inflight, wait)()
        ended.append(True)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(until_end)
        for running in both:
            await anyio.wait_all_tasks_blocked()
            assert ended == []
            inflight.handler_ended(running)
            if wait == "wait_until_empty":
                inflight.remove(running.delivery.token)

    assert ended == [True]


@given(st.lists(st.sampled_from(["add", "end", "settle"])), st.integers(1, 5))
async def test_whatever_happens_the_numbers_agree(steps: list[str], slots: int) -> None:
    inflight = Inflight(slots)
    running, settling = [], []
    for step in steps:
        if step == "add" and inflight.free:
            running.append(inflight.add(delivery()))
        elif step == "end" and running:
            settling.append(running.pop(0))
            inflight.handler_ended(settling[-1])
        elif step == "settle" and settling:
            inflight.remove(settling.pop(0).delivery.token)

        assert inflight.running == len(running) <= slots
        assert len(inflight) == len(running) + len(settling) <= 2 * slots + 1
        assert 0 <= inflight.free <= slots
        assert len(inflight.leases()) == len(inflight)


async def test_one_suspect_runs_at_a_time_and_its_place_is_free_when_it_has_ended() -> None:
    inflight = Inflight(3)
    first, second = (inflight.add(delivery(losses=2)) for _ in range(2))

    assert (first.has_solo, second.has_solo) == (True, False)
    free = [inflight.solo_free]
    for ended in (second, first):
        inflight.handler_ended(ended)
        free.append(inflight.solo_free)

    assert free == [False, False, True]
    assert inflight.add(delivery(losses=2)).has_solo


async def test_a_suspect_that_shares_the_process_keeps_every_slot_until_it_has_ended() -> None:
    inflight = Inflight(3, solo_apart=False)
    suspect = inflight.add(delivery(losses=2))
    assert inflight.free == 0

    inflight.remove(suspect.delivery.token)
    assert (inflight.free, inflight.solo_free) == (3, True)


async def test_what_waits_before_its_handler_runs_is_ended_as_the_handler_would_be() -> None:
    inflight = Inflight(1)
    running = inflight.add(delivery())

    with running.waiting():
        running.end(Stop.SHUTDOWN)
        await anyio.Event().wait()

    assert running.stop is Stop.SHUTDOWN
    assert not running.scope.cancel_called


async def test_what_a_lost_worker_has_left_comes_before_new_jobs() -> None:
    """The claimer has waited for less time than the fetcher, and has the first slot."""
    inflight = Inflight(1)
    got: list[str] = []
    running = inflight.add(delivery())

    async def ask(who: str, *, first: bool) -> None:
        await inflight.reserve(1, first=first)
        got.append(who)
        inflight.release(1)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: ask("fetcher", first=False))
        await wait_until(lambda: inflight._waiting == 1, "the fetcher waits")
        tasks.start_soon(lambda: ask("claimer", first=True))
        await wait_until(lambda: inflight._waiting == 2, "the claimer waits")
        assert inflight.reserve_at_once(1) == 0
        inflight.remove(running.delivery.token)

    assert got == ["claimer", "fetcher"]
