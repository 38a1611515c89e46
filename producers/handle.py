"""One job, as the one who wants something of it holds it."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import timedelta

import anyio
from pydantic import JsonValue
from redis.exceptions import NoPermissionError

from producers.errors import RetryRefusedError
from producers.following import Following, JobResult
from streams.cancel import Cancellation, cancel
from streams.dead import look_up_dead
from streams.events import JobEvent
from streams.jobs import JobView, Progress, look, peek_ends
from streams.keys import Keys
from streams.replay import Replayed, replay
from streams.server import Server
from streams.state import State

#: Records of cancelled jobs are kept as long as those of completed ones.
ENDED_TTL = timedelta(minutes=10)
#: Waits between looks at a result before its end is listened for: most jobs that somebody
#: waits for are short.
LOOKS_FIRST_S = (0.01, 0.015, 0.025)
#: The wait between two looks of who may not listen.
LOOK_S = 0.25

_REFUSALS = {
    Replayed.UNKNOWN: "somebody else has replayed it or deleted its dead letter",
    Replayed.LIVE: "it lives again already",
    Replayed.BODY_LOST: "its entry was deleted before it died, so there is nothing to run",
    Replayed.TAKEN: "another job holds its unique key meanwhile",
}


class JobHandle:
    """A job by its id: costs nothing until it is asked, and holds no connection.

    Where the record of the job is gone, or has never been there, every question raises
    `UnknownJobError`.
    """

    def __init__(self, server: Server, keys: Keys, following: Following, job_id: str) -> None:
        self._server = server
        self._keys = keys
        self._following = following
        self._id = job_id

    def __repr__(self) -> str:
        """The id and the queue."""
        return f"<job {self._id!r} of {self._keys.queue!r}>"

    @property
    def id(self) -> str:
        """The job's id."""
        return self._id

    async def view(self) -> JobView:
        """Everything that is known of it, in one round trip."""
        return await look(self._server, self._keys, self._id)

    async def status(self) -> State:
        """Where it is now."""
        return (await self.view()).state

    async def progress(self) -> Progress | None:
        """The last that its handler has said; None where it has said nothing."""
        return (await self.view()).progress

    async def result(
        self,
        *,
        timeout: timedelta,  # noqa: ASYNC109 - a wait without a bound is no interface
    ) -> JsonValue:
        """Wait until it has ended, and return what its handler returned.

        Looks at the record a few times, and then hears of the end. A user who may not
        listen looks again and again, at last four times a second.

        Raises:
            JobFailedError: it died or was cancelled.
            TimeoutError: it has not ended in time; it goes on.
        """
        with anyio.fail_after(timeout.total_seconds()):
            for wait_s in LOOKS_FIRST_S:
                if (result := await self._peek()) is not None:
                    return result.unwrap()
                await anyio.sleep(wait_s)
            try:
                result = await self._hear_of_result(timeout.total_seconds())
            except NoPermissionError:
                result = await self._look_on()
        return result.unwrap()

    async def _peek(self) -> JobResult | None:
        [end] = await peek_ends(self._server, self._keys, [self._id])
        return None if end is None else JobResult.of(self._id, end)

    async def _look_on(self) -> JobResult:
        while (result := await self._peek()) is None:  # noqa: ASYNC110 - nothing else tells
            await anyio.sleep(LOOK_S)
        return result

    async def _hear_of_result(self, timeout_s: float) -> JobResult:
        results = self._following.results([self._id], timeout_s=timeout_s)
        async with aclosing(results):
            return await anext(results)

    def events(self) -> AsyncGenerator[JobEvent]:
        """What happens to it, as it happens, until it has ended.

        It begins with where it is now (`seen`), which is told again where events were missed.
        A server that is away is waited for.
        """
        return self._following.events([self._id])

    async def cancel(self) -> Cancellation:
        """End it where it waits; ask the worker that runs it otherwise (two round trips)."""
        ttl_ms = round(ENDED_TTL.total_seconds() * 1000)
        return await cancel(self._server, self._keys, self._id, ended_ttl_ms=ttl_ms)

    async def retry(self, *, by: str = "") -> None:
        """Make it run again after its death, from its first attempt and with its history.

        Three round trips. *by* names in the history who has asked for it.

        Raises:
            RetryRefusedError: it is not dead, or what it needs is not there any more.
            InvalidJobError: *by* is no printable text of up to 100 characters.
        """
        state = await self.status()
        if state is not State.DEAD:
            raise RetryRefusedError(self._id, f"it is {state.value}, not dead")
        letter = await look_up_dead(self._server.client, self._keys, self._id)
        answer = (
            Replayed.UNKNOWN
            if letter is None
            else await replay(self._server, self._keys, letter, by=by)
        )
        if answer is not Replayed.READY:
            raise RetryRefusedError(self._id, _REFUSALS[answer])
