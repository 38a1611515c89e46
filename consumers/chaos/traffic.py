"""The jobs of a run, and what was accepted of them.

The producer does what every producer should: each job has an id of its sender's, and a
call without an answer is repeated until there is one. Only then is the job accepted.
"""

import math
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError

from consumers.chaos.journal import Journal
from consumers.chaos.kinds import Busy, Effect, Flaky, Hopeless, Poison, Quick, Slow
from consumers.chaos.plan import Plan
from consumers.errors import ConsumerError
from producers.order import new_job
from producers.payloads.base import Payload
from streams.connection import open_client
from streams.enqueue import enqueue
from streams.job import NewJob
from streams.keys import Keys
from streams.priority import LEVELS
from streams.server import Server

#: Between two calls of the producer.
EVERY_S = 0.1
#: Between two tries of the same call.
AGAIN_S = 0.1
#: Of a thousand jobs so many kill their process.
POISON_PER_THOUSAND = 2
#: No answer for so long is none.
ANSWER_S = 2.0

_MIX: Mapping[str, float] = {
    "quick": 42,
    "effect": 22,
    "flaky": 12,
    "busy": 12,
    "slow": 10,
    "hopeless": 2,
}


class PayloadsUnreadableError(ConsumerError):
    """Raised for a file of jobs that cannot be read; names the line."""


@dataclass(frozen=True, slots=True)
class Ordered:
    """A job, and how it is bound to end."""

    job: NewJob
    expect: str
    has_effect: bool = False


def own_jobs(plan: Plan) -> list[Ordered]:
    """The kit's own jobs: the same for the same plan."""
    chance = random.Random(plan.seed * 7919 + 1)
    names, weights = list(_MIX), list(_MIX.values())
    picked = chance.choices(names, weights, k=plan.jobs)
    poison = math.ceil(plan.jobs * POISON_PER_THOUSAND / 1000)
    for place in chance.sample(range(plan.jobs), min(poison, plan.jobs // 10)):
        picked[place] = "poison"
    return [
        _own_job(name, f"{plan.seed}-{number}", plan, chance) for number, name in enumerate(picked)
    ]


def _own_job(name: str, job_id: str, plan: Plan, chance: random.Random) -> Ordered:
    payloads: Mapping[str, Callable[[], Payload]] = {
        "quick": Quick,
        "slow": lambda: Slow(ms=round(plan.lease_ms * chance.uniform(1.1, 1.6))),
        "flaky": lambda: Flaky(failures=chance.randint(1, 2)),
        "effect": lambda: Effect(ms=round(chance.uniform(5, 300))),
        "busy": lambda: Busy(ms=round(chance.uniform(1, 20))),
        "hopeless": Hopeless,
        "poison": lambda: Poison(how=chance.choice(("segv", "exit"))),
    }
    job = new_job(payloads[name](), id=job_id, priority=chance.choice(LEVELS), attempts=3)
    expect = "dead" if name in {"hopeless", "poison"} else "completed"
    return Ordered(job, expect, has_effect=name == "effect")


def given_jobs(path: Path, plan: Plan) -> list[Ordered]:
    """Jobs for the user's own handlers: the lines of *path* again and again.

    A line is a JSON object with `kind` and `payload`.

    Raises:
        PayloadsUnreadableError: a line is something else, or there is none.
    """
    lines = [line for line in path.read_bytes().splitlines() if line.strip()]
    if not lines:
        raise PayloadsUnreadableError(f"{path} has no line with a job")
    made: list[Ordered] = []
    for number in range(plan.jobs):
        at = number % len(lines)
        try:
            line: Any = orjson.loads(lines[at])
            kind, payload = line["kind"], orjson.dumps(line["payload"])
        except (orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise PayloadsUnreadableError(
                f"line {at + 1} of {path} is no job ({error!r}): write one JSON object a line, "
                'such as {"kind": "tiles.render", "payload": {}}'
            ) from error
        made.append(Ordered(NewJob(kind=kind, payload=payload, id=f"{plan.seed}-{number}"), "any"))
    return made


class Traffic:
    """Sends the jobs of a run, spread over its time."""

    def __init__(self, url: str, queue: str, journal: Journal) -> None:
        self._client: Redis = open_client(url)
        self._server = Server(self._client)
        self._keys = Keys(queue)
        self._journal = journal

    async def send(self, jobs: list[Ordered], seconds: float) -> None:
        """Send all of *jobs* within about *seconds*, and whatever longer it takes."""
        for batch in _batches(jobs, max(1, round(seconds / EVERY_S))):
            await self._send(batch)
            await anyio.sleep(EVERY_S)
        await self._client.aclose()

    async def _send(self, batch: list[Ordered]) -> None:
        """Repeat the same call until it is answered."""
        while True:
            try:
                with anyio.fail_after(ANSWER_S):
                    await enqueue(self._server, self._keys, [each.job for each in batch])
            except (RedisError, OSError):
                await anyio.sleep(AGAIN_S)
                # A connection on which an answer is missing is no use any more.
                await self._client.connection_pool.disconnect()
            else:
                break
        for each in batch:
            self._journal.write(
                "accepted",
                {
                    "job": each.job.id,
                    "kind": each.job.kind,
                    "expect": each.expect,
                    "has_effect": each.has_effect,
                },
            )


def _batches(jobs: list[Ordered], count: int) -> Iterator[list[Ordered]]:
    """*jobs* in at most *count* parts of about the same size, of a hundred at most."""
    size = min(100, math.ceil(len(jobs) / count))
    for start in range(0, len(jobs), size):
        yield jobs[start : start + size]
