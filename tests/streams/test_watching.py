"""Many listeners hear over one connection, and who misses something is told so."""

from collections.abc import AsyncIterator

import anyio
import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as LostConnectionError

from streams.embedded import EmbeddedServer
from streams.events import ALL_JOBS
from streams.server import Server
from streams.settle import Verdict
from streams.watching import LISTENED_MAX, QUEUED_MAX, Heard, Listener, Watching
from tests.support.queues import QueueUnderTest, job
from tests.support.waiting import TIMEOUT_S, wait_until

pytestmark = pytest.mark.leaves_jobs


@pytest.fixture
async def watching(queue: QueueUnderTest) -> AsyncIterator[Watching]:
    """Listens to the queue."""
    watching = Watching(queue.server, queue.keys)
    yield watching
    await watching.close()


async def ids_heard(listener: Listener, count: int) -> list[str]:
    """The jobs of the next *count* events."""
    found: list[str] = []
    with anyio.fail_after(TIMEOUT_S):
        while len(found) < count:
            heard = await listener.hear(timeout_s=TIMEOUT_S)
            assert not heard.has_gap
            found += [each.event.id for each in heard.told]
    return found


async def blocked_readers(client: Redis) -> int:
    return sum(each["cmd"] == "xread" for each in await client.client_list())


async def test_each_listener_hears_of_its_jobs_and_all_over_one_connection(
    queue: QueueUnderTest, watching: Watching
) -> None:
    async with (
        watching.listen(["a"]) as one,
        watching.listen(["a", "b"]) as both,
        watching.listen([ALL_JOBS]) as every,
    ):
        await queue.add(*(job(id=name) for name in "abc"))

        assert await ids_heard(one, 1) == ["a"]
        assert await ids_heard(both, 2) == ["a", "b"]
        assert await ids_heard(every, 3) == ["a", "b", "c"]
        assert await blocked_readers(queue.client) == 1


async def test_nobody_reads_when_nobody_listens_any_more(
    queue: QueueUnderTest, watching: Watching
) -> None:
    async with watching.listen(["a"]), watching.listen(["a"]):
        await wait_until(lambda: blocked_readers(queue.client), "it reads")

    async def is_quiet() -> bool:
        return await blocked_readers(queue.client) == 0

    await wait_until(is_quiet, "it does not read")
    async with watching.listen(["b"]) as again:
        await queue.add(job(id="a"), job(id="b"))
        assert await ids_heard(again, 1) == ["b"]


async def test_a_job_that_is_forgotten_is_not_heard_of(
    queue: QueueUnderTest, watching: Watching
) -> None:
    async with watching.listen(["a", "b"]) as listener:
        watching.forget(listener, ["a"])
        await queue.add(job(id="a"), job(id="b"))

        assert await ids_heard(listener, 1) == ["b"]


async def test_who_does_not_keep_up_is_told_so_and_holds_no_more_than_the_latest(
    queue: QueueUnderTest, watching: Watching
) -> None:
    async with watching.listen([ALL_JOBS]) as slow, watching.listen([ALL_JOBS]) as quick:
        for at in range(0, QUEUED_MAX + 100, 100):
            await queue.add(*(job(id=str(at + n)) for n in range(100)))
            await ids_heard(quick, 100)

        heard = await slow.hear(timeout_s=TIMEOUT_S)

    assert heard.has_gap
    assert [each.event.id for each in heard.told][-1] == str(QUEUED_MAX + 99)
    assert len(heard.told) <= QUEUED_MAX


async def test_nothing_is_heard_where_nothing_happens(watching: Watching) -> None:
    async with watching.listen(["a"]) as listener:
        assert await listener.hear(timeout_s=0.0) == Heard([], has_gap=False)


async def test_too_many_jobs_are_refused(watching: Watching) -> None:
    with pytest.raises(ValueError, match=f"takes {LISTENED_MAX} ids, got {LISTENED_MAX + 1}"):
        async with watching.listen([str(n) for n in range(LISTENED_MAX + 1)]):
            pytest.fail("it listens")


async def test_events_go_on_after_an_outage_and_what_was_missed_is_told(
    own_server: EmbeddedServer,
) -> None:
    """A server that comes back without its data has forgotten who watches."""
    async with Redis.from_url(own_server.url) as client:
        queue = QueueUnderTest(client, server=Server(client))
        watching = Watching(queue.server, queue.keys)
        async with watching.listen(["a"]) as listener:
            await client.flushall()
            await anyio.to_thread.run_sync(own_server.restart)

            with anyio.fail_after(TIMEOUT_S):
                while not (await listener.hear(timeout_s=TIMEOUT_S)).has_gap:
                    pass
            async with Redis.from_url(own_server.url) as fresh:
                after = QueueUnderTest(fresh)
                await after.open()
                await after.add(job(id="a"))
                assert await ids_heard(listener, 1) == ["a"]
                await after.settle(await after.fetch_one(), Verdict.COMPLETED)
                assert await ids_heard(listener, 1) == ["a"]
        await watching.close()


async def test_who_still_listens_when_all_is_closed_is_told_so(watching: Watching) -> None:
    async with watching.listen(["a"]) as listener:
        await watching.close()

        with pytest.raises(LostConnectionError, match="the producer was closed"):
            await listener.hear(timeout_s=TIMEOUT_S)
