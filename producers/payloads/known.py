"""The payload models that this distribution brings, by kind."""

from collections.abc import Mapping

from pydantic import ValidationError

from producers.payloads.ads import (
    AddBatchRender,
    AddCampaignRender,
    AddSingleRender,
    AddTemplateRender,
)
from producers.payloads.base import Payload
from producers.payloads.crawl import BatchCrawl, SingleCrawl
from producers.payloads.custom import Custom
from producers.payloads.flaws import told
from producers.payloads.gradients import GradientJob
from producers.payloads.maintenance import Maintenance
from producers.payloads.pdf import PdfExtraction
from producers.payloads.tiles import RenderTile
from producers.payloads.video import VideoJob

_MODELS: tuple[type[Payload], ...] = (
    RenderTile,
    GradientJob,
    AddSingleRender,
    AddTemplateRender,
    AddBatchRender,
    AddCampaignRender,
    VideoJob,
    SingleCrawl,
    BatchCrawl,
    PdfExtraction,
    Maintenance,
    Custom,
)

#: Kind to model. Other kinds belong to applications, whose models are not known here.
KNOWN_PAYLOADS: Mapping[str, type[Payload]] = {model.kind: model for model in _MODELS}


def misfit(kind: str, payload: bytes) -> str:
    """How *payload* does not fit the model of *kind*; empty where it does, or none is known."""
    model = KNOWN_PAYLOADS.get(kind)
    if model is not None:
        try:
            model.model_validate_json(payload)
        except ValidationError as error:
            return f"the payload does not fit '{kind}': {told(error)}"
    return ""
