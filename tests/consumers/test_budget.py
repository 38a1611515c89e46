"""The retry budget: a rate that no storm exceeds, and nobody is dropped."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.budget import BudgetRules, RetryBudget

RULES = BudgetRules(per_s=10, share=0.2, burst=50, push_max=timedelta(minutes=15))


def pushes(budget: RetryBudget, count: int, now_s: float = 0, chance: float = 0.5) -> list[float]:
    return [budget.retry(now_s, chance).total_seconds() for _ in range(count)]


def test_a_burst_comes_back_as_it_is_and_the_rest_one_by_one_at_the_rate() -> None:
    found = pushes(RetryBudget(RULES, 0), 150)

    assert found[:50] == [0] * 50
    assert found[50:] == pytest.approx([number / 10 for number in range(1, 101)])


def test_time_pays_the_debt() -> None:
    budget = RetryBudget(RULES, 0)
    pushes(budget, 150)
    assert budget.debt == 100

    assert pushes(budget, 1, now_s=5) == pytest.approx([5.1])
    assert pushes(budget, 50, now_s=100) == [0] * 50


def test_a_time_without_retries_saves_no_more_than_a_burst() -> None:
    assert pushes(RetryBudget(RULES, 0), 51, now_s=1e6)[-1] == pytest.approx(0.1)


def test_what_completes_makes_room() -> None:
    """Where most succeeds, a few failures of many are no storm."""
    budget = RetryBudget(RULES, 0)
    pushes(budget, 50)

    for _ in range(500):
        budget.completed(0)

    assert pushes(budget, 51)[49:] == pytest.approx([0, 0.1])


def test_a_fifth_of_what_completes_may_fail_at_any_rate() -> None:
    budget = RetryBudget(RULES, 0)

    for second in range(100):
        for _ in range(900):
            budget.completed(second)
        assert pushes(budget, 180, now_s=second)[-1] < 15
    assert budget.debt < 150


def test_nobody_waits_longer_than_the_limit_and_those_at_it_are_spread() -> None:
    rules = BudgetRules(per_s=10, burst=1, push_max=timedelta(seconds=10))
    budget = RetryBudget(rules, 0)
    pushes(budget, 101)

    found = [budget.retry(0, number / 1000).total_seconds() for number in range(1000)]

    spread = Counter(int(each) for each in found)
    assert all(95 <= spread[second] <= 105 for second in range(10))
    assert max(found) <= 10
    assert budget.debt <= 101


@given(
    steps=st.lists(
        st.tuples(st.floats(0, 10), st.booleans(), st.floats(0, 1)), min_size=1, max_size=60
    )
)
def test_in_no_time_do_more_retries_fall_due_than_the_rate_allows(
    steps: list[tuple[float, bool, float]],
) -> None:
    """Whatever comes when: burst, rate and share bound every span that begins at the start."""
    budget = RetryBudget(RULES, 0)
    now_s, completed, due = 0.0, 0, list[float]()
    for pause_s, success, chance in steps:
        now_s += pause_s
        if success:
            budget.completed(now_s)
            completed += 1
        else:
            push = budget.retry(now_s, chance)
            assert timedelta(0) <= push <= RULES.push_max
            due.append(now_s + push.total_seconds())
    for end_s in due:
        allowed = RULES.burst + RULES.per_s * end_s + RULES.share * completed
        assert sum(each <= end_s for each in due) <= allowed + 1


def test_a_clock_that_stands_or_goes_back_gives_nothing() -> None:
    budget = RetryBudget(RULES, 100)
    pushes(budget, 50, now_s=100)

    assert pushes(budget, 1, now_s=50) == pytest.approx([0.1])
    assert pushes(budget, 1, now_s=100) == pytest.approx([0.2])


@pytest.mark.parametrize(
    "wrong", [{"per_s": 0}, {"share": -1}, {"burst": 0}, {"push_max": timedelta(-1)}]
)
def test_rules_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="a retry budget has"):
        BudgetRules(**wrong)
