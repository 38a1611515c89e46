"""Entries that anybody may have written."""

import time
from datetime import timedelta
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streams.backoff import Backoff
from streams.entry import decode_entry, derived_id
from streams.job import (
    ATTEMPTS_DEFAULT,
    META_BYTES_MAX,
    PAYLOAD_BYTES_MAX,
    Delivery,
    Token,
    require_id,
)
from streams.priority import Priority

ENTRY = "1700000000123-4"
DERIVED = f"normal-{ENTRY}"


def decoded(*pairs: tuple[bytes, bytes], deliveries: int = 1) -> Delivery:
    """What a consumer is given for an entry with these fields."""
    flat = [part for pair in pairs for part in pair]
    return decode_entry(Token(3, ENTRY, "one", deliveries), flat)


def sent(**fields: bytes) -> Delivery:
    """The same for an entry that has kind and payload at least."""
    named = {"kind": b"test.echo", "payload": b"{}", **fields}
    return decoded(*((name.encode(), value) for name, value in named.items()))


def test_two_fields_are_enough() -> None:
    delivery = decoded((b"kind", b"test.echo"), (b"payload", b'{"a":1}'))

    assert delivery == Delivery(
        token=Token(3, ENTRY, "one", 1),
        id=DERIVED,
        kind="test.echo",
        payload=b'{"a":1}',
        attempt=1,
        attempts_max=ATTEMPTS_DEFAULT,
        timeout_ms=None,
        enqueued_ms=1_700_000_000_123,
        epoch=0,
        unique="",
        meta={},
        traceparent="",
        flaw="",
    )


def test_every_documented_field_is_read() -> None:
    delivery = sent(
        id=b"nightly",
        attempts=b"5",
        timeout_ms=b"30000",
        enqueued_ms=b"17",
        unique=b"slot",
        meta=b'{"tenant":"acme"}',
        traceparent=b"00-ab-cd-01",
        attempt=b"2",
        epoch=b"9",
    )

    assert (delivery.id, delivery.attempts_max, delivery.timeout_ms) == ("nightly", 5, 30_000)
    assert (delivery.enqueued_ms, delivery.unique) == (17, "slot")
    assert (delivery.meta, delivery.traceparent) == ({"tenant": "acme"}, "00-ab-cd-01")
    assert (delivery.attempt, delivery.epoch, delivery.flaw) == (2, 9, "")


def test_an_expiry_and_a_backoff_are_read_and_what_a_backoff_leaves_out_has_its_default() -> None:
    delivery = sent(expires_ms=b"99", backoff=b'{"first_ms":60000,"jitter":1}')

    assert (delivery.expires_ms, delivery.flaw) == (99, "")
    assert delivery.backoff == Backoff(first=timedelta(minutes=1), jitter=1.0)


@pytest.mark.parametrize(
    ("fields", "moment", "is_late"),
    [
        ({}, 10**15, False),
        ({"expires_ms": b"99"}, 98, False),
        ({"expires_ms": b"99"}, 99, True),
        ({"expires_ms": b"99", "attempt": b"2"}, 100, False),
        ({"expires_ms": b"99", "snoozes": b"1"}, 100, False),
        ({"expires_ms": b"99", "losses": b"1"}, 100, True),
    ],
)
def test_a_job_expires_until_its_first_attempt_has_come_to_something(
    fields: dict[str, bytes], moment: int, is_late: object
) -> None:
    assert sent(**fields).is_expired(moment) is is_late


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"kind": b""}, "the field 'kind' is missing"),
        ({"kind": b"1st"}, "kind: a kind starts with a letter"),
        ({"kind": b"a b"}, "kind: a kind starts with a letter"),
        ({"kind": b"tiles.render\n"}, "kind: a kind starts with a letter"),
        ({"kind": b"\xff\xfe"}, "kind: a kind starts with a letter"),
        ({"id": b"a b"}, "id: a job id has 1 to 200 printable ASCII characters"),
        ({"id": b"x" * 201}, "id: a job id has 1 to 200"),
        ({"id": b"\x1b[31mred"}, "id: a job id has 1 to 200"),
        ({"id": "ä".encode()}, "id: a job id has 1 to 200"),
        ({"payload": b"x" * (PAYLOAD_BYTES_MAX + 1)}, "payload: may have 1048576 bytes"),
        ({"attempts": b"0"}, "attempts: must be a whole number from 1 to 1000"),
        ({"attempts": b"1001"}, "attempts: must be a whole number from 1 to 1000"),
        ({"attempts": b"-1"}, "attempts: must be a whole number"),
        ({"attempts": b"3.0"}, "attempts: must be a whole number"),
        ({"attempts": "٣".encode()}, "attempts: must be a whole number"),
        ({"attempt": b"0"}, "attempt: must be a whole number from 1"),
        ({"schema_version": b"0"}, "schema_version: must be a whole number from 1 to 1000000"),
        ({"schema_version": b"two"}, "schema_version: must be a whole number"),
        ({"timeout_ms": b"soon"}, "timeout_ms: must be a whole number"),
        ({"expires_ms": b"soon"}, "expires_ms: must be a whole number"),
        ({"backoff": b"{"}, "backoff: a backoff is a JSON object"),
        ({"backoff": b"[1]"}, "backoff: a backoff is a JSON object with some of first_ms"),
        ({"backoff": b'{"last_ms":1}'}, "backoff: a backoff is a JSON object with some of"),
        ({"backoff": b'{"first_ms":"1"}'}, "first_ms of a backoff is a number, got '1'"),
        ({"backoff": b'{"factor":true}'}, "factor of a backoff is a number, got True"),
        ({"backoff": b'{"factor":0.5}'}, "factor of a backoff is 1 to 1000, got 0.5"),
        ({"backoff": b'{"jitter":2}'}, "jitter of a backoff is 0 to 1, got 2"),
        ({"backoff": b'{"cap_ms":1e300}'}, "cap of a backoff is 0 to 30 days"),
        ({"backoff": b'{"first_ms":-1e300}'}, "first of a backoff is 0 to 30 days"),
        ({"backoff": b" " * 201}, "backoff: a backoff may have 200 bytes, got 201"),
        ({"epoch": b"1e3"}, "epoch: must be a whole number"),
        ({"enqueued_ms": b"9" * 17}, "enqueued_ms: must be a whole number"),
        ({"meta": b"{"}, "meta: not JSON"),
        ({"meta": b"[1]"}, "meta: must be a JSON object"),
        ({"meta": b"[" * 10_000}, "meta: not JSON"),
        ({"meta": b'{"a":"\xff"}'}, "meta: not JSON"),
        ({"meta": b" " * (META_BYTES_MAX + 1)}, "meta: may have 16384 bytes"),
    ],
)
def test_a_flaw_says_which_field_and_what_was_expected(fields: dict[str, bytes], said: str) -> None:
    assert said in sent(**fields).flaw


def test_a_missing_payload_is_a_flaw_and_an_empty_one_is_the_handlers_business() -> None:
    assert "the field 'payload' is missing" in decoded((b"kind", b"a")).flaw
    assert sent(payload=b"").flaw == ""


def test_all_flaws_are_told_at_once() -> None:
    flaw = decoded((b"kind", b"?"), (b"attempts", b"x"), (b"meta", b"x")).flaw

    assert [part.partition(":")[0] for part in flaw.split("; ")] == [
        "kind",
        "the field 'payload' is missing",
        "attempts",
        "meta",
    ]


def test_an_unusable_id_is_replaced_by_one_that_is_safe_in_a_key() -> None:
    assert sent(id=b"a b").id == DERIVED
    require_id(DERIVED)


def test_of_a_name_that_comes_twice_the_last_counts() -> None:
    """As for every client that reads an entry into a dictionary."""
    pairs = [(b"kind", b"a"), (b"id", b"A"), (b"id", b"B"), (b"payload", b"1"), (b"payload", b"2")]

    delivery = decoded(*pairs)

    assert (delivery.id, delivery.payload) == ("B", b"2")


HOSTILE_NAMES = st.sampled_from(
    [
        *(b"id", b"kind", b"payload", b"attempt", b"attempts", b"timeout_ms", b"enqueued_ms"),
        *(b"epoch", b"unique", b"meta", b"traceparent"),
    ]
)
HOSTILE_VALUES = st.one_of(
    st.binary(max_size=300),
    st.text(max_size=50).map(str.encode),
    st.integers().map(lambda number: str(number).encode()),
    st.from_regex(rb"[0-9]{1,30}", fullmatch=True),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
        max_leaves=5,
    ).map(
        lambda value: (
            orjson.dumps(value, option=orjson.OPT_PASSTHROUGH_DATETIME, default=str)
            if _is_small(value)
            else b"{}"
        )
    ),
)


def _is_small(value: Any) -> bool:
    """True where orjson can write it: its integers have 64 bits."""
    try:
        orjson.dumps(value)
    except TypeError:
        return False
    return True


@given(
    st.lists(st.tuples(HOSTILE_NAMES | st.binary(max_size=20), HOSTILE_VALUES), max_size=15),
)
@example([(b"epoch", b"9" * 5_000)])
@example([(b"meta", b'{"a":1e999}')])
@example([(b"attempts", "²".encode())])
def test_no_entry_can_make_the_reader_raise(pairs: list[tuple[bytes, bytes]]) -> None:
    """A bad entry must come out as a delivery, or nobody could settle it."""
    delivery = decoded(*pairs)

    require_id(delivery.id)
    assert isinstance(delivery.fence, int)
    assert delivery.attempt >= 1
    assert 1 <= delivery.attempts_max <= 1000
    if delivery.kind == "" or b"payload" not in dict(pairs):
        assert delivery.flaw


def test_a_megabyte_of_digits_costs_no_time() -> None:
    """`int()` of it would hold the event loop for seconds."""
    started_s = time.process_time()

    delivery = sent(attempts=b"1" * 2**20, epoch=b"1" * 2**20)

    assert "attempts: must be a whole number" in delivery.flaw
    assert time.process_time() - started_s < 1


@given(
    epochs=st.tuples(st.integers(0, 2**40), st.integers(0, 2**40)),
    counts=st.tuples(st.integers(1, 2**16 - 1), st.integers(1, 2**16 - 1)),
)
def test_the_fence_grows_with_the_epoch_first_and_the_deliveries_second(
    epochs: tuple[int, int], counts: tuple[int, int]
) -> None:
    one, other = (
        decoded((b"epoch", str(epoch).encode()), deliveries=count)
        for epoch, count in zip(epochs, counts, strict=True)
    )

    assert (one.fence < other.fence) == ((epochs[0], counts[0]) < (epochs[1], counts[1]))


def test_a_derived_id_names_level_and_place() -> None:
    assert derived_id(Priority.LOW, "5-0") == "low-5-0"
