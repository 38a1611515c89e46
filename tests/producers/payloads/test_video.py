"""The input of `video.generate`, as it stands on the wire."""

from typing import Any
from uuid import uuid4

import pytest
from pydantic import ValidationError

from producers.payloads.video import VideoJob
from tests.support.wire import on_the_wire

WIRE = {"product_name": "Test Product", "style": "minimal", "cta_text": "Buy Now"}


def test_three_fields_are_a_job() -> None:
    assert on_the_wire(VideoJob.model_validate(WIRE)) == WIRE


def test_an_id_of_the_sender_is_carried() -> None:
    wire = {**WIRE, "id": str(uuid4())}

    assert on_the_wire(VideoJob.model_validate(wire)) == wire


@pytest.mark.parametrize("name", WIRE)
def test_what_is_missing_is_named(name: str) -> None:
    with pytest.raises(ValidationError, match=f"{name}\n.*required"):
        VideoJob.model_validate({key: value for key, value in WIRE.items() if key != name})


@pytest.mark.parametrize(
    "changes",
    [
        {"product_name": ""},
        {"product_name": "  "},
        {"product_name": "a\nb"},
        {"product_name": "x" * 201},
        {"style": "../minimal"},
        {"cta_text": "x" * 101},
        {"id": "7"},
        {"api_key": "secret"},
    ],
)
def test_what_nobody_could_film_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        VideoJob.model_validate({**WIRE, **changes})
