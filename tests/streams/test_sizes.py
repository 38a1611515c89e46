"""What a job may grow to: histories, payloads and progress are bounded, whatever is sent."""

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams.errors import InvalidJobError
from streams.job import META_BYTES_MAX, PAYLOAD_BYTES_MAX, NewJob
from streams.settle import Verdict
from tests.support.queues import QueueUnderTest, job, row

pytestmark = pytest.mark.leaves_jobs

FIRST, LAST = 10, 40
each_time = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@each_time
@given(already=st.integers(0, 70), verdict=st.sampled_from([Verdict.RETRY, Verdict.DEAD]))
async def test_a_history_keeps_its_first_ten_and_its_last_forty_rows(
    queue: QueueUnderTest, already: int, verdict: Verdict
) -> None:
    """However many there were, and whatever ends the next attempt."""
    await queue.client.flushdb()
    await queue.open()
    await queue.add(job(id="a", attempts_max=1000))
    for number in range(1, already + 1):
        delivery = await queue.fetch_one()
        await queue.settle(delivery, Verdict.RELEASED, attempt=row(number))

    await queue.settle(await queue.fetch_one(), verdict, detail="x", attempt=row(already + 1))

    every = range(1, already + 2)
    kept = [each["attempt"] for each in (await queue.look("a")).history]
    assert kept == [*every[:FIRST], *every[FIRST:][-LAST:]]
    for letter in await queue.letters():
        # The letter is written before the history is cut: it has one row more at most.
        assert len(letter.history) <= FIRST + LAST + 1
        assert [each["attempt"] for each in letter.history][-LAST:] == kept[-LAST:]


@each_time
@given(surplus=st.integers(-3, 3))
async def test_a_payload_is_taken_up_to_its_limit_and_comes_back_unchanged(
    queue: QueueUnderTest, surplus: int
) -> None:
    await queue.client.flushdb()
    await queue.open()
    payload = b"x" * (PAYLOAD_BYTES_MAX + surplus)
    if surplus > 0:
        with pytest.raises(InvalidJobError, match="object store"):
            NewJob(kind="a", payload=payload)
        await queue.add_raw({"kind": "a", "payload": payload})
        assert "payload: may have" in (await queue.fetch_one()).flaw
        return
    await queue.add(job(id="a", payload=payload))
    await queue.settle(await queue.fetch_one(), Verdict.RETRY)
    await queue.promote()

    delivery = await queue.fetch_one()

    assert (delivery.payload, delivery.flaw) == (payload, "")


@given(size=st.integers(0, 2 * META_BYTES_MAX))
def test_meta_is_taken_up_to_its_limit(size: int) -> None:
    meta = {"a": "x" * size}
    is_small = len(orjson.dumps(meta)) <= META_BYTES_MAX

    try:
        NewJob(kind="a", payload=b"{}", meta=meta)
    except InvalidJobError as error:
        assert not is_small
        assert str(META_BYTES_MAX) in str(error)  # noqa: PT017 - most sizes are taken
    else:
        assert is_small
