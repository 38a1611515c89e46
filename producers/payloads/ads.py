"""Ad creatives: one composition, one template, many compositions, or a whole campaign."""

from collections.abc import Iterable
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from producers.payloads.base import CAMEL_CASE, Part, Payload
from producers.payloads.fields.identifier import Identifier
from producers.payloads.fields.text import Line, Text

#: The most pictures that one job makes.
ITEMS_MAX = 500

#: The largest edge of a picture.
SIDE_PX_MAX = 8192

#: The largest picture: 40 million pixels take 160 MB while they are drawn.
AREA_PX_MAX = 40_000_000

#: The longest words on a button.
CTA_LENGTH_MAX = 100

#: The smallest file that may be asked for: below it no picture of a banner fits.
FILE_BYTES_MIN = 1024

#: The largest file that may be asked for.
FILE_BYTES_MAX = 64 * 1024 * 1024

SidePx = Annotated[int, Field(ge=1, le=SIDE_PX_MAX)]


class RenderOptions(Part):
    """How pictures are written.

    *quality* is 1 to 100 and means nothing to PNG. *maxBytes* is the largest file that the
    advertising network takes: the quality is lowered until it fits. None means no limit.
    """

    model_config = CAMEL_CASE

    format: Literal["png", "jpeg", "webp"] = "png"
    quality: Annotated[int, Field(ge=1, le=100)] = 90
    max_bytes: Annotated[int, Field(ge=FILE_BYTES_MIN, le=FILE_BYTES_MAX)] | None = None


class Dimensions(Part):
    """The size of a picture: at most 8192 pixels a side and 40 million in all."""

    width: SidePx
    height: SidePx

    @model_validator(mode="after")
    def _is_drawn_in_memory(self) -> Self:
        if self.width * self.height > AREA_PX_MAX:
            raise ValueError(
                f"dimensions: width x height is at most {AREA_PX_MAX} pixels, "
                f"got {self.width} x {self.height} = {self.width * self.height}"
            )
        return self


class AdContent(Part):
    """The words of an ad: *headline* and *body* up to 10,000 characters, *cta* up to 100."""

    headline: Text | None = None
    body: Text | None = None
    cta: Annotated[Line, Field(min_length=1, max_length=CTA_LENGTH_MAX)] | None = None


class AdTemplate(Part):
    """One ad: its size and what it says. *id* names it in the result, *name* for people."""

    id: Identifier
    name: Identifier | None = None
    dimensions: Dimensions
    content: AdContent = AdContent()


def _names_each_once(ids: Iterable[str]) -> None:
    seen: set[str] = set()
    for each in ids:
        if each in seen:
            raise ValueError(
                f"each id comes once, because it names a result, got {each!r:.120} twice"
            )
        seen.add(each)


def _compositions_once(ids: tuple[Identifier, ...]) -> tuple[Identifier, ...]:
    _names_each_once(ids)
    return ids


def _templates_once(templates: tuple[AdTemplate, ...]) -> tuple[AdTemplate, ...]:
    _names_each_once(template.id for template in templates)
    return templates


class AddSingleRender(Payload):
    """Render the composition *compositionId*.

    How urgent it is and what travels with it are options of the job: `priority` and `meta`.
    """

    model_config = CAMEL_CASE
    kind: ClassVar[str] = "ads.single"

    composition_id: Identifier
    options: RenderOptions = RenderOptions()


class AddTemplateRender(Payload):
    """Render the ad that *template* describes."""

    model_config = CAMEL_CASE
    kind: ClassVar[str] = "ads.template"

    template: AdTemplate
    options: RenderOptions = RenderOptions()


class AddBatchRender(Payload):
    """Render 1 to 500 compositions, all with the same *options*; one that fails stops no other."""

    model_config = CAMEL_CASE
    kind: ClassVar[str] = "ads.batch"

    composition_ids: Annotated[
        tuple[Identifier, ...],
        Field(min_length=1, max_length=ITEMS_MAX),
        AfterValidator(_compositions_once),
    ]
    options: RenderOptions = RenderOptions()


class AddCampaignRender(Payload):
    """Render all sizes of a campaign: 1 to 500 *templates* with the same *options*."""

    model_config = CAMEL_CASE
    kind: ClassVar[str] = "ads.campaign"

    templates: Annotated[
        tuple[AdTemplate, ...],
        Field(min_length=1, max_length=ITEMS_MAX),
        AfterValidator(_templates_once),
    ]
    options: RenderOptions = RenderOptions()
