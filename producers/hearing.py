"""Making a call again whose answer was lost."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from redis.exceptions import AuthenticationError, BusyLoadingError
from redis.exceptions import ConnectionError as LostConnectionError
from redis.exceptions import TimeoutError as LateAnswerError

from producers.errors import AnswerLostError

Answer = TypeVar("Answer")

#: A call without an answer is made again so often, each time over a new connection.
RESENDS_MAX = 2
#: Waits before that; a server that is started anew needs longer, which is not waited for.
RESEND_WAITS_S = (0.05, 0.5)
#: None is made later than this: an answer may take five seconds each time.
RESEND_WITHIN_S = 8.0
_UNHEARD = (LostConnectionError, LateAnswerError, OSError)
#: Of these, answers that say that nothing was done.
_SURE = (AuthenticationError, BusyLoadingError)


async def until_heard(
    call: Callable[[], Awaitable[Answer]], queue: str, job_ids: Sequence[str]
) -> tuple[Answer, bool]:
    """The answer of *call*, and whether it was made more than once.

    Only for calls that do nothing twice: about *job_ids*, which were fixed before.

    Raises:
        AnswerLostError: no call was answered.
        RedisError: the server refuses the call.
    """
    give_up_s = time.monotonic() + RESEND_WITHIN_S
    for number in range(RESENDS_MAX + 1):
        try:
            return await call(), number > 0
        except _UNHEARD as error:
            if number == 0 and isinstance(error, _SURE):
                raise
            if number == RESENDS_MAX or time.monotonic() >= give_up_s:
                raise AnswerLostError(queue, job_ids, number + 1, error) from error
        await asyncio.sleep(RESEND_WAITS_S[number] * random.uniform(0.5, 1))
    raise AssertionError("the last call returns or raises")
