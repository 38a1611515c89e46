"""Answers that are lost, and servers that are replaced: one recorded outcome, and one only.

Rows 6, 7, 14, 16 and 33 of the failure table.
"""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from streams.embedded import EmbeddedServer
from streams.fetch import fetch
from streams.jobs import look
from streams.server import Server
from streams.settle import Outcome, Settled, Verdict, settle
from streams.state import State
from tests.support.proxy import Mode, Proxy
from tests.support.queues import RETENTION, QueueUnderTest, job, row
from tests.support.waiting import wait_until

pytestmark = pytest.mark.leaves_jobs

VERDICTS = list(Verdict)
RECORDED, REPEATED, LOST = Settled.RECORDED, Settled.REPEATED, Settled.LOST


@pytest.fixture
async def queue(client: Redis) -> QueueUnderTest:
    """An empty queue."""
    queue = QueueUnderTest(client)
    await queue.open()
    return queue


async def settle_unheard(queue: QueueUnderTest, url: str, outcome: Outcome) -> None:
    """Settle over a connection that loses the answer."""
    consumer = outcome.delivery.token.consumer
    async with Proxy(url) as proxy:
        client = Redis.from_url(proxy.url, retry=Retry(NoBackoff(), 0), socket_timeout=1)
        async with client:
            server = Server(client)
            await look(server, queue.keys, outcome.delivery.id)
            # The first call makes the script known, so that the second one is one call.
            await settle(server, queue.keys, "nobody", [outcome], RETENTION)
            proxy.set(Mode.DROP_REPLIES)
            with pytest.raises((RedisError, OSError)):
                await settle(server, queue.keys, consumer, [outcome], RETENTION)

    async def has_arrived() -> bool:
        return (await queue.record(outcome.delivery.id)).get("token") == str(outcome.delivery.token)

    await wait_until(has_arrived, "the server has carried it out")


@pytest.mark.parametrize("verdict", VERDICTS)
async def test_an_outcome_whose_answer_was_lost_is_recorded_once(
    queue: QueueUnderTest, redis_url: str, verdict: Verdict
) -> None:
    """The same call again says that it was: the worker need not take it for a fence."""
    await queue.add(job(id="a"))
    outcome = Outcome(await queue.fetch_one(), verdict, b'"x"', row(1), 60_000)
    await settle_unheard(queue, redis_url, outcome)
    before = await queue.contents()

    assert await queue.settle_all([outcome]) == [REPEATED]

    assert await queue.contents() == before


@pytest.mark.parametrize("verdict", [Verdict.RETRY, Verdict.PARKED, Verdict.RELEASED])
async def test_the_repetition_may_come_after_another_one_has_the_job(
    queue: QueueUnderTest, redis_url: str, verdict: Verdict
) -> None:
    """Until that one has recorded something itself: a record keeps one token."""
    await queue.add(job(id="a"))
    outcome = Outcome(await queue.fetch_one(), verdict, b'"x"', row(1))
    await settle_unheard(queue, redis_url, outcome)
    await queue.promote()
    again = await queue.fetch_one("two")

    assert await queue.settle_all([outcome]) == [REPEATED]
    again = await queue.lose(again)
    assert await queue.settle_all([outcome]) == [REPEATED]
    assert await queue.settle(again, Verdict.COMPLETED) is RECORDED
    assert await queue.settle_all([outcome]) == [LOST]


async def test_a_worker_that_dies_before_it_hears_leaves_nothing_to_do(
    queue: QueueUnderTest, redis_url: str
) -> None:
    await queue.add(job(id="a"))
    outcome = Outcome(await queue.fetch_one(), Verdict.COMPLETED, b'"x"', row(1))

    await settle_unheard(queue, redis_url, outcome)

    assert await queue.claim("two") == await queue.claim("two", [])
    assert (await queue.look("a")).state is State.COMPLETED
    assert await queue.counter("completed") == 1


@pytest.fixture
def masters(server_binary: Path, tmp_path: Path) -> Iterator[tuple[EmbeddedServer, EmbeddedServer]]:
    """Two servers, one of them about to be the replica of the other."""
    config = {"repl-diskless-sync-delay": "0"}
    with (
        EmbeddedServer(server_binary, tmp_path / "old", config=config) as old,
        EmbeddedServer(server_binary, tmp_path / "new") as new,
    ):
        yield old, new


@pytest.fixture
async def old(masters: tuple[EmbeddedServer, EmbeddedServer]) -> AsyncIterator[QueueUnderTest]:
    """The queue on the master that is about to be replaced."""
    async with Redis.from_url(masters[0].url, retry=Retry(NoBackoff(), 0)) as client:
        queue = QueueUnderTest(client)
        await queue.open()
        yield queue


@pytest.fixture
async def new(masters: tuple[EmbeddedServer, EmbeddedServer]) -> AsyncIterator[QueueUnderTest]:
    """The same queue on its replica."""
    async with Redis.from_url(masters[1].url, retry=Retry(NoBackoff(), 0)) as client:
        await client.replicaof("127.0.0.1", str(masters[0].port))
        yield QueueUnderTest(client)


async def fail_over(old: QueueUnderTest, new: QueueUnderTest) -> None:
    """The replica becomes a master with all that the old one has told it so far."""

    async def has_all() -> bool:
        # WAIT would count a replica that is still loading the first copy.
        replica, master = await new.client.info("replication"), await old.client.info("replication")
        is_up: bool = replica["master_link_status"] == "up"
        return is_up and int(replica["slave_repl_offset"]) >= int(master["master_repl_offset"])

    await wait_until(has_all, "the replica has everything")
    await new.client.replicaof("NO", "ONE")


async def test_what_the_old_master_took_after_the_failover_is_lost_and_nothing_is_torn(
    old: QueueUnderTest, new: QueueUnderTest
) -> None:
    """The bound of asynchronous replication: what was acknowledged too late is not there."""
    await old.add(job(id="a"), job(id="b", delay_ms=60_000, unique="u"))
    held = await old.fetch_one("one")
    await fail_over(old, new)
    await old.add(job(id="late"))
    assert await old.settle(held, Verdict.COMPLETED) is RECORDED

    assert await new.record("late") == {}
    assert (await new.look("a")).state is State.RUNNING
    assert (await new.look("b")).state is State.DELAYED
    # The same consumer says it again: one outcome is recorded on the master that counts.
    assert await new.settle(held, Verdict.COMPLETED) is RECORDED
    assert await new.settle(held, Verdict.COMPLETED) is REPEATED
    assert (await new.add(job(id="late")))[0].is_new


async def test_a_delivery_of_the_old_master_does_not_count_against_one_of_the_new(
    old: QueueUnderTest, new: QueueUnderTest
) -> None:
    """Entry and count are the same on both: only the owner tells the two apart."""
    await old.add(job(id="a"))
    await fail_over(old, new)
    of_old = await old.fetch_one("one")
    of_new = await new.fetch_one("two")
    assert (of_old.token.entry, of_old.token.deliveries) == (
        of_new.token.entry,
        of_new.token.deliveries,
    )
    before = await new.record("a")

    for verdict in VERDICTS:
        assert await new.settle(of_old, verdict, detail=b'"old"') is LOST
    assert (await new.renew(of_old)).lost == {of_old.token}

    assert await new.record("a") == before
    assert await new.settle(of_new, Verdict.COMPLETED, detail=b'"new"') is RECORDED
    assert (await new.look("a")).result == "new"
    assert await new.counter("fenced") == len(VERDICTS)


async def test_entries_that_are_given_out_anew_are_other_jobs(
    old: QueueUnderTest, new: QueueUnderTest
) -> None:
    """After a failover the same entry id can be given to another job: ids are the client's."""
    await fail_over(old, new)
    stream = old.keys.streams["normal"]
    for queue, name in ((old, "of-old"), (new, "of-new")):
        await queue.client.xadd(stream, {"kind": "a", "payload": "{}", "id": name}, id="1-1")
    of_old, of_new = await old.fetch_one("one"), await new.fetch_one("one")
    assert of_old.token == of_new.token

    # A worker ignores a token that it has in hand already (`Pool.start`); one that did not
    # would record the end of another job here: its id goes with the outcome, not the entry's.
    assert await new.settle(of_new, Verdict.COMPLETED, detail=b'"new"') is RECORDED
    assert await new.settle(of_old, Verdict.COMPLETED, detail=b'"old"') is LOST
    assert await new.record("of-old") == {}


def newest_log(server: EmbeddedServer) -> Path:
    """The file to which the server appends what it does."""
    files = [path for path in server.directory.rglob("*.aof") if "base" not in path.name]
    return max(files, key=lambda path: path.stat().st_mtime)


@pytest.mark.parametrize("verdict", [Verdict.COMPLETED, Verdict.RETRY, Verdict.DEAD])
@pytest.mark.parametrize("part", [0.02, 0.4, 0.7, 0.98])
async def test_a_power_failure_in_the_middle_of_a_script_undoes_all_of_it(
    own_server: EmbeddedServer, verdict: Verdict, part: float
) -> None:
    """The log is cut in the middle of what the script wrote, as a torn page would do."""
    async with Redis.from_url(own_server.url, retry=Retry(NoBackoff(), 0)) as client:
        queue = QueueUnderTest(client)
        await queue.open()
        await queue.add(job(id="a", unique="u"))
        held = await queue.fetch_one()
        log = newest_log(own_server)
        before = log.stat().st_size
        await queue.settle(held, verdict, detail=b'"x"', delay_ms=60_000)
        await wait_until(lambda: log.stat().st_size > before, "the log has it")
    own_server.kill()
    after = log.stat().st_size
    with log.open("r+b") as file:
        file.truncate(before + round((after - before) * part))

    own_server.restart()

    async with Redis.from_url(own_server.url, retry=Retry(NoBackoff(), 0)) as client:
        queue = QueueUnderTest(client)
        view = await queue.look("a")
        assert (view.state, view.owner, view.history) == (State.RUNNING, "one", ())
        assert await queue.letters() == []
        assert await queue.settle(held, verdict, detail=b'"x"') is RECORDED


@pytest.mark.parametrize("part", [0.3, 0.5, 0.7, 0.9])
async def test_what_a_power_failure_has_torn_does_not_come_back_with_a_later_restart(
    own_server: EmbeddedServer, part: float
) -> None:
    """A server that cuts its file leaves the begin of the torn script in it: it is rewritten."""
    async with Redis.from_url(own_server.url, retry=Retry(NoBackoff(), 0)) as client:
        queue = QueueUnderTest(client)
        await queue.open()
        log = newest_log(own_server)
        before = log.stat().st_size
        await queue.add(job(id="torn", payload=b"x" * 2000, unique="u"))
        await wait_until(lambda: log.stat().st_size > before, "the log has it")
    own_server.kill()
    after = log.stat().st_size
    with log.open("r+b") as file:
        file.truncate(before + round((after - before) * part))
    own_server.restart()
    async with Redis.from_url(own_server.url, retry=Retry(NoBackoff(), 0)) as client:
        assert (await QueueUnderTest(client).add(job(id="next")))[0].is_new
    own_server.kill()
    own_server.restart()

    async with Redis.from_url(own_server.url, retry=Retry(NoBackoff(), 0)) as client:
        queue = QueueUnderTest(client)
        assert await queue.record("torn") == {}
        assert await client.xlen(queue.keys.streams["normal"]) == 1
        assert (await queue.fetch_one()).id == "next"


async def test_a_fetch_whose_answer_was_lost_is_found_and_handed_back(
    queue: QueueUnderTest, redis_url: str
) -> None:
    """The entry is pending under a name that does not know of it."""
    await queue.add(job(id="a"))
    async with Proxy(redis_url) as proxy:
        client = Redis.from_url(proxy.url, retry=Retry(NoBackoff(), 0), socket_timeout=1)
        async with client:
            server = Server(client)
            taken, *_ = await fetch(server, queue.keys, "one", slots=0, served=0)
            proxy.set(Mode.DROP_REPLIES)
            with pytest.raises((RedisError, OSError)):
                await fetch(server, queue.keys, "one", slots=1, served=0)
    assert taken == []

    async def is_pending() -> bool:
        return [owner for _, owner, _ in await queue.pending()] == ["one"]

    await wait_until(is_pending, "the server has given it out")
    [back] = (await queue.abandon("one")).handed_back

    again = await queue.fetch_one("two")
    assert (back.id, again.id, again.losses) == ("a", "a", 0)
