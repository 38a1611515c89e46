"""What a worker may be asked to fetch."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from producers.payloads.fields.weburl import WEB_URL_LENGTH_MAX, WebUrl

ADDRESS: TypeAdapter[str] = TypeAdapter(WebUrl)


@pytest.mark.parametrize(
    "value",
    [
        "http://example.com",
        "HTTPS://Example.com/a?b=c#d",
        "https://example.com:8443/a@b",
        "https://bücher.example/ü",
        "http://[2001:db8::1]/",
        "http://127.0.0.1/",
        "https://example.com/" + "x" * (WEB_URL_LENGTH_MAX - len("https://example.com/")),
    ],
)
def test_an_address_is_kept_as_it_was_given(value: str) -> None:
    assert ADDRESS.validate_python(value) == value


@pytest.mark.parametrize(
    "value",
    [
        "",
        "example.com",
        "//example.com",
        "ftp://example.com",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "http:example.com",
        "http://",
        "http:///path",
        "http://:80/",
        "http://example.com:0/",
        "http://example.com:65536/",
        "http://example.com:http/",
        "http://[::1/",
        "http://user@example.com/",
        "http://example.com\\@evil.example/",
        " http://example.com",
        "http://example.com/a b",
        "http://example.com/\r\nHost: evil",
        "http://example.com/\x00",
        "http://example.com/\u202etxt",
        "https://example.com/" + "x" * WEB_URL_LENGTH_MAX,
    ],
)
def test_anything_else_is_refused(value: str) -> None:
    with pytest.raises(ValidationError):
        ADDRESS.validate_python(value)


def test_a_password_is_not_repeated_by_the_message() -> None:
    with pytest.raises(ValidationError) as refused:
        ADDRESS.validate_python("http://user:hunter2@example.com/")

    [error] = refused.value.errors(include_input=False)
    assert "no user name or password" in error["msg"]
    assert "hunter2" not in str(error)


@settings(deadline=None)
@given(st.text(max_size=30).map("http://".__add__))
def test_what_is_accepted_is_one_word(value: str) -> None:
    try:
        accepted = ADDRESS.validate_python(value)
    except ValidationError:
        return
    assert accepted.split() == [accepted]
