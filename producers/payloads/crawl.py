"""Web pages: the input of `crawl.single` and `crawl.batch`."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from producers.payloads.base import Part, Payload
from producers.payloads.fields.weburl import WebUrl

#: The most pages of one batch.
URLS_MAX = 50

#: The largest page, after it is unpacked.
BODY_BYTES_MAX = 10_000_000

#: The shortest and the longest that one page may take, with its redirects.
PAGE_TIMEOUT_MS_MIN = 100
PAGE_TIMEOUT_MS_MAX = 120_000


class CrawlOptions(Part):
    """How pages are read.

    *output* is the form of the text. A page of more than *body_bytes_max* bytes after it is
    unpacked (1 to 10,000,000) or that takes longer than *page_timeout_ms* (100 to 120,000
    milliseconds) has failed.
    """

    output: Literal["text", "markdown"] = "markdown"
    body_bytes_max: Annotated[int, Field(ge=1, le=BODY_BYTES_MAX)] = BODY_BYTES_MAX
    page_timeout_ms: Annotated[int, Field(ge=PAGE_TIMEOUT_MS_MIN, le=PAGE_TIMEOUT_MS_MAX)] = 30_000


class SingleCrawl(Payload):
    """Fetch the page at *url* (http or https, at most 2048 characters) and extract its text."""

    kind: ClassVar[str] = "crawl.single"

    url: WebUrl
    options: CrawlOptions = CrawlOptions()


class BatchCrawl(Payload):
    """Fetch 1 to 50 pages; one that fails stops no other.

    The results come in the order of *urls*. An address that comes twice is fetched once.
    """

    kind: ClassVar[str] = "crawl.batch"

    urls: Annotated[tuple[WebUrl, ...], Field(min_length=1, max_length=URLS_MAX)]
    options: CrawlOptions = CrawlOptions()
