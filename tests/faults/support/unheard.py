"""A job that the server gave to a worker which never heard of it."""

from redis.asyncio import Redis

from producers.client import Producer
from tests.consumers.support.fleet import Fleet, WorkerProcess, until_idle
from tests.consumers.support.kinds import Note
from tests.faults.support.pending import owners
from tests.support.proxy import Mode, Proxy

#: Long: what has to wait for a lease does not come within a test.
LEASE_MS = 60_000
#: Reads that a test tries to catch while they block.
READS_MAX = 10


async def unheard_job(
    fleet: Fleet, jobs: Producer, client: Redis, proxy: Proxy, mode: Mode
) -> tuple[WorkerProcess, str]:
    """A worker behind *proxy*, and a job under its name that it knows nothing of."""
    deaf = await fleet.start(proxy.url, "deaf", lease_ms=LEASE_MS)
    for number in range(READS_MAX):
        job_id = f"unheard-{number}"
        await proxy.next("XREADGROUP")
        proxy.set(mode, only="XREADGROUP")
        await jobs.enqueue(Note(), id=job_id)
        if [*(await owners(client)).values()] == [deaf.consumer]:
            return deaf, job_id
        # This machine was slow: the read was over before the job came.
        proxy.set(Mode.RESET, only="XREADGROUP")
        proxy.set(Mode.RELAY)
        await until_idle(client)
    raise AssertionError(f"no read was caught in {READS_MAX} tries")
