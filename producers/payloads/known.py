"""The payload models that this distribution brings, by kind."""

from collections.abc import Mapping

from producers.payloads.base import Payload
from producers.payloads.tiles import RenderTile

_MODELS: tuple[type[Payload], ...] = (RenderTile,)

#: Kind to model. Other kinds belong to applications, whose models are not known here.
KNOWN_PAYLOADS: Mapping[str, type[Payload]] = {model.kind: model for model in _MODELS}
