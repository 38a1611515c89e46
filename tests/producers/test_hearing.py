"""A call is made again where its answer was lost, and only there."""

import pytest
from redis.exceptions import AuthenticationError, BusyLoadingError, RedisError, ResponseError
from redis.exceptions import ConnectionError as LostConnectionError
from redis.exceptions import TimeoutError as LateAnswerError

from producers.errors import AnswerLostError
from producers.hearing import RESENDS_MAX, until_heard


class Calls:
    """Fails with the given errors, one after the other, and then answers."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.made = 0

    async def __call__(self) -> str:
        self.made += 1
        if self.errors:
            raise self.errors.pop(0)
        return "heard"


async def test_an_answer_that_comes_is_enough() -> None:
    calls = Calls()

    assert await until_heard(calls, "work", ["a"]) == ("heard", False)
    assert calls.made == 1


@pytest.mark.parametrize("lost", [LostConnectionError(), LateAnswerError(), OSError("reset")])
async def test_a_lost_answer_is_asked_for_again(lost: Exception) -> None:
    calls = Calls(lost)

    assert await until_heard(calls, "work", ["a"]) == ("heard", True)
    assert calls.made == 2


@pytest.mark.parametrize(
    "said", [ResponseError("OOM"), AuthenticationError("WRONGPASS"), BusyLoadingError("LOADING")]
)
async def test_what_the_server_says_is_an_answer(said: RedisError) -> None:
    """Nothing was done: whoever called decides when to try again."""
    calls = Calls(said)

    with pytest.raises(type(said)):
        await until_heard(calls, "work", ["a"])
    assert calls.made == 1


async def test_a_server_that_starts_anew_behind_a_lost_answer_does_not_say_what_became_of_it() -> (
    None
):
    calls = Calls(LostConnectionError("gone"), *[BusyLoadingError("LOADING")] * RESENDS_MAX)

    with pytest.raises(AnswerLostError, match="BusyLoadingError: LOADING"):
        await until_heard(calls, "work", ["a"])
    assert calls.made == RESENDS_MAX + 1
