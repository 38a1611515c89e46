"""The facts of a job, from a real server, in each of its states."""

import shlex
from dataclasses import dataclass
from typing import Any

import orjson
import pytest
from redis.asyncio import Redis

from streams.audit.audit import audit
from streams.embedded import EmbeddedServer
from streams.errors import InvalidJobError
from streams.job import Delivery
from streams.priority import Priority
from streams.settle import Outcome, Verdict
from streams.why.explain import why
from streams.why.explanation import Explanation, Reason
from streams.why.facts import LevelFacts
from streams.why.gather import gather, ids_that_begin_with
from streams.workers import WorkerInfo
from tests.support.queues import QueueUnderTest, job, row

pytestmark = pytest.mark.leaves_jobs

ME = "w:1:aa"


@dataclass(frozen=True, slots=True)
class Asked:
    """A queue with a worker that lives, and the question."""

    queue: QueueUnderTest

    async def beat(self, consumer: str = ME, *, concurrency: int = 4, ago_ms: int = 0) -> None:
        """A worker says that it lives, or said so a while ago."""
        info = WorkerInfo(consumer, "w", "mill", 1, "0.1", concurrency, 1, 10_000, ("test.echo",))
        seconds, micros = await self.queue.client.time()
        beat_ms = seconds * 1000 + micros // 1000 - ago_ms
        for name, value in ((consumer, info.to_json()), (f"beat:{consumer}", str(beat_ms))):
            await self.queue.client.hset(self.queue.keys.workers, name, value)

    async def why(self, job_id: str = "one") -> Explanation:
        """The question."""
        return await why(self.queue.server, self.queue.keys, job_id)

    async def taken(self, consumer: str = ME) -> Delivery:
        """The job `one`, in the hands of a consumer."""
        await self.queue.add(job(id="one", timeout_ms=30_000))
        return await self.queue.fetch_one(consumer)


@pytest.fixture
async def asked(client: Redis) -> Asked:
    """An empty queue with one live worker."""
    queue = QueueUnderTest(client)
    await queue.open()
    asked = Asked(queue)
    await asked.beat()
    return asked


async def test_a_job_without_any_stream(client: Redis) -> None:
    queue = QueueUnderTest(client)
    await queue.add(job(id="one"))

    answer = await why(queue.server, queue.keys, "one")

    assert answer.reason is Reason.NO_WORKER
    assert "has ever consumed" in answer.sentence
    nothing, one = LevelFacts(has_group=False), LevelFacts(has_group=False, undelivered=1)
    facts = await gather(queue.server, queue.keys, "one")
    assert facts.levels == (nothing, nothing, one, nothing)


async def test_a_waiting_job_counts_what_comes_before_it(asked: Asked) -> None:
    """What was delivered, and what is less urgent or younger, does not."""
    await asked.queue.add(*(job() for _ in range(3)))
    await asked.queue.fetch_one()
    await asked.queue.add(job(id="one"), job(), job(priority=Priority.LOW))
    await asked.queue.add(*(job(priority=Priority.HIGH) for _ in range(4)))

    answer = await asked.why()

    assert answer.reason is Reason.BEHIND_OTHERS
    assert (answer.facts["jobs_before"], answer.facts["more_urgent"]) == (6, 4)
    assert answer.facts["jobs_before_is_exact"] is True
    facts = await gather(asked.queue.server, asked.queue.keys, "one")
    assert [each.undelivered for each in facts.levels] == [0, 4, 4, 1]


async def test_what_each_consumer_has_is_counted_whatever_its_name_is(asked: Asked) -> None:
    """Also where it reads like a name of Redis; who has nothing is left out."""
    await asked.queue.add(job(), job(id="one"), job(priority=Priority.LOW))
    await asked.queue.settle(await asked.queue.fetch_one("idle"), Verdict.COMPLETED)
    assert len(await asked.queue.fetch("name")) == 2

    facts = await gather(asked.queue.server, asked.queue.keys, "one")

    assert facts.pending == {"name": 2}


async def test_counting_ends_where_it_would_read_too_much(asked: Asked) -> None:
    """By entries, and by the bytes of what they carry."""
    for _ in range(4):
        await asked.queue.add(*(job() for _ in range(100)))
    await asked.queue.add(job(id="one"))
    big = b'"' + b"x" * 100_000 + b'"'
    await asked.queue.add(*(job(payload=big, priority=Priority.LOW) for _ in range(12)))
    await asked.queue.add(job(id="two", priority=Priority.LOW))

    one = await gather(asked.queue.server, asked.queue.keys, "one")
    two = await gather(asked.queue.server, asked.queue.keys, "two")

    assert (one.ahead, one.ahead_is_exact) == (127, False)
    assert (two.ahead, two.ahead_is_exact) == (1, False)


async def test_counting_reads_as_many_entries_at_once_as_their_mean_size_allows(
    asked: Asked,
) -> None:
    """32 of 4 KiB, and no more where the mean of those before is larger by a byte of one."""
    kind = "k"
    body = b"x" * (4096 - len(kind))
    for number in range(100):
        await asked.queue.add_raw({"kind": kind, "payload": body + b"x" * (number == 62)})
    await asked.queue.add(job(id="one"))

    facts = await gather(asked.queue.server, asked.queue.keys, "one")

    assert (facts.ahead, facts.ahead_is_exact) == (63, False)


async def test_what_is_told_of_a_long_life_is_its_end(asked: Asked) -> None:
    await asked.queue.add(job(id="one", attempts_max=10))
    for number in range(1, 8):
        await asked.queue.settle(
            await asked.queue.fetch_one(ME), Verdict.RETRY, attempt=row(number)
        )
        await asked.queue.promote()

    facts = await gather(asked.queue.server, asked.queue.keys, "one")

    assert [each["attempt"] for each in facts.history] == [3, 4, 5, 6, 7]


async def test_what_was_handed_back_is_counted_up_to_a_hundred(asked: Asked) -> None:
    for count in (60, 45):
        await asked.queue.add(*(job() for _ in range(count)))
    held = [*await asked.queue.fetch(ME), *await asked.queue.fetch(ME)]
    for part in (held[:100], held[100:]):
        await asked.queue.settle_all([Outcome(each, Verdict.RELEASED) for each in part], ME)
    await asked.queue.add(job(id="one", priority=Priority.LOW))

    facts = await gather(asked.queue.server, asked.queue.keys, "one")

    assert [each.handed_back for each in facts.levels] == [0, 0, 100, 0]


async def test_a_kind_that_reads_like_the_name_of_a_field_is_none(asked: Asked) -> None:
    await asked.queue.add(job(id="one", kind="entry", delay_ms=60_000))

    assert (await asked.why()).reason is Reason.DELAYED


async def test_a_job_of_a_priority_that_cannot_be_is_looked_for_nowhere(asked: Asked) -> None:
    await asked.queue.add(job(id="one"))
    await asked.queue.client.hset(asked.queue.keys.job("one"), "priority", "soon")

    facts = await gather(asked.queue.server, asked.queue.keys, "one")

    assert (facts.entry, facts.has_entry) == ("", False)


async def test_full_workers_are_told_from_free_ones(asked: Asked) -> None:
    await asked.beat(concurrency=1)
    await asked.queue.add(job(), job(id="one"))
    assert (await asked.why()).reason is Reason.BEHIND_OTHERS

    await asked.queue.fetch_one(ME)

    assert (await asked.why()).reason is Reason.WORKERS_BUSY


async def test_silent_workers_are_none(asked: Asked) -> None:
    await asked.beat(ago_ms=60_000)
    await asked.queue.add(job(id="one"))

    answer = await asked.why()

    assert answer.reason is Reason.NO_WORKER
    assert "was heard 1m ago" in answer.sentence


async def test_a_kind_that_nobody_knows(asked: Asked) -> None:
    await asked.queue.add(job(id="one", kind="test.new"))

    assert (await asked.why()).reason is Reason.KIND_UNKNOWN


async def test_a_running_job(asked: Asked) -> None:
    await asked.taken()

    answer = await asked.why()

    assert (answer.reason, answer.state) == (Reason.RUNNING, "running")
    assert (answer.facts["consumer"], answer.facts["host"]) == (ME, "mill")
    assert answer.facts["timeout_ms"] == 30_000


async def test_a_running_job_that_somebody_cancelled(asked: Asked) -> None:
    await asked.taken()
    await asked.queue.cancel("one")

    assert (await asked.why()).reason is Reason.CANCELLING


async def test_a_lapsed_lease(asked: Asked) -> None:
    delivery = await asked.taken("gone:9:ff")
    await asked.queue.lapse(delivery, by_ms=12_000)

    answer = await asked.why()

    assert answer.reason is Reason.LAPSED
    assert "Another worker takes it over" in answer.next


async def test_a_job_that_was_handed_back(asked: Asked) -> None:
    await asked.queue.settle(await asked.taken(), Verdict.RELEASED)

    answer = await asked.why()

    assert (answer.reason, answer.state, answer.facts["released"]) == (
        Reason.HANDED_BACK,
        "ready",
        1,
    )


async def test_a_suspect_that_was_handed_back(asked: Asked) -> None:
    delivery = await asked.taken("first:1:aa")
    for consumer in ("second:1:aa", "third:1:aa"):
        await asked.queue.lapse(delivery)
        [delivery] = (await asked.queue.claim(consumer)).deliveries
    await asked.queue.settle(delivery, Verdict.RELEASED)

    answer = await asked.why()

    assert (answer.reason, answer.facts["losses"]) == (Reason.SUSPECT, 2)


async def test_a_delayed_job(asked: Asked) -> None:
    await asked.queue.add(job(id="one", delay_ms=60_000))

    answer = await asked.why()

    assert answer.reason is Reason.DELAYED
    assert answer.expected_at_ms == answer.facts["due_at_ms"]
    facts = await gather(asked.queue.server, asked.queue.keys, "one")
    assert (facts.ahead, facts.ahead_is_exact) == (0, True)


async def test_an_overdue_job_without_a_worker(asked: Asked) -> None:
    await asked.queue.add(job(id="one", delay_ms=60_000))
    await asked.queue.make_due("one")
    await asked.beat(ago_ms=60_000)

    assert (await asked.why()).reason is Reason.OVERDUE


async def test_a_retry_tells_the_error(asked: Asked) -> None:
    await asked.queue.settle(await asked.taken(), Verdict.RETRY, attempt=row(1), delay_ms=60_000)

    answer = await asked.why()

    assert (answer.reason, answer.facts["attempt"]) == (Reason.RETRYING, 2)
    assert "E: m. Attempt 2 of 3 is to come." in answer.sentence


async def test_a_parked_job(asked: Asked) -> None:
    await asked.queue.settle(await asked.taken(), Verdict.PARKED, detail="why", delay_ms=60_000)

    answer = await asked.why()

    assert (answer.reason, "why" in answer.sentence) == (Reason.PARKED, True)


async def test_a_body_that_somebody_deleted(asked: Asked) -> None:
    await asked.queue.add(job(id="one", delay_ms=60_000))
    await asked.queue.client.delete(asked.queue.keys.body("one"))

    assert (await asked.why()).reason is Reason.BODY_LOST


async def test_an_entry_that_somebody_deleted(asked: Asked) -> None:
    delivery = await asked.taken()
    stream = asked.queue.stream(delivery.token)
    await asked.queue.client.xdel(stream, delivery.token.entry)
    assert (await asked.why()).reason is Reason.BODY_LOST

    await asked.queue.client.xack(stream, "millstream", delivery.token.entry)

    assert (await asked.why()).reason is Reason.NOWHERE


async def test_nothing_is_counted_before_an_entry_that_was_deleted(asked: Asked) -> None:
    await asked.queue.add(job(), job(id="one"))
    [_, entry] = await asked.queue.entries()
    await asked.queue.client.xdel(asked.queue.keys.stream(Priority.NORMAL), entry)

    facts = await gather(asked.queue.server, asked.queue.keys, "one")

    assert (facts.entry, facts.has_entry, facts.ahead) == (entry, False, 0)
    assert (await asked.why()).reason is Reason.NOWHERE


async def test_an_entry_whose_consumer_was_removed_can_be_handed_back(asked: Asked) -> None:
    """The command of the answer, as it stands there, makes the job run again."""
    delivery = await asked.taken()
    await asked.queue.client.xgroup_delconsumer(
        asked.queue.stream(delivery.token), "millstream", ME
    )

    answer = await asked.why()

    assert (answer.reason, "no pending list" in answer.sentence) == (Reason.NOWHERE, True)
    raw: Any = asked.queue.client
    words = shlex.split(answer.advice.split("`")[1])
    await raw.execute_command(*words[1:], parse_justid=True)
    assert (await asked.why()).reason is Reason.HANDED_BACK
    assert (await asked.queue.fetch_one("another:1:aa")).id == "one"


async def test_an_entry_that_a_record_names_by_half_is_not_said_to_be_stranded(
    asked: Asked,
) -> None:
    delivery = await asked.taken()
    stream, entry = asked.queue.stream(delivery.token), delivery.token.entry
    await asked.queue.client.xack(stream, "millstream", entry)
    half = entry.partition("-")[0]
    await asked.queue.client.hset(asked.queue.keys.job("one"), "entry", half)

    facts = await gather(asked.queue.server, asked.queue.keys, "one")

    assert (facts.has_entry, facts.is_stranded) == (True, False)


async def test_a_delayed_job_that_somebody_took_out_of_the_set(asked: Asked) -> None:
    await asked.queue.add(job(id="one", delay_ms=60_000))
    await asked.queue.client.zrem(asked.queue.keys.delayed, "one")

    assert (await asked.why()).reason is Reason.NOWHERE


async def test_a_completed_job_tells_by_whom(asked: Asked) -> None:
    done = {"outcome": "completed", "consumer": ME, "host": "mill"}
    await asked.queue.settle(
        await asked.taken(), Verdict.COMPLETED, detail=b"1", attempt=orjson.dumps(done)
    )

    answer = await asked.why()

    assert answer.reason is Reason.COMPLETED
    assert f"by worker {ME} on mill." in answer.sentence
    assert "forgotten in 10m" in answer.next or "forgotten in 9m" in answer.next


async def test_a_cancelled_job(asked: Asked) -> None:
    await asked.queue.add(job(id="one"))
    await asked.queue.cancel("one")

    assert (await asked.why()).reason is Reason.CANCELLED


async def test_a_dead_job_has_the_fingerprint_of_its_letter(asked: Asked) -> None:
    await asked.queue.settle(await asked.taken(), Verdict.DEAD, detail="no use", attempt=row(1))

    answer = await asked.why()

    letter = await asked.queue.letter("one")
    assert (answer.reason, answer.facts["cause"]) == (Reason.DEAD, "no use")
    assert answer.facts["fingerprint"] == letter.fingerprint.digest
    assert f"millstream dead replay {letter.dead_entry}" in answer.advice


async def test_a_plain_xadd_is_known_by_its_place(asked: Asked) -> None:
    entry = await asked.queue.add_raw({"kind": "test.echo", "payload": "{}"})

    assert (await asked.why(f"normal-{entry}")).reason is Reason.NEXT
    assert (await asked.why(f"high-{entry}")).reason is Reason.UNKNOWN


async def test_of_a_plain_xadd_the_counts_are_believed_and_nothing_else(asked: Asked) -> None:
    """It may carry anything under any name, and any value."""
    known = {"attempt": 2, "attempts": 5, "enqueued_ms": 17, "losses": 1}
    own = {"parked": "why", "released": 3, "replays": 4, "cause": "x", "timeout": 5}
    entry = await asked.queue.add_raw({"kind": "a", **own, **known, "payload": "timeout_ms", 7: 8})

    facts = await gather(asked.queue.server, asked.queue.keys, f"normal-{entry}")

    assert (facts.kind, facts.attempt, facts.attempts_max) == ("a", 2, 5)
    assert (facts.enqueued_ms, facts.losses, facts.timeout_ms) == (17, 1, None)
    assert (facts.parked, facts.released, facts.replays, facts.cause) == ("", 0, 0, "")


async def test_a_unique_key_names_its_holder(asked: Asked) -> None:
    await asked.queue.add(job(id="one", unique="slot"))

    answer = await asked.why("slot")

    assert (answer.reason, answer.facts["unique_holder"]) == (Reason.UNKNOWN, "one")
    assert (await asked.why()).reason is Reason.NEXT


async def test_ids_that_begin_alike_are_found_and_bounded(asked: Asked) -> None:
    await asked.queue.add(*(job(id=f"a*{number}") for number in range(9)), job(id="ab"))

    async def found(prefix: str) -> tuple[str, ...]:
        return await ids_that_begin_with(asked.queue.server, asked.queue.keys, prefix)

    assert await found("ab") == ("ab",)
    assert (len(await found("a*")), await found("b")) == (5, ())


@pytest.mark.parametrize(
    "damage",
    [
        {"state": "of a newer version"},
        {"priority": "soon"},
        {"attempt": "many", "losses": "-1", "enqueued_ms": "9" * 30},
        {"last_attempt": "no json", "progress": "[1"},
        {"kind": b"\xff", "unique": b"\xff"},
    ],
)
async def test_a_record_that_nobody_of_ours_has_written_is_no_error(
    asked: Asked, damage: dict[str, str | bytes]
) -> None:
    await asked.taken()
    for name, value in damage.items():
        await asked.queue.client.hset(asked.queue.keys.job("one"), name, value)

    assert (await asked.why()).sentence
    assert (await audit(asked.queue.client, asked.queue.keys)).seen["records"] == 1


async def test_looking_changes_nothing(asked: Asked) -> None:
    await asked.taken()
    before = await asked.queue.contents()

    await asked.why()

    assert await asked.queue.contents() == before


async def test_an_id_that_no_job_can_have_is_refused(asked: Asked) -> None:
    with pytest.raises(InvalidJobError):
        await asked.why("a b")


async def test_a_full_server_is_told(own_server: EmbeddedServer) -> None:
    async with Redis.from_url(own_server.url) as client:
        queue = QueueUnderTest(client)
        await queue.open()
        await queue.add(job(id="one"))
        await client.config_set("maxmemory", 1)

        answer = await why(queue.server, queue.keys, "one")

    assert "new jobs are refused" in str(answer.facts["server"])
