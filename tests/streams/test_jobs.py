"""Everything about one job, at every station of its life."""

import orjson
import pytest

from streams.errors import UnknownJobError
from streams.jobs import peek_state
from streams.priority import Priority
from streams.scripts.loader import load
from streams.settle import Verdict
from streams.state import State
from tests.support.queues import QueueUnderTest, job

pytestmark = pytest.mark.leaves_jobs


async def test_a_waiting_job(queue: QueueUnderTest) -> None:
    await queue.add(job(id="a", priority=Priority.HIGH, attempts_max=7))

    view = await queue.look("a")

    assert (view.id, view.queue, view.kind) == ("a", "test", "test.echo")
    assert (view.state, view.priority) == (State.READY, Priority.HIGH)
    assert [view.entry] == await queue.entries(Priority.HIGH)
    assert view.enqueued_ms is not None
    assert 0 <= int(view.entry.partition("-")[0]) - view.enqueued_ms < 1000
    assert (view.attempt, view.attempts_max, view.losses, view.released) == (1, 7, 0, 0)
    assert (view.owner, view.silent_ms, view.deliveries) == ("", None, 0)
    assert (view.due_ms, view.ended_ms, view.result, view.history) == (None, None, None, ())


async def test_a_running_job_names_its_owner_and_its_silence(queue: QueueUnderTest) -> None:
    await queue.add(job(id="a"))
    delivery = await queue.fetch_one("host:1:abcd")
    await queue.lapse(delivery, by_ms=5_000)

    view = await queue.look("a")

    assert (view.state, view.owner, view.deliveries) == (State.RUNNING, "host:1:abcd", 1)
    assert view.silent_ms is not None
    assert 5_000 <= view.silent_ms < 60_000


async def test_a_unique_key_that_reads_like_the_name_of_a_field_is_none(
    queue: QueueUnderTest,
) -> None:
    await queue.add(job(id="a", unique="priority"))
    await queue.settle(await queue.fetch_one(), Verdict.RELEASED)
    await queue.fetch_one()

    assert (await queue.look("a")).state is State.RUNNING


async def test_running_is_told_by_the_pending_list_and_written_nowhere(
    queue: QueueUnderTest,
) -> None:
    await queue.add(job(id="a"))
    before = await queue.record("a")
    await queue.fetch_one()

    assert await queue.record("a") == before
    assert await peek_state(queue.server, queue.keys, "a") == (State.READY, b"")


async def test_a_moment_is_told_while_it_is_to_come_and_no_longer(queue: QueueUnderTest) -> None:
    await queue.add(job(id="a", delay_ms=60_000))
    assert (await queue.look("a")).due_ms is not None
    await queue.make_due("a")
    await queue.promote()

    assert (await queue.look("a")).due_ms is None


async def test_a_job_after_all_that_can_happen_to_it(queue: QueueUnderTest) -> None:
    await queue.add(job(id="a", unique="u"))
    await queue.settle(await queue.fetch_one(), Verdict.RELEASED)
    await queue.lapse(await queue.fetch_one())
    [claimed] = (await queue.claim("two")).deliveries
    await queue.settle(claimed, Verdict.RETRY)
    await queue.promote()
    await queue.settle(await queue.fetch_one(), Verdict.DEAD, detail="x")
    await queue.replay(await queue.letter("a"))
    await queue.settle(await queue.fetch_one(), Verdict.COMPLETED, detail=b'[1,"x"]')

    view = await queue.look("a")

    assert (view.state, view.result, view.cause) == (State.COMPLETED, [1, "x"], "")
    assert (view.losses, view.released, view.replays) == (0, 1, 1)
    assert [each["outcome"] for each in view.history] == [
        "error",
        "lost",
        "error",
        "error",
        "replayed",
        "error",
    ]
    assert view.history[1]["consumer"] == "one"


async def test_a_view_can_be_written_as_json(queue: QueueUnderTest) -> None:
    await queue.add(job(id="a"))
    await queue.settle(await queue.fetch_one(), Verdict.COMPLETED, detail=b'{"key":1}')

    written = orjson.loads((await queue.look("a")).to_json())

    assert (written["id"], written["state"], written["result"]) == ("a", "completed", {"key": 1})
    assert written["history"][0]["outcome"] == "error"


async def test_a_job_without_a_record_is_told_with_the_reasons_that_there_are(
    queue: QueueUnderTest,
) -> None:
    for ask in (
        queue.look("nobody"),
        peek_state(queue.server, queue.keys, "nobody"),
    ):
        with pytest.raises(UnknownJobError, match="has no record of the job 'nobody'") as raised:
            await ask
        assert (raised.value.queue, raised.value.job_id) == ("test", "nobody")


async def test_scripts_have_the_time_of_the_server_to_the_millisecond(
    queue: QueueUnderTest,
) -> None:
    keys = queue.keys
    call = load("look").bind(
        {**keys.streams, "job": keys.job("a"), "history": keys.history("a")}, {}
    )
    for _ in range(100):
        async with queue.client.pipeline(transaction=False) as pipe:
            pipe.time()
            pipe.eval(call.script.text, len(call.keys), *call.keys, *call.args)
            pipe.time()
            before, (*_, now_ms), after = await pipe.execute()

        assert in_ms(before) <= now_ms <= in_ms(after)


def in_ms(time: tuple[int, int]) -> int:
    """An answer of TIME in whole milliseconds."""
    return time[0] * 1000 + time[1] // 1000


async def test_looking_changes_nothing(queue: QueueUnderTest) -> None:
    await queue.add(job(id="a"), job(id="b"))
    await queue.fetch_one()
    before = await queue.contents()

    await queue.look("a")
    await queue.look("b")

    assert await queue.contents() == before
