"""Sending jobs to a server that may be full, or may not be heard."""

import asyncio
import random
import time
from collections.abc import Sequence
from datetime import timedelta

from producers.errors import QueueStayedFullError
from producers.hearing import until_heard
from streams.enqueue import Acceptance, Enqueued, enqueue
from streams.job import NewJob
from streams.keys import Keys
from streams.server import Server

#: The first and the longest wait between two looks whether a full queue has room.
ROOM_FIRST_S, ROOM_LAST_S = 0.05, 1.0


class Sender:
    """Hands jobs in: each once, however often it has to be said."""

    def __init__(self, server: Server, keys: Keys, length_max: int) -> None:
        self._server = server
        self._keys = keys
        self._length_max = length_max

    async def send(self, jobs: Sequence[NewJob], server: Server | None = None) -> list[Enqueued]:
        """Make one call; where its answer is lost, the same call again.

        That adds nothing twice, because the id of a job is fixed before it is sent. With
        *server* the calls go there.

        Raises:
            AnswerLostError: no call was answered.
            RedisError: the server refuses the call.
        """
        answers, is_repeated = await until_heard(
            lambda: enqueue(server or self._server, self._keys, jobs, length_max=self._length_max),
            self._keys.queue,
            [job.id for job in jobs],
        )
        return [each._replace(resent=True) for each in answers] if is_repeated else answers

    async def send_when_there_is_room(
        self, jobs: Sequence[NewJob], wait: timedelta, server: Server | None = None
    ) -> list[Enqueued]:
        """The same, and jobs that find the queue full are sent again until they are in.

        Raises:
            QueueStayedFullError: there was no room for one of them within *wait*.
        """
        answers = await self.send(jobs, server)
        give_up_s = time.monotonic() + wait.total_seconds()
        pause_s = ROOM_FIRST_S
        while waiting := [at for at, each in enumerate(answers) if _is_refused(each)]:
            left_s = give_up_s - time.monotonic()
            if left_s <= 0:
                length = answers[waiting[-1]].length
                raise QueueStayedFullError(self._keys.queue, length, self._length_max, wait)
            # Producers that wait for the same room do not all ask at once.
            await asyncio.sleep(min(left_s, pause_s * random.uniform(0.5, 1)))
            again = await self.send([jobs[at] for at in waiting], server)
            pause_s = min(pause_s * 1.5, ROOM_LAST_S)
            if not all(map(_is_refused, again)):
                give_up_s = time.monotonic() + wait.total_seconds()
                pause_s = ROOM_FIRST_S
            for at, answer in zip(waiting, again, strict=True):
                answers[at] = answer
        return answers


def _is_refused(answer: Enqueued) -> bool:
    return answer.acceptance is Acceptance.FULL
