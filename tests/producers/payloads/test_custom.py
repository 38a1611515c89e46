"""The input of `custom.run`, as it stands on the wire."""

import pytest
from pydantic import ValidationError

from producers.payloads.custom import Custom
from tests.support.wire import on_the_wire


def test_a_document_arrives_as_it_was_sent() -> None:
    wire = {
        "job_name": "data_processing",
        "payload": {"source": "user_uploads", "batch_size": 100, "filters": ["active", None]},
    }

    assert on_the_wire(Custom.model_validate(wire)) == wire


@pytest.mark.parametrize("name", ["", "a b", "../x", "x" * 97, "a\n"])
def test_a_name_is_one_that_a_worker_can_register(name: str) -> None:
    with pytest.raises(ValidationError, match="job_name"):
        Custom(job_name=name)


@pytest.mark.parametrize("payload", [[1], "x", 1, None])
def test_a_document_is_an_object(payload: object) -> None:
    with pytest.raises(ValidationError, match="payload"):
        Custom.model_validate({"job_name": "x", "payload": payload})
