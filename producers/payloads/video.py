"""Product videos: the input of `video.generate`."""

from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import Field

from producers.payloads.base import Payload
from producers.payloads.fields.name import Name
from producers.payloads.fields.text import Line

#: The longest name of a product, in characters: it is spoken and shown.
PRODUCT_NAME_LENGTH_MAX = 200

#: The longest call to action, in characters: it stands in one line at the end.
CTA_LENGTH_MAX = 100


class VideoJob(Payload):
    """Write a script for *product_name*, speak it, make pictures to it, and put all together.

    *style* names the look; which there are is the worker's to say. *cta_text* is what the video
    ends with. *id* is part of the wire form, for producers that know nothing of the envelope;
    the queue itself looks at the envelope.
    """

    kind: ClassVar[str] = "video.generate"

    id: UUID | None = None
    product_name: Annotated[Line, Field(min_length=1, max_length=PRODUCT_NAME_LENGTH_MAX)]
    style: Name
    cta_text: Annotated[Line, Field(min_length=1, max_length=CTA_LENGTH_MAX)]
