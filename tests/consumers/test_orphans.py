"""What is pending under a worker's name is compared with what it has in hand."""

import anyio
import pytest
from redis.asyncio import Redis

from consumers.inflight import Inflight
from consumers.logs import open_logger
from consumers.metrics import Metrics
from consumers.orphans import Orphans
from streams.job import Delivery
from streams.settle import Verdict
from tests.support.queues import RETENTION, QueueUnderTest, job

ME = "one"

pytestmark = pytest.mark.leaves_jobs


class Bench:
    """A consumer without its worker."""

    def __init__(self, client: Redis) -> None:
        self.queue = QueueUnderTest(client)
        self.inflight = Inflight(8)
        self.orphans = Orphans(
            self.queue.server,
            self.queue.keys,
            ME,
            RETENTION,
            self.inflight,
            Metrics("test", frozenset(), 8),
            open_logger("critical"),
        )

    async def fetched(self, job_id: str) -> Delivery:
        """A job that ME has fetched."""
        await self.queue.add(job(id=job_id))
        return await self.queue.fetch_one(ME)

    async def owner(self) -> str:
        """Who has the one pending job."""
        [(_, owner, _)] = await self.queue.pending()
        return owner


@pytest.fixture
async def bench(client: Redis) -> Bench:
    bench = Bench(client)
    await bench.queue.open()
    return bench


async def test_what_nobody_runs_is_handed_back_and_costs_nothing(bench: Bench) -> None:
    await bench.fetched("a")

    assert await bench.orphans.hand_back() == 1
    assert await bench.orphans.hand_back() == 0

    again = await bench.queue.fetch_one("two")
    assert again.id == "a"
    assert (await bench.queue.look("a")).losses == 0


async def test_what_runs_is_left_alone_and_so_is_what_waits_for_its_record(bench: Bench) -> None:
    running = bench.inflight.add(await bench.fetched("a"))

    assert await bench.orphans.hand_back() == 0
    bench.inflight.handler_ended(running)
    assert await bench.orphans.hand_back() == 0
    assert await bench.owner() == ME


async def test_an_older_run_of_the_same_entry_ends_before_it_is_handed_back(bench: Bench) -> None:
    """Or the job would overlap itself: the old handler is being stopped."""
    delivery = await bench.fetched("a")
    bench.inflight.add(delivery)
    await bench.queue.lapse(delivery)
    [newer] = (await bench.queue.claim(ME)).deliveries
    assert newer.token != delivery.token

    assert await bench.orphans.hand_back() == 0
    bench.inflight.remove(delivery.token)
    assert await bench.orphans.hand_back() == 1


async def test_what_a_claim_under_way_may_bring_is_left_alone(bench: Bench) -> None:
    token = (await bench.fetched("a")).token
    bench.inflight.expected.add((token.level, token.entry))

    assert await bench.orphans.hand_back() == 0
    bench.inflight.expected.clear()
    assert await bench.orphans.hand_back() == 1


async def test_a_claim_whose_answer_was_lost_is_charged_once(bench: Bench) -> None:
    """The consumer before lost the job; who claimed it and never heard so did not."""
    await bench.queue.add(job(id="a"))
    lost = await bench.queue.fetch_one("gone")
    await bench.queue.lapse(lost)
    await bench.queue.claim(ME)

    assert await bench.orphans.hand_back() == 1

    again = await bench.queue.fetch_one("two")
    await bench.queue.settle(again, Verdict.COMPLETED)
    view = await bench.queue.look("a")
    assert view.losses == 1
    assert [row["consumer"] for row in view.history if row["outcome"] == "lost"] == ["gone"]


async def test_what_the_server_refuses_to_record_is_left_to_its_lease(bench: Bench) -> None:
    """Handed back it would run at once, be refused again, and so on without an end."""
    delivery = await bench.fetched("a")
    bench.orphans.leave(delivery.token)

    assert await bench.orphans.hand_back() == 0
    assert await bench.owner() == ME


async def test_no_comparison_comes_between_a_read_and_its_jobs(bench: Bench) -> None:
    found: list[int] = []

    async def compare() -> None:
        found.append(await bench.orphans.hand_back())

    async with anyio.create_task_group() as both, bench.orphans.reading():
        both.start_soon(compare)
        delivery = await bench.fetched("a")
        await anyio.wait_all_tasks_blocked()
        assert found == []
        bench.inflight.add(delivery)

    assert found == [0]
