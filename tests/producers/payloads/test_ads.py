"""The inputs of the ad renderer, as they stand on the wire."""

from typing import Any

import pytest
from pydantic import ValidationError

from producers.payloads.ads import (
    AREA_PX_MAX,
    ITEMS_MAX,
    AddBatchRender,
    AddCampaignRender,
    AddSingleRender,
    AddTemplateRender,
    AdTemplate,
    Dimensions,
    RenderOptions,
)
from tests.support.wire import on_the_wire

TEMPLATE: dict[str, Any] = {
    "id": "social-ad-1",
    "name": "Instagram Square",
    "dimensions": {"width": 1080, "height": 1080},
    "content": {"headline": "Summer Sale", "body": "Up to 50% off\nToday only"},
}


def template(number: int) -> AdTemplate:
    return AdTemplate(id=f"ad-{number}", dimensions=Dimensions(width=300, height=250))


def test_one_composition_is_written_with_the_names_of_the_wire() -> None:
    job = AddSingleRender(
        composition_id="c-1", options=RenderOptions(format="webp", quality=80, max_bytes=150_000)
    )

    assert on_the_wire(job) == {
        "compositionId": "c-1",
        "options": {"format": "webp", "quality": 80, "maxBytes": 150_000},
    }


def test_without_options_it_is_a_png() -> None:
    assert AddSingleRender(composition_id="c").options == RenderOptions(format="png", quality=90)


def test_a_template_survives_the_wire() -> None:
    job = AddTemplateRender.model_validate({"template": TEMPLATE})

    assert on_the_wire(job)["template"] == TEMPLATE
    assert AddTemplateRender.model_validate(on_the_wire(job)) == job


def test_a_batch_keeps_its_order() -> None:
    job = AddBatchRender(composition_ids=("b", "a", "c"))

    assert on_the_wire(job)["compositionIds"] == ["b", "a", "c"]


def test_a_campaign_has_as_many_sizes_as_a_job_may_make() -> None:
    templates = tuple(template(number) for number in range(ITEMS_MAX))

    assert AddCampaignRender(templates=templates).templates == templates
    with pytest.raises(ValidationError, match=f"at most {ITEMS_MAX}"):
        AddCampaignRender(templates=(*templates, template(ITEMS_MAX)))


def test_ids_that_would_name_one_result_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"composition_ids\n.*each id comes once.*'a' twice"):
        AddBatchRender(composition_ids=("a", "b", "a"))
    with pytest.raises(ValidationError, match=r"templates\n.*each id comes once.*'ad-1' twice"):
        AddCampaignRender(templates=(template(1), template(1)))


def test_a_picture_that_does_not_fit_into_memory_is_refused_with_the_limit() -> None:
    with pytest.raises(ValidationError, match=f"dimensions: .* at most {AREA_PX_MAX} pixels"):
        Dimensions(width=8192, height=8192)


@pytest.mark.parametrize(
    "changes",
    [
        {"id": ""},
        {"id": "a\tb"},
        {"name": "x" * 201},
        {"dimensions": {"width": 0, "height": 1}},
        {"dimensions": {"width": 8193, "height": 1}},
        {"dimensions": {"width": 300}},
        {"content": {"headline": ""}},
        {"content": {"headline": "x" * 10_001}},
        {"content": {"body": "a\x00b"}},
        {"content": {"cta": "Buy\nnow"}},
        {"content": {"footer": "x"}},
    ],
)
def test_a_template_that_cannot_be_drawn_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        AdTemplate.model_validate({**TEMPLATE, **changes})


@pytest.mark.parametrize(
    "options",
    [{"format": "gif"}, {"quality": 0}, {"quality": 101}, {"maxBytes": 0}, {"maxBytes": 2**40}],
)
def test_options_out_of_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        AddSingleRender.model_validate({"compositionId": "c", "options": options})


def test_nothing_to_render_is_refused() -> None:
    with pytest.raises(ValidationError, match="at least 1"):
        AddBatchRender(composition_ids=())
