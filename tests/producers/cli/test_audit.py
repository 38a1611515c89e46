"""`millstream audit`: the report and the exit status."""

import orjson
import pytest

from streams.priority import Priority
from tests.producers.cli.conftest import Command
from tests.support.queues import QueueUnderTest, job


@pytest.mark.leaves_jobs
async def test_a_whole_queue_says_so(command: Command, queue: QueueUnderTest) -> None:
    await queue.add(job(), job(delay_ms=60_000))

    result = await command("audit", "tiles")

    assert result.status == 0
    assert result.out.startswith("tiles: every job is in exactly one place (2 records")


@pytest.mark.leaves_jobs
async def test_what_is_broken_is_listed(command: Command, queue: QueueUnderTest) -> None:
    await queue.add(job(id="one"))
    await queue.client.xtrim(queue.keys.stream(Priority.NORMAL), maxlen=0)

    result = await command("audit", "tiles")

    assert result.status == 2
    assert "record says ready at" in result.out
    assert "1 nowhere" in result.out
    [report] = orjson.loads((await command("audit", "tiles", "--json")).out)
    assert [(each["id"], each["breakage"]) for each in report["broken"]] == [("one", "nowhere")]


async def test_an_unknown_queue_is_named(command: Command, queue: QueueUnderTest) -> None:
    await queue.open()

    result = await command("audit", "tails")

    assert result.status == 1
    assert "there is no queue 'tails'" in result.err
