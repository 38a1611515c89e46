"""A worker tells those who watch which jobs begin, however it came by them."""

import anyio

from producers.client import Producer
from streams.events import Gap
from tests.consumers.support.fleet import Fleet
from tests.consumers.support.kinds import Note
from tests.support.waiting import TIMEOUT_S


async def test_a_job_that_woke_a_worker_is_told_of_and_one_that_it_fetched(
    fleet: Fleet, jobs: Producer, redis_url: str
) -> None:
    """The first one that is told of may come after some: an idle worker asks once a second."""
    await fleet.start(redis_url, concurrency=1)
    started: list[str] = []
    ended: list[str] = []
    events = jobs.watch()
    assert await anext(events) == Gap()

    with anyio.fail_after(TIMEOUT_S):
        while len(started) < 2:
            job = await jobs.enqueue(Note(text="wakes"))
            while not ended or ended[-1] != job.id:
                event = await anext(events)
                assert not isinstance(event, Gap)
                if event.happening.value == "started":
                    started.append(event.id)
                    assert (event.kind, event.attempt) == (Note.kind, 1)
                elif event.state.is_end:
                    ended.append(event.id)

    assert set(started) <= set(ended)
    await events.aclose()
