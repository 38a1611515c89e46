"""Entries that anybody may have written: each gets a clear answer, and none is lost."""

import pytest
from redis.asyncio import Redis

from consumers.execution import PARKED_MS
from producers.client import Producer
from streams.entry import derived_id
from streams.priority import Priority
from streams.state import State
from tests.consumers.support.fleet import KEYS, Fleet, letters, report, send, until_idle
from tests.consumers.support.kinds import Note
from tests.support.waiting import wait_until

NORMAL = KEYS.stream(Priority.NORMAL)
GOOD = {"kind": "test.note", "payload": '{"text": "by hand"}'}

#: What is sent, and what the dead letter says: cause and words of the message.
BAD: list[tuple[dict[str, str], str, str]] = [
    ({"payload": "{}"}, "malformed entry", "the field 'kind' is missing"),
    ({"kind": "test.note"}, "malformed entry", "the field 'payload' is missing"),
    ({"colour": "blue"}, "malformed entry", "an entry has 'kind' and 'payload'"),
    ({**GOOD, "id": "two words"}, "malformed entry", "a job id has 1 to 200 printable"),
    ({**GOOD, "attempts": "-1"}, "malformed entry", "attempts: must be a whole number"),
    ({**GOOD, "timeout_ms": "9" * 100}, "malformed entry", "timeout_ms: must be a whole number"),
    ({**GOOD, "meta": "no json"}, "malformed entry", "meta: not JSON"),
    ({**GOOD, "payload": "no json"}, "invalid payload", "payload: Invalid JSON"),
    ({**GOOD, "payload": '{"txet": ""}'}, "invalid payload", "txet: Extra inputs"),
    ({**GOOD, "payload": "\x00\x1b[2J"}, "invalid payload", "payload: Invalid JSON"),
]


async def test_an_entry_typed_by_hand_is_a_job_like_any_other(
    fleet: Fleet, jobs: Producer, client: Redis, redis_url: str
) -> None:
    await fleet.start(redis_url)

    entry = await send(client, GOOD)
    job_id = derived_id(Priority.NORMAL, entry)
    await wait_until(lambda: job_id in fleet.effects.jobs("end"), "it has run")
    await until_idle(client)

    view = await jobs.get(job_id)
    assert (view.state, view.result) == (State.COMPLETED, {"text": "by hand", "meta": {}})
    assert await client.xlen(NORMAL) == 0


async def test_every_bad_entry_becomes_a_dead_letter_that_says_why_and_has_all_of_it(
    fleet: Fleet, jobs: Producer, client: Redis, redis_url: str
) -> None:
    """They are there before the worker and among good ones, which all run."""
    sent: dict[str, tuple[dict[str, str], str, str]] = {}
    for case in BAD:
        sent[await send(client, case[0])] = case
        await jobs.enqueue(Note())
    await fleet.start(redis_url)
    await until_idle(client)

    found = {letter.fields["entry"].decode(): letter for letter in await letters(client)}
    assert found.keys() == sent.keys()
    for entry, (fields, cause, words) in sent.items():
        letter = found[entry]
        assert letter.cause == cause
        assert words in letter.last_error
        kept = {name: letter.fields[name].decode() for name in fields if name != "id"}
        assert kept == {name: value for name, value in fields.items() if name != "id"}
        assert len(letter.history) == 1
    assert len(fleet.effects.jobs("end")) == len(BAD)
    assert (await report(client)).counters["completed"] == len(BAD)


@pytest.mark.leaves_jobs
async def test_an_unknown_kind_is_parked_with_the_reason_and_costs_no_attempt(
    fleet: Fleet, jobs: Producer, client: Redis, redis_url: str
) -> None:
    worker = await fleet.start(redis_url)
    entry = await send(client, {"kind": "test.unheard-of", "payload": "{}"})
    parked = await worker.says("job_parked")

    async def is_parked() -> bool:
        return (await report(client)).delayed == 1

    await wait_until(is_parked, "the job is parked")
    view = await jobs.get(derived_id(Priority.NORMAL, entry))
    assert (view.state, view.attempt, view.history) == (State.DELAYED, 1, ())
    assert "no worker that has seen it knows the kind 'test.unheard-of'" in view.parked
    assert "test.note" in view.parked
    assert parked["reason"] == view.parked
    next_due_ms = (await report(client)).next_due_ms
    assert next_due_ms is not None
    assert 0 < next_due_ms <= PARKED_MS
    assert await letters(client) == []


async def test_hostile_kinds_are_one_series_and_one_line_each(
    fleet: Fleet, client: Redis, redis_url: str
) -> None:
    """A kind may hold a newline, a quote, or a terminal's commands."""
    hostile = ['a"} 1\nmillstream_evil 1\n', "\x1b]0;evil\x07", "{evil}", "x" * 10_000, "é" * 50]
    worker = await fleet.start(redis_url, environment={"MILLSTREAM_WORKER_METRICS_PORT": "0"})
    for kind in hostile:
        await send(client, {"kind": kind, "payload": "{}"})

    async def all_are_dead() -> bool:
        return (await report(client)).dead == len(hostile)

    await wait_until(all_are_dead, "all are dead letters")
    _status, metrics = await worker.get("/metrics")
    ended = [
        line
        for line in metrics.splitlines()
        if line.startswith("millstream_deliveries_ended_total")
    ]
    assert len(ended) == 1
    assert ended[0].endswith(" 5.0")
    assert 'kind="unknown"' in ended[0]
    assert "evil" not in metrics
    assert "\x1b" not in worker.program.output()
    assert len(worker.events("job_failed")) == len(hostile)
