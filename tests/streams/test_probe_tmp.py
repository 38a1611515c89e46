import pytest
from tests.support.queues import *
from streams.fetch import wait_for_one
pytestmark = pytest.mark.leaves_jobs

async def test_a(queue):
    await queue.add(job(id="a"))
    d = await queue.fetch_one()
    print(d, await queue.renew(d))
    await queue.client.xdel(queue.stream(d.token), d.token.entry)
    r = await queue.renew(d)
    print("after del", r, await queue.pending())
    print(await queue.settle(d, Verdict.COMPLETED))
    print(await queue.look("a"))

async def test_dump(queue):
    await queue.add(job(id="a"))
    a = await queue.contents()
    b = await queue.contents()
    assert a == b

async def test_b(queue):
    await queue.client.xadd(queue.keys.stream(Priority.NORMAL), {"kind":"x","payload":"{}"})
    await queue.client.execute_command("XADD", queue.keys.stream(Priority.NORMAL), "*", "kind", "a", "id", "A", "id","B", "payload", "{}")
    print(await queue.fetch(slots=1))
    print(await wait_for_one(queue.client, queue.keys, "one", block_ms=100))
    print(queue.client.get_connection_kwargs())
