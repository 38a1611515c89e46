"""The input of `maintenance.run`, as it stands on the wire."""

import pytest
from pydantic import ValidationError

from producers.payloads.maintenance import Maintenance
from tests.support.wire import on_the_wire


def test_a_duty_is_enough() -> None:
    job = Maintenance(task_type="cache_cleanup")

    assert on_the_wire(job) == {"task_type": "cache_cleanup", "parameters": {}}


def test_parameters_arrive_as_they_were_sent() -> None:
    parameters = {"prefixes": ["tile:", "page:"], "older_than_s": 3600, "tag": None, "dry": True}
    job = Maintenance.model_validate({"task_type": "log_rotation", "parameters": parameters})

    assert on_the_wire(job)["parameters"] == parameters


def test_jobs_do_not_share_their_defaults() -> None:
    Maintenance(task_type="health_check").parameters["x"] = 1

    assert Maintenance(task_type="health_check").parameters == {}


def test_an_unknown_duty_is_answered_with_those_that_there_are() -> None:
    with pytest.raises(ValidationError, match="'cache_cleanup', 'health_check' or 'log_rotation'"):
        Maintenance.model_validate({"task_type": "rm"})
