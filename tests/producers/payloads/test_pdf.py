"""The input of `pdf.extract`, as it stands on the wire."""

import base64
from typing import Any

import pytest
from pydantic import ValidationError

from producers.payloads.pdf import INLINE_BYTES_MAX, PdfExtraction, PdfExtractionOptions
from streams.job import PAYLOAD_BYTES_MAX
from tests.support.wire import on_the_wire

#: Bytes in which the two alphabets of base64 differ.
DATA = b"%PDF-1.7\n\xfb\xff\xfe\x3e\x3f"


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_a_small_document_travels_in_either_base64(encode: Any) -> None:
    job = PdfExtraction.model_validate_json(b'{"pdf_data":"%s"}' % encode(DATA))

    assert job == PdfExtraction(pdf_data=DATA)
    assert PdfExtraction.model_validate_json(job.model_dump_json()) == job


def test_the_largest_inline_document_fits_into_a_job() -> None:
    job = PdfExtraction(pdf_data=b"x" * INLINE_BYTES_MAX)

    assert len(str(on_the_wire(job)["pdf_data"])) < PAYLOAD_BYTES_MAX
    with pytest.raises(ValidationError, match=f"at most {INLINE_BYTES_MAX} bytes"):
        PdfExtraction(pdf_data=b"x" * (INLINE_BYTES_MAX + 1))


def test_without_options_text_and_metadata_are_taken_out() -> None:
    assert PdfExtraction(storage_key="a.pdf").options == PdfExtractionOptions(
        extract_text=True,
        extract_images=False,
        extract_metadata=True,
        max_size_bytes=100 * 1024 * 1024,
        enable_progress=True,
    )


def test_beside_a_document_the_url_is_only_its_origin() -> None:
    assert PdfExtraction(pdf_data=DATA, url="document.pdf").url == "document.pdf"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "send storage_key, pdf_data or url"),
        ({"pdf_data": DATA, "storage_key": "a.pdf"}, "two documents"),
        ({"url": "document.pdf"}, "url, which is the document here: .*begins with http"),
        ({"url": "file:///etc/passwd"}, "begins with http"),
        ({"storage_key": "../a.pdf"}, "no part '.' or '..'"),
        ({"pdf_data": b""}, "at least 1 byte"),
        ({"storage_key": "a", "options": {"max_size_bytes": 2**30}}, "less than or equal"),
    ],
)
def test_what_is_no_document_is_refused_with_what_to_send(
    fields: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValidationError, match=words):
        PdfExtraction.model_validate(fields)


def test_what_is_no_base64_is_refused() -> None:
    with pytest.raises(ValidationError, match="valid base64"):
        PdfExtraction.model_validate_json('{"pdf_data":"no base64!"}')
