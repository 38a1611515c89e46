"""The input of `gradients.extract`, as it stands on the wire."""

from typing import Any

import pytest
from pydantic import ValidationError

from producers.payloads.gradients import GradientJob
from tests.support.wire import on_the_wire

WIRE = {
    "guildId": "123456789",
    "galleryName": "my-gallery",
    "storageKey": "my-gallery/uploads/2024-01-15/image.jpg",
    "itemId": "my-gallery-uploads-2024-01-15-image-jpg",
}


def test_what_another_program_sends_is_what_python_sends() -> None:
    job = GradientJob.model_validate(WIRE)

    assert job.storage_key == WIRE["storageKey"]
    assert on_the_wire(job) == WIRE


def test_python_names_its_fields_as_python_does() -> None:
    job = GradientJob(guild_id="1", gallery_name="Fotos aus Köln", storage_key="a/b", item_id="x")

    assert on_the_wire(job) == {
        "guildId": "1",
        "galleryName": "Fotos aus Köln",
        "storageKey": "a/b",
        "itemId": "x",
    }


def test_a_field_in_both_spellings_is_refused() -> None:
    with pytest.raises(ValidationError, match="guild_id"):
        GradientJob.model_validate({**WIRE, "guild_id": "2"})


@pytest.mark.parametrize("name", WIRE)
def test_every_field_is_required(name: str) -> None:
    with pytest.raises(ValidationError, match=name):
        GradientJob.model_validate({key: value for key, value in WIRE.items() if key != name})


@pytest.mark.parametrize(
    "changes",
    [
        {"guildId": ""},
        {"guildId": 123456789},
        {"guildId": "1\n"},
        {"itemId": "a\x00b"},
        {"itemId": "a\x1b[2Jb"},
        {"itemId": "a" * 201},
        {"galleryName": " "},
        {"galleryName": "x\u202egpj"},
        {"storageKey": "/etc/passwd"},
        {"storageKey": "a/../../b"},
        {"storageKey": "a//b"},
        {"storageKey": "a\\b"},
        {"storageKey": "ä" * 513},
        {"bucket": "x"},
    ],
)
def test_what_names_no_image_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        GradientJob.model_validate({**WIRE, **changes})
