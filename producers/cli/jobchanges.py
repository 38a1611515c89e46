"""`millstream jobs cancel, remove, reprioritise`: changing one job."""

from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Annotated, TypeVar

import anyio
import orjson
import typer

from producers.cli.boundary import CommandError
from producers.cli.options import (
    DEFAULT_URL,
    AsJson,
    QueueName,
    RedisUrl,
    Yes,
    level_of,
)
from producers.cli.output import write_json
from producers.cli.session import chosen_queues, visit
from producers.cli.text import plain
from producers.handle import ENDED_TTL
from streams.cancel import Cancellation, cancel
from streams.job import require_id
from streams.keys import Keys
from streams.remove import Removal, remove
from streams.reprioritise import Reprioritised, reprioritise
from streams.server import Server

JobId = Annotated[str, typer.Argument(metavar="ID", help="The job's id.")]

_Answer = TypeVar("_Answer", bound=Enum)

_MOVED = {
    Reprioritised.MOVED: "waits at its new level",
    Reprioritised.AS_IT_WAS: "had that level before",
    Reprioritised.BEGUN: "was begun: a worker has it, or gave it back, and then it comes first "
    "anyway; its level stays",
    Reprioritised.ENDED: "has ended",
    Reprioritised.ENTRY_GONE: "cannot be moved: its entry was deleted by somebody else",
}
_CANCELLED = {
    Cancellation.CANCELLED: "is cancelled",
    Cancellation.ASKED: "runs; its worker was asked to end it",
    Cancellation.ENDED: "had ended before",
}
_REMOVED = {
    Removal.REMOVED: "is removed",
    Removal.RUNNING: "runs, and is not removed: cancel it first (millstream jobs cancel)",
}


def cancel_(
    job_id: JobId,
    *,
    queue: QueueName = None,
    redis_url: RedisUrl = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """End a job that waits; ask the worker that runs it otherwise."""
    ttl_ms = round(ENDED_TTL.total_seconds() * 1000)

    async def change(server: Server, keys: Keys) -> Cancellation:
        return await cancel(server, keys, job_id, ended_ttl_ms=ttl_ms)

    answer = _change(redis_url, queue, job_id, change, Cancellation.UNKNOWN)
    _tell(job_id, answer, _CANCELLED, {Cancellation.ENDED}, as_json=as_json)


def remove_(
    job_id: JobId,
    *,
    queue: QueueName = None,
    yes: Yes = False,
    redis_url: RedisUrl = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Remove a job with its record, history and dead letter; not one that runs."""
    require_id(job_id)
    if not yes:
        question = f"Remove the job '{plain(job_id)}' and all that is known of it?"
        typer.confirm(question, abort=True, err=as_json)

    async def change(server: Server, keys: Keys) -> Removal:
        return await remove(server, keys, job_id)

    answer = _change(redis_url, queue, job_id, change, Removal.UNKNOWN)
    _tell(job_id, answer, _REMOVED, {Removal.RUNNING}, as_json=as_json)


def reprioritise_(
    job_id: JobId,
    priority: Annotated[str, typer.Argument(help="critical, high, normal, low, or 0-255.")],
    *,
    queue: QueueName = None,
    redis_url: RedisUrl = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Make a job that waits more or less urgent."""
    level = level_of(priority)

    async def change(server: Server, keys: Keys) -> Reprioritised:
        return await reprioritise(server, keys, job_id, level)

    answer = _change(redis_url, queue, job_id, change, Reprioritised.UNKNOWN)
    refusals = {Reprioritised.BEGUN, Reprioritised.ENDED, Reprioritised.ENTRY_GONE}
    _tell(job_id, answer, _MOVED, refusals, as_json=as_json)


def _change(
    url: str,
    queue: str | None,
    job_id: str,
    change: Callable[[Server, Keys], Awaitable[_Answer]],
    unknown: _Answer,
) -> _Answer:
    """Ask each queue in turn, until one knows the job.

    Raises:
        InvalidJobError: no job can have this id.
        CommandError: none does.
    """
    require_id(job_id)

    async def run() -> _Answer:
        async with visit(url) as server:
            places = [Keys(queue)] if queue else await chosen_queues(server, None)
            for keys in places:
                answer = await change(server, keys)
                if answer is not unknown:
                    return answer
        where = f"the queue '{queue}'" if queue else "no queue"
        lacks = "has no" if queue else "has a"
        raise CommandError(
            f"{where} {lacks} record of the job '{job_id}': the id is wrong, it ended longer ago "
            "than records are kept, or it was sent by a plain XADD and has not run yet"
        )

    return anyio.run(run)


def _tell(
    job_id: str,
    answer: _Answer,
    says: dict[_Answer, str],
    refusals: set[_Answer],
    *,
    as_json: bool,
) -> None:
    """What became of it; a refusal ends with exit status 1."""
    if as_json:
        write_json(orjson.dumps({"id": job_id, "result": answer.name.lower()}))
    if answer in refusals:
        raise CommandError(f"the job '{job_id}' {says[answer]}")
    if not as_json:
        typer.echo(f"{plain(job_id)} {says[answer]}")
