"""Which refusals of a server are waited out, and which end the try."""

import pytest
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from consumers.roles.settler import _passes
from streams.embedded import EmbeddedServer
from streams.settle import Verdict
from tests.support.queues import QueueUnderTest, job


@pytest.mark.parametrize("trouble", ["replica", "no replicas"])
async def test_a_server_that_is_being_replaced_is_waited_for(
    own_server: EmbeddedServer, trouble: str
) -> None:
    """The outcome stays in hand: given up, the job would run a second time elsewhere."""
    async with Redis.from_url(own_server.url) as client:
        queue = QueueUnderTest(client)
        await queue.open()
        await queue.add(job(id="a"))
        delivery = await queue.fetch_one()
        if trouble == "replica":
            await client.replicaof("127.0.0.1", "1")
        else:
            await client.config_set("min-replicas-to-write", "1")

        with pytest.raises(ResponseError) as refusal:
            await queue.settle(delivery, Verdict.COMPLETED)

    assert _passes(refusal.value)


async def test_an_outcome_that_the_server_cannot_take_is_not_repeated_for_ever(
    own_server: EmbeddedServer,
) -> None:
    async with Redis.from_url(own_server.url) as client:
        queue = QueueUnderTest(client)
        await queue.open()
        await queue.add(job(id="a"))
        delivery = await queue.fetch_one()
        await client.delete(queue.keys.job("a"))
        await client.set(queue.keys.job("a"), "of another type")

        with pytest.raises(ResponseError) as refusal:
            await queue.settle(delivery, Verdict.COMPLETED)

    assert not _passes(refusal.value)
