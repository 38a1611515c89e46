"""How far a job has come: told by who has it, and by nobody else."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams.keys import NOBODY
from streams.priority import Priority
from streams.progress import PROGRESS_BYTES_MAX, note_progress
from streams.settle import Verdict
from streams.state import State
from tests.support.queues import QueueUnderTest, job

pytestmark = pytest.mark.leaves_jobs


async def test_the_last_progress_of_a_running_job_is_shown(queue: QueueUnderTest) -> None:
    await queue.add(job(id="a"))
    delivery = await queue.fetch_one()
    assert (await queue.look("a")).progress is None

    assert await note_progress(queue.server, queue.keys, delivery, 0.25, "a quarter")
    assert await note_progress(queue.server, queue.keys, delivery, 2 / 3, "two thirds")

    view = await queue.look("a")
    assert view.progress is not None
    assert (view.progress.fraction, view.progress.message) == (0.6667, "two thirds")
    assert view.progress.noted_ms >= int(delivery.token.entry.partition("-")[0])
    assert view.state is State.RUNNING


async def test_a_progress_stays_when_the_job_has_ended(queue: QueueUnderTest) -> None:
    await queue.add(job(id="a"))
    delivery = await queue.fetch_one()
    await note_progress(queue.server, queue.keys, delivery, 1)
    await queue.settle(delivery, Verdict.COMPLETED)

    progress = (await queue.look("a")).progress
    assert progress is not None
    assert progress.fraction == 1


@pytest.mark.parametrize(
    "end", [Verdict.RETRY, Verdict.RELEASED, Verdict.CRASHED, "lost", "abandoned", "replayed"]
)
async def test_the_next_run_begins_without_one(queue: QueueUnderTest, end: Verdict | str) -> None:
    await queue.add(job(id="a"))
    delivery = await queue.fetch_one()
    await note_progress(queue.server, queue.keys, delivery, 0.5)

    if isinstance(end, Verdict):
        await queue.settle(delivery, end)
    elif end == "lost":
        await queue.lose(delivery)
    elif end == "abandoned":
        await queue.abandon()
    else:
        await queue.settle(delivery, Verdict.DEAD, detail="x")
        await queue.replay(await queue.letter("a"))

    assert (await queue.look("a")).progress is None
    assert not {"progress", "progress_ms"} & (await queue.record("a")).keys()


async def test_who_has_lost_the_job_notes_nothing_and_is_told(queue: QueueUnderTest) -> None:
    await queue.add(job(id="a"))
    lost = await queue.fetch_one("one")
    again = await queue.lose(lost)
    assert await note_progress(queue.server, queue.keys, again, 0.1)
    before = await queue.contents()

    assert not await note_progress(queue.server, queue.keys, lost, 0.9)

    assert await queue.contents() == before


async def test_an_ended_or_handed_back_job_has_no_progress_to_note(queue: QueueUnderTest) -> None:
    await queue.add(job(id="a"), job(id="b"))
    ended, back = await queue.fetch()
    await queue.settle(ended, Verdict.COMPLETED)
    await queue.settle(back, Verdict.RELEASED)
    assert (back.token.entry, NOBODY, 1) in await queue.pending()

    for delivery in (ended, back):
        assert not await note_progress(queue.server, queue.keys, delivery, 0.5)


async def test_a_raw_entry_gets_its_record_with_its_first_progress(queue: QueueUnderTest) -> None:
    entry = await queue.add_raw({"kind": "a", "payload": "{}"}, Priority.LOW)
    delivery = await queue.fetch_one()

    assert await note_progress(queue.server, queue.keys, delivery, 0.5, "half")

    view = await queue.look(f"low-{entry}")
    assert (view.state, view.kind, view.priority) == (State.RUNNING, "a", Priority.LOW)
    assert view.progress is not None
    assert (await queue.record(view.id))["id"] == view.id


async def test_the_record_of_another_entry_with_the_same_id_is_left_alone(
    queue: QueueUnderTest,
) -> None:
    await queue.add_raw({"kind": "a", "payload": "1", "id": "same"})
    twin = await queue.fetch_one()
    await queue.add(job(id="same"))
    before = await queue.record("same")

    assert await note_progress(queue.server, queue.keys, twin, 0.5)

    assert await queue.record("same") == before


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    message=st.text(max_size=3000) | st.text('\x00\n\\é𝄞"', max_size=3000),
    fraction=st.floats(0, 1),
)
async def test_a_progress_is_bounded_whatever_is_said(
    queue: QueueUnderTest, message: str, fraction: float
) -> None:
    await queue.client.flushdb()
    await queue.open()
    await queue.add(job(id="a"))
    delivery = await queue.fetch_one()

    assert await note_progress(queue.server, queue.keys, delivery, fraction, message)

    kept = (await queue.look("a")).progress
    packed = await queue.client.hget(queue.keys.job("a"), "progress")
    assert kept is not None
    assert packed is not None
    assert len(packed) <= PROGRESS_BYTES_MAX
    assert message.encode(errors="replace").decode().startswith(kept.message)
    assert len(packed) > PROGRESS_BYTES_MAX - 16 or kept.message == message


@pytest.mark.parametrize("fraction", [-0.1, 1.1, float("nan"), float("inf")])
async def test_a_fraction_that_is_none_is_refused(queue: QueueUnderTest, fraction: float) -> None:
    await queue.add(job(id="a"))

    with pytest.raises(ValueError, match="a fraction is from 0 to 1"):
        await note_progress(queue.server, queue.keys, await queue.fetch_one(), fraction)
