"""A handler in a child process puts its job off, and its worker hears of it."""

from datetime import timedelta

import pytest

from consumers.attempt import Failure
from consumers.children.endings import ending_of, frame_of
from consumers.ending import Raised
from consumers.errors import RETRY_AFTER_MAX, RetryableError, Snooze


@pytest.mark.parametrize("delay", [timedelta(0), timedelta(seconds=90), timedelta.max])
def test_what_is_put_off_and_why_comes_through(delay: timedelta) -> None:
    error = Snooze(delay, "the run is not there yet")

    frame, body = frame_of(1, Raised(Failure.of(error), error))
    ending = ending_of(frame, body)

    assert isinstance(ending, Raised)
    assert isinstance(ending.error, Snooze)
    assert ending.error.delay == min(delay, RETRY_AFTER_MAX)
    assert ending.error.reason == "the run is not there yet"


def test_what_is_to_be_tried_again_later_is_not_put_off() -> None:
    error = RetryableError("busy", retry_after=timedelta(seconds=90))

    frame, body = frame_of(1, Raised(Failure.of(error), error))
    ending = ending_of(frame, body)

    assert isinstance(ending, Raised)
    assert isinstance(ending.error, RetryableError)
    assert ending.error.retry_after == timedelta(seconds=90)
