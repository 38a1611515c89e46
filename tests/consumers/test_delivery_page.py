"""The example of docs/delivery.md, and the numbers that the page names."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from consumers.breaker import BreakerRules
from consumers.budget import BudgetRules
from consumers.errors import RETRY_AFTER_MAX
from consumers.execution import Execution, Identity
from consumers.inflight import Running
from consumers.places import Places
from consumers.registry import Registry
from consumers.retry import SNOOZES_MAX, RetryPolicy
from consumers.settings import worker_settings
from consumers.threads import Threads
from streams.settle import Outcome, Verdict
from tests.consumers.support.deliveries import delivery
from tests.support.pages import blocks

PAGE = (Path(__file__).parents[2] / "docs" / "delivery.md").read_text()


async def run(**payload: Any) -> Outcome:
    """What becomes of a job of the example."""
    [example] = [block for block in blocks(PAGE, "python") if "Snooze" in block]
    names: dict[str, Any] = {"__name__": "example"}
    exec(example, names)  # noqa: S102 - the page's own example
    registry: Registry = names["registry"]
    execution = Execution(
        registry,
        Identity("box:1:ab", "box", "0.1.0"),
        "feeds",
        RetryPolicy(),
        Places(Threads(1)),
        chance=lambda: 0,
    )
    job = delivery("feeds.fetch", orjson.dumps(payload).decode())
    outcome = await execution.run(Running(job))
    assert outcome is not None
    return outcome


@pytest.mark.parametrize(
    ("payload", "verdict", "seconds"),
    [
        ({"status": 200}, Verdict.COMPLETED, 0),
        ({"status": 429, "header": "120"}, Verdict.RETRY, 120),
        ({"status": 429}, Verdict.RETRY, 15),
        ({"status": 425}, Verdict.SNOOZED, 300),
        ({"status": 404}, Verdict.DEAD, 0),
    ],
)
async def test_the_example_does_what_the_page_says(
    payload: dict[str, Any], verdict: Verdict, seconds: int
) -> None:
    outcome = await run(**payload)

    assert (outcome.verdict, outcome.delay_ms) == (verdict, seconds * 1000)


def test_the_page_names_the_numbers_of_the_code() -> None:
    policy, breaker = RetryPolicy(), BreakerRules()
    budget = worker_settings({}, {}, queue="tiles").brakes.budget

    assert [policy.delay(1, chance).total_seconds() for chance in (0, 1)] == [2, 4]
    assert [policy.delay(99, chance) for chance in (0, 1)] == [
        timedelta(minutes=5),
        timedelta(minutes=10),
    ]
    assert f"It may do so {SNOOZES_MAX} times" in PAGE
    assert f"No wait is longer than {RETRY_AFTER_MAX.days} days" in PAGE
    assert budget == BudgetRules(10, 0.2, 100, timedelta(minutes=15))
    assert "no faster than 10 a second plus a fifth of what completes, after a burst of 100" in PAGE
    assert breaker == BreakerRules(4 / 5, 50, 30, 5, 60, 3)
    assert "at least 50 runs within 30 seconds four fifths have failed" in PAGE
    assert "After three successes" in PAGE
