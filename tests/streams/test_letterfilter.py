"""Which letters a filter means."""

from typing import Any

import pytest

from streams.errors import InvalidJobError
from streams.letter import DeadLetter
from streams.letterfilter import LetterFilter
from tests.support.letters import failed_row, letter

ONE = letter(
    "job-1",
    died_ms=5_000,
    kind="tiles.render",
    cause="poison: killed by SIGSEGV",
    payload='{"layer": "Temperature"}',
    rows=[failed_row("ShardError", "no shard 17")],
)
DIGEST = ONE.fingerprint.digest


@pytest.mark.parametrize(
    ("named", "meant"),
    [
        ({}, True),
        ({"kinds": ("tiles.render",)}, True),
        ({"kinds": ("tiles.*",)}, True),
        ({"kinds": ("video.*", "tiles.render")}, True),
        ({"kinds": ("tiles",)}, False),
        ({"causes": ("poison",)}, True),
        ({"causes": ("Poison: killed by SIGSEGV",)}, True),
        ({"causes": ("killed",)}, False),
        ({"errors": ("sharderror",)}, True),
        ({"errors": ("Shard",)}, False),
        ({"digests": (DIGEST,)}, True),
        ({"digests": (DIGEST[:4].upper(),)}, True),
        ({"digests": ("0000", DIGEST)}, True),
        ({"digests": (DIGEST[::-1],)}, False),
        ({"since_ms": 5_000, "until_ms": 5_000}, True),
        ({"since_ms": 5_001}, False),
        ({"until_ms": 4_999}, False),
        ({"text": "TEMPERATURE"}, True),
        ({"text": "Shard 17"}, True),
        ({"text": "job-1"}, True),
        ({"text": "sigsegv"}, True),
        ({"text": "pressure"}, False),
        ({"kinds": ("tiles.*",), "errors": ("KeyError",)}, False),
        ({"kinds": ("tiles.*",), "errors": ("ShardError",), "text": "layer"}, True),
    ],
)
def test_all_that_is_named_must_fit(named: dict[str, Any], *, meant: bool) -> None:
    wanted = LetterFilter(**named)

    assert wanted.matches(ONE) is meant
    assert wanted.is_everything is (not named)


def test_a_letter_without_an_error_has_none_to_filter_by() -> None:
    silent: DeadLetter = letter(rows=[])

    assert not LetterFilter(errors=("ValueError",)).matches(silent)
    assert LetterFilter(causes=("attempts",)).matches(silent)


def test_a_filter_reads_no_more_of_the_stream_than_its_time() -> None:
    assert (LetterFilter().first, LetterFilter().last) == ("-", "+")
    bounded = LetterFilter(since_ms=-5, until_ms=7)
    assert (bounded.first, bounded.last) == ("0", "7")


@pytest.mark.parametrize("digest", ["abc", "", "not hex", "12345g"])
def test_a_fingerprint_that_would_mean_many_is_refused(digest: str) -> None:
    with pytest.raises(InvalidJobError, match="12 hexadecimal digits"):
        LetterFilter(digests=(digest,))
