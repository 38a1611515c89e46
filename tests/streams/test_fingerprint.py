"""The same failure has one fingerprint, whatever job it befell; another failure another one."""

import re
import string
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.fingerprint import (
    MESSAGE_CHARS_KEPT,
    Failure,
    failure_of,
    fingerprint,
    innermost_frame,
    normalised,
)

TRACEBACK = """Traceback (most recent call last):
  File "/srv/app/consumers/execution.py", line 90, in _run_handler
    value = await binding.handler(payload, context)
  File "{folder}/handlers/tiles/render.py", line {line}, in render
    raise ShardError(message)
handlers.tiles.errors.ShardError: {message}
"""

WORDS = st.text(string.ascii_letters + " ", max_size=20)
#: What messages hold that differs from job to job.
NUMBERS = st.one_of(
    st.integers(-(10**15), 10**15).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.integers(0, 10**9).map("{:,}".format),
    st.integers(0, 2**64 - 1).map(hex),
    st.uuids().map(str),
    st.binary(min_size=16, max_size=32).map(bytes.hex),
    st.ip_addresses(v=4).map(lambda ip: f"{ip}:6379"),
    st.datetimes().map(lambda at: at.isoformat()),
)
PATHS = st.lists(st.text(string.ascii_letters + "._", min_size=1), min_size=1, max_size=4).map(
    lambda parts: "/" + "/".join(parts)
)
QUOTED = st.text(string.printable.translate({ord(c): None for c in "'\n\r\x0b\x0c"})).map(
    lambda text: f"'{text}'"
)
URLS = st.uuids().map(lambda each: f"https://example.org/{each}?at={each.int}")


def died(message: str, line: int = 12, folder: str = "/srv/app") -> str:
    failure = Failure("ShardError", message, TRACEBACK.format(**locals()))
    return fingerprint("tiles.render", "attempts used up", failure).digest


@pytest.mark.parametrize("varying", [NUMBERS, PATHS, QUOTED, URLS], ids=["n", "path", "q", "url"])
def test_the_same_failure_with_another_value_is_the_same(varying: st.SearchStrategy[str]) -> None:
    @given(one=varying, other=varying)
    def law(one: str, other: str) -> None:
        template = "no shard {} for the run at {}, tried: [{}, {}]"
        assert died(template.format(one, one, one, one)) == died(
            template.format(other, other, one, other)
        )

    law()


@given(ones=st.lists(NUMBERS, min_size=1, max_size=9), others=st.lists(NUMBERS, min_size=1))
def test_a_longer_list_of_numbers_is_no_other_failure(ones: list[str], others: list[str]) -> None:
    assert died(f"missing levels {', '.join(ones)} hPa") == died(
        f"missing levels {', '.join(others)} hPa"
    )


@given(line=st.integers(1, 10**6), folder=st.sampled_from(["/srv/app", "/home/me/src", "C:\\app"]))
def test_neither_a_release_nor_another_machine_makes_a_new_group(line: int, folder: str) -> None:
    assert died("no shard", line, folder) == died("no shard")


def test_another_kind_cause_class_message_or_function_is_another_failure() -> None:
    trace = TRACEBACK.format(folder="/srv", line=1, message="no shard")
    base = ("tiles.render", "attempts used up", Failure("ShardError", "no shard", trace))
    others = [
        ("video.cut", base[1], base[2]),
        (base[0], "permanent error", base[2]),
        (base[0], base[1], Failure("KeyError", "no shard", trace)),
        (base[0], base[1], Failure("ShardError", "no style", trace)),
        (
            base[0],
            base[1],
            Failure("ShardError", "no shard", trace.replace("in render", "in load")),
        ),
        (base[0], base[1], Failure("ShardError", "no shard", "")),
        (base[0], base[1], Failure()),
    ]

    assert len({fingerprint(*each).digest for each in [base, *others]}) == 1 + len(others)


@given(kind=st.text(), cause=st.text(), error=st.text(), message=st.text(), trace=st.text())
def test_any_death_has_a_short_name_and_always_the_same(
    kind: str, cause: str, error: str, message: str, trace: str
) -> None:
    found = fingerprint(kind, cause, Failure(error, message, trace))

    assert re.fullmatch(r"[0-9a-f]{12}", found.digest)
    assert found.title
    assert found == fingerprint(kind, cause, Failure(error, message, trace))


def test_a_fingerprint_is_stable_over_releases() -> None:
    """It stands in exports, dashboards and runbooks: a change of the rules is a change of them."""
    assert died("no shard 17") == "b5af4088fbea"


def test_the_title_says_what_people_need() -> None:
    trace = TRACEBACK.format(folder="/srv", line=1, message="x")
    failed = Failure("ShardError", "no shard 17 in 'gfs'", trace)

    assert (
        fingerprint("tiles.render", "attempts used up", failed).title
        == "ShardError: no shard <n> in <value> in tiles/render.py:render (attempts used up)"
    )
    assert fingerprint("k", "body lost", Failure()).title == "body lost"
    assert fingerprint("k", "", Failure()).title == "no cause given"


@pytest.mark.parametrize(
    ("message", "rest"),
    [
        ("timeout after 3.5 s", "timeout after <n> s"),
        ("can't open 'a b.txt' now", "can't open <value> now"),
        ('said "x" and `y`', "said <value> and <value>"),
        ("/var/lib/x.bin: gone", "<path>: gone"),
        ("<Shard object at 0x7f3a>", "<Shard object at <n>>"),
        ("shard17 of 3,000", "shard<n> of <n>"),
        ("ulid 01ARZ3NDEKTSV4RRFFQ69G5FAV!", "ulid <n>!"),
        ("latin words and deadbeef", "latin words and deadbeef"),
        ("two\nlines  here", "two lines here"),
        (f"job {uuid.UUID(int=7)} is bad", "job <n> is bad"),
    ],
)
def test_what_is_taken_out_of_a_message(message: str, rest: str) -> None:
    assert normalised(message) == rest


@pytest.mark.parametrize(
    "part", ["'", "/", "a/", "1.", "1T", "[1, ", "a-", "0x", "a.b-", "<n>", "\\"]
)
def test_a_hostile_message_is_read_in_one_pass(part: str) -> None:
    """It is cut first and the rules are linear; no clock: a slow one would never come back."""
    assert len(normalised(part * 1_000_000)) <= MESSAGE_CHARS_KEPT


def test_the_last_frame_of_the_last_traceback_counts() -> None:
    text = """Traceback (most recent call last):
  File "/opt/venv/lib/python3.11/site-packages/redis/client.py", line 5, in read
OSError: x

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/opt/venv/lib/python3.11/site-packages/redis/asyncio/client.py", line 7, in execute
ConnectionError: y
"""
    assert innermost_frame(text) == "asyncio/client.py:execute"
    group = '  | Traceback (most recent call last):\n  |   File "/a/b/c.py", line 1, in f\n'
    assert innermost_frame(group) == "b/c.py:f"
    assert innermost_frame("nothing of the kind") == ""


def test_a_job_failed_of_what_came_last_since_it_was_replayed() -> None:
    failed = {"outcome": "error", "error": "E", "message": "m", "traceback": "t"}
    other = {"outcome": "error", "error": "F", "message": "n", "traceback": ""}

    assert failure_of([]) == Failure()
    assert failure_of([other, failed]) == Failure("E", "m", "t")
    assert failure_of([failed, {"outcome": "released"}]) == Failure("E", "m", "t")
    assert failure_of([failed, {"outcome": "lost", "consumer": "c"}]) == Failure()
    assert failure_of([failed, {"outcome": "replayed"}]) == Failure()
    assert failure_of([failed, {"outcome": "replayed"}, other]) == Failure("F", "n", "")
    assert failure_of([{"error": 5, "message": None}]) == Failure()
