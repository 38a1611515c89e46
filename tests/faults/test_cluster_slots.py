"""On Redis Cluster: every transition runs there, and keeps to one slot.

Row 25 of the failure table. One node that has all slots refuses, of a script that declares
that it is a script of today (`#!lua`), every key that lies in another slot than those of the
call, and every key that was not declared for a slot of its own.
"""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ResponseError

from streams.cancel import Cancellation
from streams.dead import purge
from streams.embedded import EmbeddedServer
from streams.progress import note_progress
from streams.replay import Replayed
from streams.restamp import restamp
from streams.schedules import (
    Ticked,
    fire,
    put_schedule,
    read_timetable,
    suspend,
    unschedule,
)
from streams.scripts.loader import Arg, Row, Script
from streams.server import BlockingServer, Server, server_facts
from streams.settle import Outcome, Settled, Verdict
from streams.state import State
from streams.workers import retire
from tests.support.queues import QueueUnderTest, job, row
from tests.support.waiting import wait_until

SLOTS = 16_384


def of_today(script: Script) -> Script:
    """*script* with a shebang, whatever its flags: without one the slots are not checked."""
    return script if script.flags else replace(script, flags=("allow-oom",))


class CheckingServer(Server):
    """Runs all scripts with a shebang."""

    async def run(
        self,
        script: Script,
        keys: Mapping[str, str],
        args: Mapping[str, Arg],
        rows: Sequence[Row] = (),
    ) -> Any:
        return await super().run(of_today(script), keys, args, rows)


class BlockingCheckingServer(BlockingServer):
    """The same for threads."""

    def run(
        self,
        script: Script,
        keys: Mapping[str, str],
        args: Mapping[str, Arg],
        rows: Sequence[Row] = (),
    ) -> Any:
        return super().run(of_today(script), keys, args, rows)


@pytest.fixture
def node(server_binary: Path, tmp_path: Path) -> Iterator[EmbeddedServer]:
    """A node of a cluster."""
    config = {"cluster-enabled": "yes"}
    with EmbeddedServer(server_binary, tmp_path / "redis", config=config) as server:
        yield server


@pytest.fixture
async def client(node: EmbeddedServer) -> AsyncIterator[Redis]:
    """A client of the node, which has all slots."""
    async with Redis.from_url(node.url, retry=Retry(NoBackoff(), 0)) as client:
        named: Any = client
        await named.execute_command("CLUSTER", "ADDSLOTS", *range(SLOTS))

        async def is_up() -> bool:
            return "cluster_state:ok" in str(await named.execute_command("CLUSTER", "INFO"))

        await wait_until(is_up, "the cluster is up")
        yield client


@pytest.fixture
async def queue(client: Redis) -> QueueUnderTest:
    """An empty queue in the cluster."""
    queue = QueueUnderTest(
        client, server=CheckingServer(client), blocking_server=BlockingCheckingServer
    )
    await queue.open()
    return queue


async def test_a_key_of_another_slot_is_found_out(queue: QueueUnderTest) -> None:
    """So that the other test means something."""
    if (await server_facts(queue.client)).release < (7, 0):
        pytest.skip("Redis before 7.0 does not check the slots of a script's commands")
    script = Script("bad", ("key",), (), (), (), (), "return redis.call('GET', 'elsewhere')")

    with pytest.raises(ResponseError, match="slot"):
        await queue.server.run(script, keys={"key": queue.keys.delayed}, args={})


async def test_every_transition_keeps_to_its_slot(queue: QueueUnderTest) -> None:
    verdicts = list(Verdict)
    await queue.add(*(job(id=verdict.value, unique=verdict.value) for verdict in verdicts))
    await queue.add(job(id="later", delay_ms=60_000), job(id="unwanted"))
    held = {each.id: each for each in await queue.fetch()}
    assert await note_progress(queue.server, queue.keys, held["completed"], 0.5)
    assert not (await queue.renew(*held.values())).lost
    assert await queue.cancel("unwanted") is Cancellation.ASKED
    suspect = await queue.lose(held["unwanted"], 2)
    assert suspect.suspect
    outcomes = [Outcome(held[each.value], each, b'"x"', row(1), 60_000) for each in verdicts]

    answers = await queue.settle_all(outcomes)

    assert set(answers) == {Settled.RECORDED}
    await queue.abandon(suspect.token.consumer, cause="killed by SIGKILL")
    await queue.abandon("last")
    assert (await queue.claim("last")).deliveries
    await restamp(queue.server, queue.keys, lease_ms=1000)
    await queue.make_due("later")
    assert (await queue.promote())[0] == 1
    assert await queue.cancel("later") is Cancellation.CANCELLED
    letter = await queue.letter("dead")
    assert await queue.replay(letter) is Replayed.READY
    await queue.settle(await queue.fetch_one(), Verdict.DEAD, detail="x")
    assert await purge(queue.server, queue.keys, [await queue.letter("dead")]) == 1
    assert (await queue.look("completed")).state is State.COMPLETED
    assert await retire(queue.server, queue.keys, ["nobody"]) == ["nobody"]


async def test_schedules_keep_to_their_slot(queue: QueueUnderTest) -> None:
    server, keys = queue.server, queue.keys
    assert (await read_timetable(server, keys)).schedules == ()
    await put_schedule(server, keys, "s", b"{}", times="t")
    [seen] = (await read_timetable(server, keys)).schedules
    new = job(id="a", unique="u")

    fired = await fire(server, keys, seen, new, tick_ms=seen.last_ms, overlap=False)

    assert fired[0] is Ticked.READY
    assert await suspend(server, keys, "s", paused=True)
    await unschedule(server, keys, "s")


async def test_a_node_that_is_down_says_so_and_goes_on_later(queue: QueueUnderTest) -> None:
    await queue.add(job(id="a"))
    named: Any = queue.client
    slot: Any = await named.execute_command("CLUSTER", "KEYSLOT", queue.keys.delayed)
    await named.execute_command("CLUSTER", "DELSLOTS", slot)

    with pytest.raises((redis.exceptions.ClusterDownError, ResponseError)):
        await queue.fetch()

    await named.execute_command("CLUSTER", "ADDSLOTS", slot)

    async def goes_on() -> bool:
        try:
            return [each.id for each in await queue.fetch()] == ["a"]
        except redis.exceptions.RedisError:
            return False

    await wait_until(goes_on, "the slot is served again")
