"""A lost connection is one kind of error, on every event loop."""

from importlib.util import find_spec

import anyio
import pytest
from anyio.from_thread import start_blocking_portal
from redis.exceptions import ConnectionError as RedisConnectionError

from streams.connection import open_client
from tests.support.proxy import Mode, Proxy
from tests.support.waiting import wait_until

HAS_UVLOOP = find_spec("uvloop") is not None


@pytest.mark.parametrize(
    "use_uvloop",
    [False, pytest.param(True, marks=pytest.mark.skipif(not HAS_UVLOOP, reason="no uvloop here"))],
)
def test_who_writes_to_a_connection_that_was_reset_is_told_so(
    redis_url: str, *, use_uvloop: bool
) -> None:
    """For the loop in C it is a RuntimeError, which would look like a defect of the program."""

    # The proxy has an event loop of its own, so that each kind of loop is tested as a client.
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(Proxy(redis_url)) as proxy,
    ):

        async def talk() -> None:
            client = open_client(proxy.url)
            await client.ping()
            [connection] = client.connection_pool._available_connections
            assert connection._writer is not None
            portal.call(proxy.set, Mode.RESET)
            await wait_until(connection._writer.transport.is_closing, "the reset has arrived")
            portal.call(proxy.set, Mode.RELAY)

            with pytest.raises(RedisConnectionError):
                await client.ping()

            assert await client.ping()
            await client.aclose()

        anyio.run(talk, backend_options={"use_uvloop": use_uvloop})
