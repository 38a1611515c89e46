"""Passwords do not get into logs and histories."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.redaction import redacted

#: What may stand in front of the host without ending it.
CREDENTIALS = st.text(string.ascii_letters + string.digits + "!$&()*+,;=:@%-._~", min_size=1)
PLAIN = st.text(string.ascii_letters + " .,:;!?'\"()[]{}<>\n", max_size=60)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("redis://user:secret@host:6379/0", "redis://***@host:6379/0"),
        ("redis://:secret@host", "redis://***@host"),
        ("rediss://secret@host", "rediss://***@host"),
        ("postgresql+asyncpg://me:secret@db/x", "postgresql+asyncpg://***@db/x"),
        ("S3://me:secret@store", "S3://***@store"),
        ("https://secret@github.test/x.git", "https://***@github.test/x.git"),
        ("redis://me:se@cr:et@host", "redis://***@host"),
        ("a redis://u:secret@a and b redis://u:secret@b", "a redis://***@a and b redis://***@b"),
        ("OSError('redis://u:secret@host')", "OSError('redis://***@host')"),
    ],
)
def test_user_and_password_of_a_url_are_replaced(text: str, expected: str) -> None:
    assert redacted(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "https://s3/b?X-Amz-Credential=AKIA&X-Amz-Signature=secret&x=1",
            "https://s3/b?X-Amz-Credential=***&X-Amz-Signature=***&x=1",
        ),
        ("unix:///run/redis.sock?password=secret&db=0", "unix:///run/redis.sock?password=***&db=0"),
        ("AWS_SECRET_ACCESS_KEY=secret", "AWS_SECRET_ACCESS_KEY=***"),
        ("{'password': 'secret', 'a': 'b'}", "{'password': '***', 'a': 'b'}"),
        ('{"apiKey":"secret"}', '{"apiKey":"***"}'),
        ("connect(host='h', token='secret')", "connect(host='h', token='***')"),
    ],
)
def test_what_stands_behind_a_telling_name_is_replaced(text: str, expected: str) -> None:
    assert redacted(text) == expected


@pytest.mark.parametrize("text", ["a" * 1_000_000, "password" * 100_000, "token=" * 100_000])
def test_a_megabyte_is_read_in_one_pass(text: str) -> None:
    """Quadratic time would be an hour, and the test's own time limit says so."""
    assert redacted(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "token: Field required",
        "the password is wrong",
        "nothing to hide",
        "redis://host:6379/0",
        "https://host/path?mail=me@host",
        "mail me@host, see https://host/",
        "10:30 @ the mill",
    ],
)
def test_other_text_stays_as_it_is(text: str) -> None:
    assert redacted(text) == text


@given(before=PLAIN, credentials=CREDENTIALS, after=PLAIN)
def test_no_credentials_survive_wherever_the_url_stands(
    before: str, credentials: str, after: str
) -> None:
    text = f"{before} redis://{credentials}CANARY@host:6379/0 {after}"

    assert "CANARY" not in redacted(text)


@given(st.text())
def test_what_is_clean_stays_clean(text: str) -> None:
    once = redacted(text)

    assert redacted(once) == once


@pytest.mark.parametrize(
    "unit",
    ["a", ":", "@", "a:", "://", "a://", "a://:", "a://b:c", "a+", "redis://user:"],
)
def test_a_megabyte_of_anything_is_looked_at_in_an_instant(unit: str) -> None:
    """An error message may quote its input, and the event loop waits for this.

    A pattern whose time grows with the square of the text would need hours; pytest's time
    limit ends the test then.
    """
    text = unit * (1_000_000 // len(unit))

    assert redacted(text)


@given(st.binary())
def test_any_text_comes_out_as_something_that_json_can_hold(raw: bytes) -> None:
    """A file name that is no UTF-8 has lone surrogates in Python's text."""
    redacted(raw.decode(errors="surrogateescape")).encode()
