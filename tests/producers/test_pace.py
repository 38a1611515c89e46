"""An even rate."""

from hypothesis import given
from hypothesis import strategies as st

from producers.pace import Pace

RATES = st.floats(0.001, 10_000)
TIMES = st.floats(0, 1e6)


@given(rate=RATES, now_s=TIMES)
def test_the_first_need_not_wait(rate: float, now_s: float) -> None:
    assert Pace(rate).wait_s(None, now_s) == 0


@given(rate=RATES, last_s=TIMES, later_s=TIMES)
def test_each_begins_a_period_after_the_last_or_at_once_after_a_pause(
    rate: float, last_s: float, later_s: float
) -> None:
    now_s = last_s + later_s
    wait_s = Pace(rate).wait_s(last_s, now_s)

    assert 0 <= wait_s <= 1 / rate * 1.001 + 1e-6
    assert now_s + wait_s >= last_s + 1 / rate - 1e-6


def test_what_is_left_takes_its_time() -> None:
    assert Pace(50).left_s(1000) == 20
