"""PDF documents: the input of `pdf.extract`."""

from typing import Annotated, ClassVar, Self

from pydantic import ConfigDict, Field, WithJsonSchema, model_validator

from producers.payloads.base import Part, Payload
from producers.payloads.fields.objectkey import ObjectKey
from producers.payloads.fields.text import Line
from producers.payloads.fields.weburl import WEB_URL_LENGTH_MAX, require_web_url

#: The largest document inside a job: in base64 it takes two thirds of what a payload may have.
INLINE_BYTES_MAX = 512 * 1024

#: The largest document anywhere else.
DOCUMENT_BYTES_MAX = 100 * 1024 * 1024

_BASE64 = {
    "type": "string",
    "contentEncoding": "base64",
    "minLength": 4,
    "maxLength": -(-INLINE_BYTES_MAX // 3) * 4,
}

#: Bytes in Python, base64 on the wire: written in the URL-safe alphabet, read in both.
InlinePdf = Annotated[
    bytes, Field(min_length=1, max_length=INLINE_BYTES_MAX), WithJsonSchema(_BASE64)
]


class PdfExtractionOptions(Part):
    """What is taken out of a document.

    A document of more than *max_size_bytes* (1 byte to 100 MiB) is refused before it is read.
    """

    extract_text: bool = True
    extract_images: bool = False
    extract_metadata: bool = True
    max_size_bytes: Annotated[int, Field(ge=1, le=DOCUMENT_BYTES_MAX)] = DOCUMENT_BYTES_MAX
    enable_progress: bool = True


class PdfExtraction(Payload):
    """Extract text, images and metadata from one document.

    The document is *storage_key* in the object store, *pdf_data* (at most 512 KiB, as base64),
    or, where both are left out, what an http or https *url* answers. Beside one of the two,
    *url* only says where it came from, and may be a file name.
    """

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")
    kind: ClassVar[str] = "pdf.extract"

    pdf_data: InlinePdf | None = None
    storage_key: ObjectKey | None = None
    url: Annotated[Line, Field(min_length=1, max_length=WEB_URL_LENGTH_MAX)] | None = None
    options: PdfExtractionOptions = PdfExtractionOptions()

    @model_validator(mode="after")
    def _has_one_source(self) -> Self:
        if self.pdf_data is not None and self.storage_key is not None:
            raise ValueError("pdf_data and storage_key are two documents: send one of them")
        if self.pdf_data is None and self.storage_key is None:
            if self.url is None:
                raise ValueError("no document: send storage_key, pdf_data or url")
            try:
                require_web_url(self.url)
            except ValueError as error:
                raise ValueError(f"url, which is the document here: {error}") from error
        return self
