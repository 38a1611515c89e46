"""Jobs that have died, for tests of `millstream dead`."""

import orjson

from streams.settle import Verdict
from tests.support.queues import QueueUnderTest, job


async def bury(
    queue: QueueUnderTest,
    *ids: str,
    error: str = "ValueError",
    message: str = "broken",
    kind: str = "test.echo",
    payload: bytes = b'{"wheel": 17}',
    cause: str = "no use",
) -> None:
    """Jobs that have died, in this order."""
    for job_id in ids:
        await queue.add(job(id=job_id, kind=kind, payload=payload))
        row = {
            "attempt": 1,
            "outcome": "error",
            "error": error,
            "message": message,
            "traceback": "here",
        }
        await queue.settle(
            await queue.fetch_one(), Verdict.DEAD, detail=cause, attempt=orjson.dumps(row)
        )
