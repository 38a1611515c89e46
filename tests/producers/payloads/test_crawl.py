"""The inputs of the crawler, as they stand on the wire."""

from typing import Any

import pytest
from pydantic import ValidationError

from producers.payloads.crawl import URLS_MAX, BatchCrawl, CrawlOptions, SingleCrawl
from tests.support.wire import on_the_wire


def test_an_address_is_enough_and_is_carried_as_it_was_given() -> None:
    job = SingleCrawl(url="https://example.com")

    assert on_the_wire(job)["url"] == "https://example.com"
    assert job.options == CrawlOptions(
        output="markdown", body_bytes_max=10_000_000, page_timeout_ms=30_000
    )


def test_a_batch_keeps_order_and_repetitions() -> None:
    urls = ("https://example.com/b", "https://example.com/a", "https://example.com/b")

    assert on_the_wire(BatchCrawl(urls=urls))["urls"] == list(urls)


def test_a_batch_has_at_most_fifty_pages() -> None:
    urls = tuple(f"https://example.com/{number}" for number in range(URLS_MAX + 1))

    assert len(BatchCrawl(urls=urls[:URLS_MAX]).urls) == 50
    with pytest.raises(ValidationError, match=r"urls\n.*at most 50"):
        BatchCrawl(urls=urls)
    with pytest.raises(ValidationError, match="at least 1"):
        BatchCrawl(urls=())


def test_the_address_that_is_wrong_is_the_one_that_is_named() -> None:
    with pytest.raises(ValidationError, match=r"urls\.1\n.*begins with http"):
        BatchCrawl(urls=("https://example.com", "ftp://example.com"))


@pytest.mark.parametrize(
    "options",
    [
        {"output": "html"},
        {"body_bytes_max": 0},
        {"body_bytes_max": 10_000_001},
        {"page_timeout_ms": 99},
        {"page_timeout_ms": 120_001},
        {"depth": 3},
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SingleCrawl.model_validate({"url": "https://example.com", "options": options})
