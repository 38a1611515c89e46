"""What makes no sense is refused with the field and its limit, and nothing is sent."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis

from producers.blocking import BlockingProducer
from producers.client import Producer
from producers.order import new_job
from producers.payloads.base import Payload
from producers.payloads.crawl import BatchCrawl
from producers.payloads.tiles import RenderTile
from producers.schedule.schedule import schedule_of
from producers.schedule.schedules import Schedules
from streams.backoff import Backoff
from streams.durability import replicated
from streams.enqueue import Acceptance
from streams.errors import InvalidJobError
from tests.support.queues import QueueUnderTest

pytestmark = pytest.mark.leaves_jobs

NAIVE = datetime(2030, 1, 1)  # noqa: DTZ001 - that is the mistake
THEN = datetime(2030, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
AREA = {"min_x": 0, "min_y": 0, "max_x": 1, "max_y": 1}


class Note(Payload):
    """Says something."""

    kind: ClassVar[str] = "test.note"

    text: str = ""


#: Options of a job, and what is said of them.
OPTIONS: dict[str, tuple[dict[str, Any], str]] = {
    "a moment without a zone": ({"run_at": NAIVE}, r"run_at needs a time zone.*now\(tz=UTC\)"),
    "an expiry without a zone": ({"expires": NAIVE}, "expires needs a time zone"),
    "an expiry that is over": ({"expires": -SECOND}, "expires is a time from .* on, got -1 day"),
    "an expiry before its time": (
        {"expires": SECOND, "delay": SECOND},
        "expires_in_ms is 1000 and delay_ms 1000",
    ),
    "two times": ({"delay": SECOND, "run_at": THEN}, "a delay or until a moment, not both"),
    "a negative delay": ({"delay": -SECOND}, r"delay_ms is 0 to 9007199254740992, got -1000"),
    "an endless delay": ({"delay": timedelta.max}, "delay_ms is 0 to 9007199254740992"),
    "no attempt": ({"attempts": 0}, "attempts is 1 to 1000, got 0"),
    "too many attempts": ({"attempts": 1001}, "attempts is 1 to 1000, got 1001"),
    "no time": ({"timeout": timedelta(0)}, "timeout_ms is 1 to 9007199254740992, got 0"),
    "an unknown level": ({"priority": "hihg"}, "low or a number 0-255, got 'hihg'"),
    "a number beyond the scale": ({"priority": 256}, "low or a number 0-255, got 256"),
    "a line break in an id": ({"id": "a\n"}, r"a job id has 1 to 200 printable .* got 'a\\n'"),
    "an escape in an id": ({"id": "\x1b[31m"}, r"a job id has 1 to 200 .* got '\\x1b\[31m'"),
    "a null in an id": ({"id": "a\0b"}, r"a job id has 1 to 200 .* got 'a\\x00b'"),
    "an id that is too long": ({"id": "x" * 201}, "a job id has 1 to 200 printable ASCII"),
    "a control character in a slot": ({"unique": "a\x7f"}, "a unique key has 1 to 512 printable"),
    "a slot that is too long": ({"unique": "x" * 513}, "a unique key has 1 to 512 printable"),
    "a control character in a trace": ({"traceparent": "a\r"}, "a traceparent has up to 200"),
    "a slot's negative time": ({"unique": "a", "unique_ttl": -SECOND}, "unique_ttl_ms is 0 to"),
    "too much beside it": ({"meta": {"a": "x" * 16_384}}, "meta may have 16384 bytes, got 16392"),
    "what JSON has not": ({"meta": {"a": object()}}, "meta is no JSON object"),
}
#: What cannot even be written down.
FORMS: dict[str, tuple[Callable[[], object], str]] = {
    "51 addresses": (
        lambda: BatchCrawl(urls=tuple(f"https://example.org/{n}" for n in range(51))),
        "urls\n.* at most 50 items .* not 51",
    ),
    "an unknown field": (lambda: Note.model_validate({"test": ""}), "test\n"),
    "an area without extent": (
        lambda: RenderTile.model_validate({"layer": "gfs_TMP_2m", "bbox": AREA | {"max_x": 0}}),
        "bbox",
    ),
    "a moment without a zone in a payload": (
        lambda: RenderTile.model_validate({"layer": "gfs_TMP_2m", "bbox": AREA, "time": NAIVE}),
        "time\n.* timezone",
    ),
    "a negative wait": (lambda: Backoff(first=-SECOND), "first of a backoff is 0 to 30 days"),
    "a wait beyond the cap": (lambda: Backoff(cap=timedelta(days=31)), "cap of a backoff is 0 to"),
    "a factor that shrinks": (lambda: Backoff(factor=0.9), "factor of a backoff is 1 to 1000"),
    "more than all chance": (lambda: Backoff(jitter=1.1), "jitter of a backoff is 0 to 1, got 1.1"),
    "replicas that nobody has": (lambda: replicated(101), "replicas is 0 to 100, got 101"),
}
#: Fields of a schedule, and what is said of them.
SCHEDULES: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown zone": ({"zone": "Europe/Atlantis"}, "no time zone 'Europe/Atlantis': use an IANA"),
    "a line that is none": ({"cron": "every day"}, "five fields .* @yearly; got 'every day'"),
    "a minute too many": ({"cron": "60 0 * * *"}, "cannot be read .*minute"),
    "the 30th of February": ({"cron": "0 0 30 2 *"}, "cron expression '0 0 30 2 .' .*day-of-month"),
    "the 31st of a short month": ({"cron": "0 0 31 4,6,9,11 *"}, "'0 0 31 4,6,9,11 .'"),
    "a name with an escape": ({"name": "a\x1b"}, r"a schedule's name has 1 to 64 .* got 'a\\x1b'"),
    "no attempt": ({"attempts": 0}, "attempts: .* greater than or equal to 1"),
    "a payload that its kind does not know": (
        {"kind": "crawl.batch", "payload": {"urls": ["https://example.org"] * 51}},
        "urls: .* at most 50 items",
    ),
}


async def names(client: Redis) -> list[bytes]:
    found: Any = await client.keys("*")
    return sorted(found)


async def require_nothing_sent(
    queue: QueueUnderTest, call: Callable[[], Awaitable[object]]
) -> None:
    """Every key is as it was before *call*."""
    before = await queue.contents()
    await call()
    assert await queue.contents() == before


@pytest.mark.parametrize("name", OPTIONS)
async def test_an_option_that_makes_no_sense_is_refused_and_nothing_is_sent(
    jobs: Producer, queue: QueueUnderTest, name: str
) -> None:
    options, said = OPTIONS[name]

    async def send() -> None:
        with pytest.raises(ValueError, match=said):
            await jobs.enqueue(Note(), **options)

    await require_nothing_sent(queue, send)


@pytest.mark.parametrize("name", FORMS)
async def test_a_form_that_makes_no_sense_cannot_be_filled_in(name: str) -> None:
    fill_in, said = FORMS[name]

    with pytest.raises(ValueError, match=f"(?s){said}"):
        fill_in()


@pytest.mark.parametrize("name", SCHEDULES)
async def test_a_schedule_that_makes_no_sense_is_refused_and_nothing_is_kept(
    client: Redis, redis_url: str, name: str
) -> None:
    fields, said = SCHEDULES[name]
    plain = {"name": "daily", "cron": "@daily", "kind": "test.echo"}
    before = await names(client)

    async with Schedules.connect(redis_url, queue="test") as kept:
        with pytest.raises(ValueError, match=said):
            await kept.add(schedule_of({**plain, **fields}))

    assert await names(client) == before


async def test_a_payload_over_the_limit_is_refused_with_the_limit_and_the_advice(
    jobs: Producer, queue: QueueUnderTest
) -> None:
    said = "a payload may have 1048576 bytes, got 1048588: put the data into an object store"

    async def send() -> None:
        with pytest.raises(InvalidJobError, match=said):
            await jobs.enqueue(Note(text="x" * (2**20 + 1)))
        with pytest.raises(InvalidJobError, match=said):
            await jobs.enqueue_many([new_job(Note(text="x" * (2**20 + 1)))])

    await require_nothing_sent(queue, send)


def test_threads_are_told_the_same(redis_url: str) -> None:
    with BlockingProducer.connect(redis_url, queue="test") as jobs:
        for options, said in OPTIONS.values():
            with pytest.raises(ValueError, match=said):
                jobs.enqueue(Note(), **options)


@pytest.mark.parametrize("moment", [THEN.replace(year=1900), THEN.replace(year=2000)])
async def test_a_moment_that_has_passed_runs_now_and_says_so(
    jobs: Producer, queue: QueueUnderTest, moment: datetime
) -> None:
    answer = await jobs.enqueue(Note(), id="a", run_at=moment)

    assert (answer.acceptance, answer.was_due) == (Acceptance.READY, True)
    assert (await queue.fetch_one()).id == "a"
    assert not (await jobs.enqueue(Note(), run_at=THEN.replace(year=2100))).was_due
    assert not (await jobs.enqueue(Note())).was_due


@given(text=st.text(min_size=1))
def test_an_id_is_printable_ascii_or_refused(text: str) -> None:
    """Ids stand in keys, in logs and on terminals."""
    fits = len(text) <= 200 and all("!" <= letter <= "~" for letter in text)
    try:
        assert new_job(Note(), id=text).id == text
    except InvalidJobError:
        assert not fits
    else:
        assert fits
