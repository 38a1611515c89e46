"""The doctor at a real server: each breakage is made by hand and found."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from streams.doctor.diagnose import diagnose
from streams.doctor.finding import Finding, Severity
from streams.embedded import EmbeddedServer
from streams.keys import GROUP
from streams.priority import Priority
from streams.server import Server, server_facts
from streams.settle import Verdict
from streams.workers import WorkerInfo
from tests.support.queues import QueueUnderTest, job, row, url_of
from tests.support.waiting import wait_until

pytestmark = pytest.mark.leaves_jobs


async def round_of(queue: QueueUnderTest) -> Mapping[str, Finding]:
    """One round, by the names of the checks."""
    found = await diagnose(queue.server, url_of(queue.client), [queue.keys])
    assert len({each.check for each in found}) == len(found)
    return {each.check: each for each in found}


async def beat(queue: QueueUnderTest) -> None:
    """A worker lives."""
    info = WorkerInfo("w:1:aa", "w", "mill", 1, "0.1", 4, 1, 10_000)
    seconds, _ = await queue.client.time()
    await queue.client.hset(queue.keys.workers, "w:1:aa", info.to_json())
    await queue.client.hset(queue.keys.workers, "beat:w:1:aa", str(seconds * 1000))


async def test_a_queue_at_work_is_healthy(queue: QueueUnderTest) -> None:
    await beat(queue)
    await queue.add(job(), job(id="later", delay_ms=60_000))
    await queue.settle(await queue.fetch_one(), Verdict.COMPLETED, detail=b"1")
    await queue.add(job(id="again"))
    await queue.settle(await queue.fetch_one(), Verdict.RETRY, attempt=row(1), delay_ms=60_000)
    await queue.add_raw({"kind": "test.echo", "payload": "{}"})
    await queue.settle(await queue.fetch_one(), Verdict.PARKED, delay_ms=60_000)
    await queue.cancel("later")

    found = [each for each in (await round_of(queue)).values() if each.queue]

    old = (await server_facts(queue.client)).release < (7, 0)
    seen = {each.check: each.severity for each in found if each.severity is not Severity.OK}
    assert seen == ({"entries": Severity.UNKNOWN} if old else {})


async def test_jobs_without_a_worker_fail(queue: QueueUnderTest) -> None:
    await queue.add(job())

    assert (await round_of(queue))["workers"].severity is Severity.FAIL


async def test_a_stream_without_a_group_is_found(client: Redis) -> None:
    queue = QueueUnderTest(client)
    await queue.add(job())

    found = (await round_of(queue))["groups"]

    assert found.severity is Severity.WARN
    assert found.found == "no consumer group on normal: nobody takes what is there"


async def test_what_a_silent_consumer_has_is_found(queue: QueueUnderTest) -> None:
    await queue.add(job())
    await queue.fetch_one("gone:1:aa")
    info = WorkerInfo("gone:1:aa", "w", "mill", 1, "0.1", 4, 1, lease_ms=1)
    await queue.client.hset(queue.keys.workers, "gone:1:aa", info.to_json())
    await queue.client.hset(queue.keys.workers, "beat:gone:1:aa", "1")

    async def is_found() -> bool:
        return (await round_of(queue))["claiming"].severity is Severity.FAIL

    await wait_until(is_found, "three leases of a millisecond are over")

    found = (await round_of(queue))["claiming"]
    assert "1 job of 1 silent consumer not taken over (gone:1:aa" in found.found


async def test_an_overdue_job_is_found(queue: QueueUnderTest) -> None:
    await queue.add(job(id="one", delay_ms=60_000))
    await queue.make_due("one")

    assert (await round_of(queue))["delayed"].severity is Severity.FAIL


async def test_a_recent_death_is_news(queue: QueueUnderTest) -> None:
    await queue.add(job())
    await queue.settle(await queue.fetch_one(), Verdict.DEAD, detail="no use")

    found = (await round_of(queue))["dead letters"]

    assert (found.severity, found.found[:2]) == (Severity.WARN, "1,")


async def test_entries_that_somebody_trimmed_are_counted(queue: QueueUnderTest) -> None:
    """An XADD with MAXLEN, as it stands in many a tutorial."""
    if (await server_facts(queue.client)).release < (7, 0):
        pytest.skip("this server does not count what was added")
    await queue.add(*(job() for _ in range(5)))

    raw: Any = queue.client
    stream = queue.keys.stream(Priority.NORMAL)
    await raw.execute_command("XADD", stream, "MAXLEN", 1, "*", "kind", "x", "payload", "{}")

    found = (await round_of(queue))["entries"]
    assert (found.severity, "at least 5 left" in found.found) == (Severity.FAIL, True)


async def test_what_a_server_does_not_count_is_unknown_and_never_an_accusation(
    any_binary: Path, tmp_path: Path
) -> None:
    with EmbeddedServer(any_binary, tmp_path / "redis") as server:
        async with Redis.from_url(server.url) as client:
            queue = QueueUnderTest(client)
            await queue.open()
            await queue.add(job())
            old = (await server_facts(client)).release < (7, 0)

            found = (await round_of(queue))["entries"]

    assert found.severity is (Severity.UNKNOWN if old else Severity.OK)


async def test_a_job_whose_consumer_was_removed_is_found(queue: QueueUnderTest) -> None:
    await queue.add(job())
    assert (await round_of(queue))["stranded"].severity is Severity.OK
    delivery = await queue.fetch_one()
    assert (await round_of(queue))["stranded"].severity is Severity.OK

    await queue.client.xgroup_delconsumer(queue.stream(delivery.token), GROUP, "one")

    assert (await round_of(queue))["stranded"].severity is Severity.FAIL


async def test_a_consumer_that_left_is_not_yet_left_over(queue: QueueUnderTest) -> None:
    await queue.client.xgroup_createconsumer(queue.keys.stream(Priority.LOW), GROUP, "x:1:aa")

    assert (await round_of(queue))["consumers"].severity is Severity.OK


@pytest.fixture
async def own_queue(own_server: EmbeddedServer) -> AsyncIterator[QueueUnderTest]:
    """A queue on a server whose settings a test may change."""
    async with Redis.from_url(own_server.url) as client:
        queue = QueueUnderTest(client)
        await queue.open()
        yield queue


async def test_settings_that_lose_jobs_are_found(own_queue: QueueUnderTest) -> None:
    for name, value in (
        ("maxmemory-policy", "allkeys-lru"),
        ("appendonly", "no"),
        ("maxmemory", "1"),
        ("appendfsync", "no"),
    ):
        await own_queue.client.config_set(name, value)

    found = await round_of(own_queue)

    failed = {name for name, each in found.items() if each.severity is Severity.FAIL}
    assert {"eviction", "append-only file", "memory"} <= failed
    assert found["fsync"].severity is Severity.WARN


async def test_who_may_not_ask_for_settings_hears_unknown(
    own_queue: QueueUnderTest, own_server: EmbeddedServer
) -> None:
    admin = own_queue.client
    await admin.acl_setuser(
        "looker",
        enabled=True,
        passwords=["+secret"],
        keys=["*"],
        commands=["+@all", "-config", "-acl"],
    )
    url = own_server.url.replace("redis://", "redis://looker:secret@")
    async with Redis.from_url(url) as client:
        found = {each.check: each for each in await diagnose(Server(client), url, [own_queue.keys])}

    assert found["fsync"].severity is Severity.UNKNOWN
    assert found["access"].severity is Severity.UNKNOWN
    assert found["append-only file"].severity is Severity.OK
    assert not [each for each in found.values() if "secret" in each.found + each.advice]
