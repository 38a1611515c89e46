"""Gallery images: the input of `gradients.extract`."""

from typing import ClassVar

from producers.payloads.base import CAMEL_CASE, Payload
from producers.payloads.fields.identifier import Identifier
from producers.payloads.fields.objectkey import ObjectKey


class GradientJob(Payload):
    """Find the palette, the gradient and the blur placeholder of one gallery image.

    *storageKey* is the image in the object store, 1 to 1024 bytes; the result is kept under it.
    *guildId*, *galleryName* and *itemId* say whose image it is, 1 to 200 characters each; they
    stand in the job and not in the result.
    """

    model_config = CAMEL_CASE
    kind: ClassVar[str] = "gradients.extract"

    guild_id: Identifier
    gallery_name: Identifier
    storage_key: ObjectKey
    item_id: Identifier
