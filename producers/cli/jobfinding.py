"""In which queue a job is, where nobody has named one."""

from producers.cli.boundary import CommandError
from producers.cli.session import chosen_queues, visit
from streams.errors import UnknownJobError
from streams.jobs import JobView, look
from streams.keys import Keys
from streams.server import Server

#: The queue that is asked first: its jobs are what the quick start makes.
FIRST_QUEUE = "tiles"


async def find_job(url: str, queue: str | None, job_id: str) -> JobView:
    """The job *job_id* of *queue*, without one of any queue.

    Raises:
        CommandError: nobody knows it.
    """
    async with visit(url) as server:
        places = [Keys(queue)] if queue else await _places(server)
        for keys in places:
            try:
                return await look(server, keys, job_id)
            except UnknownJobError as unknown:
                if queue:
                    raise CommandError(str(unknown)) from unknown
    names = ", ".join(dict.fromkeys(keys.queue for keys in places))
    raise CommandError(
        f"no queue of this Redis ({names}) has a record of the job '{job_id}': the id is wrong, "
        "it ended longer ago than records are kept, or it was sent by a plain XADD and has "
        "not run yet"
    )


async def _places(server: Server) -> list[Keys]:
    """All partitions, `FIRST_QUEUE` first; a queue of delayed jobs alone has no stream yet."""
    first = Keys(FIRST_QUEUE)
    return [first, *(keys for keys in await chosen_queues(server, None) if keys != first)]
