"""The life of jobs under any order of events, against the model."""

import os

import pytest

from tests.model.runs import run_machine

#: Runs in every `make test`; `make model` does as many as one likes.
RUNS = int(os.environ.get("MILLSTREAM_MODEL_RUNS", "25"))
#: A failure is shortened for people; the mutants only want to know whether there is one.
SHORTENS = os.environ.get("MILLSTREAM_MODEL_SHORTENS", "yes") == "yes"


@pytest.mark.leaves_jobs
@pytest.mark.parametrize("part", ["first", "second"])
def test_every_order_of_events_leaves_each_job_in_one_place(redis_url: str, part: str) -> None:
    """Two parts, so that they may run side by side; each draws events of its own."""
    assert part

    done = run_machine(redis_url, runs=RUNS, keeps_failures=True, shortens=SHORTENS)

    if done.failure is not None:
        raise done.failure
    assert done.transitions >= RUNS
