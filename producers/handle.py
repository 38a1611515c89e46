"""One job, as the one who wants something of it holds it."""

from datetime import timedelta

import anyio
import orjson
from pydantic import JsonValue

from producers.errors import JobFailedError, RetryRefusedError
from streams.cancel import Cancellation, cancel
from streams.dead import look_up_dead
from streams.jobs import JobView, Progress, look, peek_state
from streams.keys import Keys
from streams.replay import Replayed, replay
from streams.server import Server
from streams.state import State

#: Records of cancelled jobs are kept as long as those of completed ones.
ENDED_TTL = timedelta(minutes=10)
#: The first wait between two looks at a result; each is half as long again, up to the last.
POLL_FIRST_S, POLL_LAST_S = 0.01, 0.25

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

    def __init__(self, server: Server, keys: Keys, job_id: str) -> None:
        self._server = server
        self._keys = keys
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

        Looks at the record again and again, at first every 10 ms and later four times a
        second.

        Raises:
            JobFailedError: it died or was cancelled.
            TimeoutError: it has not ended in time; it goes on.
        """
        wait_s = POLL_FIRST_S
        with anyio.fail_after(timeout.total_seconds()):
            while True:
                state, result = await peek_state(self._server, self._keys, self._id)
                if state is State.COMPLETED:
                    value: JsonValue = orjson.loads(result) if result else None
                    return value
                if state.is_end:
                    raise JobFailedError(self._id, state, (await self.view()).cause)
                await anyio.sleep(wait_s)
                wait_s = min(wait_s * 1.5, POLL_LAST_S)

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
