"""Which refusals are waited out, which mean lost streams, and which end the try."""

from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import BusyLoadingError, RedisError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from streams.embedded import EmbeddedServer
from streams.settle import Verdict
from streams.trouble import Trouble, is_read_only, is_starting, trouble_of
from tests.support.queues import QueueUnderTest, job


async def take_right(client: Redis, command: str) -> None:
    set_user: Any = client.execute_command
    await set_user("ACL", "SETUSER", "default", f"-{command}")


async def refusal_of_a_settle(client: Redis, trouble: str) -> ResponseError:
    queue = QueueUnderTest(client)
    await queue.open()
    await queue.add(job(id="a"))
    delivery = await queue.fetch_one()
    if trouble == "replica":
        await client.replicaof("127.0.0.1", "1")
    elif trouble == "no replicas":
        await client.config_set("min-replicas-to-write", "1")
    elif trouble == "no rights":
        await take_right(client, "evalsha")
    elif trouble == "no rights inside":
        await take_right(client, "xack")
    else:
        await client.delete(queue.keys.job("a"))
        await client.set(queue.keys.job("a"), "of another type")
    with pytest.raises(ResponseError) as refusal:
        await queue.settle(delivery, Verdict.COMPLETED)
    return refusal.value


@pytest.mark.parametrize("trouble", ["replica", "no replicas", "no rights", "no rights inside"])
async def test_a_server_that_changes_is_waited_for(
    own_server: EmbeddedServer, trouble: str
) -> None:
    """The outcome stays in hand: given up, the job would run a second time elsewhere."""
    async with Redis.from_url(own_server.url) as client:
        refusal = await refusal_of_a_settle(client, trouble)

    assert trouble_of(refusal) is Trouble.PASSES
    assert is_read_only(refusal) == (trouble == "replica")


async def test_an_outcome_that_the_server_cannot_take_is_not_repeated_for_ever(
    own_server: EmbeddedServer,
) -> None:
    async with Redis.from_url(own_server.url) as client:
        refusal = await refusal_of_a_settle(client, "wrong type")

    assert trouble_of(refusal) is Trouble.REFUSED


async def test_a_full_server_is_waited_for(own_server: EmbeddedServer) -> None:
    async with Redis.from_url(own_server.url) as client:
        queue = QueueUnderTest(client)
        await queue.open()
        await client.config_set("maxmemory", "1")
        with pytest.raises(ResponseError) as refusal:
            await queue.add(job())

    assert trouble_of(refusal.value) is Trouble.PASSES


@pytest.mark.parametrize(
    "error",
    [
        RedisConnectionError("Connection reset by peer"),
        RedisTimeoutError("Timeout reading from socket"),
        BusyLoadingError("Redis is loading the dataset in memory", status_code="LOADING"),
        OSError("no route to host"),
        ResponseError("BUSY Redis is busy running a script."),
        ResponseError("MISCONF Errors writing to the AOF file: No space left on device"),
        ResponseError(
            "UNBLOCKED force unblock from blocking operation, instance state changed "
            "(master -> replica?)"
        ),
        ResponseError("NOREPLICAS Not enough good replicas to write."),
        ResponseError(
            "Error running script (call to f_1): @user_script:7: @user_script: 7: -OOM "
            "command not allowed when used memory > 'maxmemory'."
        ),
    ],
)
def test_what_is_about_the_server_passes(error: RedisError | OSError) -> None:
    assert trouble_of(error) is Trouble.PASSES
    assert is_starting(error) == isinstance(error, BusyLoadingError)


@pytest.mark.parametrize(
    "said",
    [
        "BUSYGROUP Consumer Group name already exists",
        "WRONGTYPE Operation against a key holding the wrong kind of value",
        "unknown command 'EVALSHA'",
        "Error running script: user_script:12: attempt to index a nil value (field 'OOMPH')",
    ],
)
def test_what_is_about_the_call_does_not(said: str) -> None:
    assert trouble_of(ResponseError(said)) is Trouble.REFUSED
