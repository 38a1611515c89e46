"""Jobs on their way in."""

from typing import Any

import pytest

from streams.errors import InvalidJobError
from streams.job import (
    META_BYTES_MAX,
    MS_MAX,
    PAYLOAD_BYTES_MAX,
    NewJob,
)


def job(**options: Any) -> NewJob:
    return NewJob(**{"kind": "test.echo", "payload": b"{}", **options})


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"kind": ""}, "a kind starts with a letter"),
        ({"kind": "x" * 101}, "a kind starts with a letter"),
        ({"id": ""}, "a job id has 1 to 200"),
        ({"id": "a b"}, "a job id has 1 to 200"),
        ({"id": "a\n"}, "a job id has 1 to 200"),
        ({"id": "ä"}, "a job id has 1 to 200"),
        ({"unique": ""}, "a unique key has 1 to 512"),
        ({"unique": "x" * 513}, "a unique key has 1 to 512"),
        ({"payload": b"x" * (PAYLOAD_BYTES_MAX + 1)}, "put the data into an object store"),
        ({"attempts_max": 0}, "attempts is 1 to 1000, got 0"),
        ({"attempts_max": 1001}, "attempts is 1 to 1000, got 1001"),
        ({"timeout_ms": 0}, f"timeout_ms is 1 to {MS_MAX}, got 0"),
        ({"timeout_ms": -5}, f"timeout_ms is 1 to {MS_MAX}, got -5"),
        ({"timeout_ms": MS_MAX + 1}, "timeout_ms is 1 to"),
        ({"delay_ms": -1}, f"delay_ms is 0 to {MS_MAX}, got -1"),
        ({"due_ms": -1}, "due_ms is 0 to"),
        ({"unique_ttl_ms": -1}, "unique_ttl_ms is 0 to"),
        ({"delay_ms": MS_MAX + 1}, "delay_ms is 0 to"),
        ({"due_ms": 10**18}, "due_ms"),
        ({"unique_ttl_ms": 10**18}, "unique_ttl_ms"),
        ({"delay_ms": 1, "due_ms": 1}, "not both"),
        ({"meta": {"a": "x" * META_BYTES_MAX}}, "meta may have 16384 bytes"),
        ({"meta": {"a": object()}}, "meta is no JSON object"),
        ({"meta": {1: "a"}}, "meta is no JSON object"),
        ({"meta": {"a": 2**70}}, "meta is no JSON object"),
        ({"traceparent": "x" * 1000}, "traceparent"),
        ({"traceparent": "00-\ud800"}, "traceparent"),
    ],
)
def test_a_job_that_must_not_be_sent_is_refused_when_it_is_made(
    options: dict[str, Any], said: str
) -> None:
    with pytest.raises(InvalidJobError, match=said):
        job(**options)


def test_every_limit_itself_is_allowed() -> None:
    job(kind="k" * 100, id="i" * 200, unique="u" * 512, payload=b"x" * PAYLOAD_BYTES_MAX)
    job(attempts_max=1, timeout_ms=1)
    job(attempts_max=1000, timeout_ms=MS_MAX, delay_ms=MS_MAX, unique_ttl_ms=MS_MAX)
    job(meta={"a": "x" * (META_BYTES_MAX - len('{"a":""}'))})


def test_no_meta_is_sent_as_nothing() -> None:
    assert [job().meta_json(), job(meta={}).meta_json(), job(meta={"a": 1}).meta_json()] == [
        b"",
        b"",
        b'{"a":1}',
    ]


def test_each_job_gets_an_id_of_its_own() -> None:
    assert job().id != job().id
