"""`millstream jobs watch`: what happens to jobs, line by line."""

import anyio
import orjson
import pytest

from streams.settle import Verdict
from tests.producers.cli.conftest import Command, Said
from tests.support.queues import QueueUnderTest, job
from tests.support.waiting import wait_until


async def test_jobs_are_watched_until_they_have_ended(
    command: Command, queue: QueueUnderTest
) -> None:
    await queue.add(job(id="one", meta={"tenant_id": "acme"}), job(id="two"))
    said: list[Said] = []

    async def watch() -> None:
        said.append(await command("jobs", "watch", "one", "two"))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watch)
        await wait_until(lambda: queue.client.exists(queue.keys.watchers), "somebody watches")
        one, two = await queue.fetch()
        await queue.settle(one, Verdict.COMPLETED)
        await queue.settle(two, Verdict.DEAD, detail="no\x1b luck")

    [result] = said
    lines = [line.split("  ", 1)[1] for line in result.out.splitlines()]
    last = {name: [line for line in lines if line.startswith(name)][-1] for name in ("one", "two")}
    assert result.status == 0
    assert "completed" in last["one"]
    assert last["one"].endswith("for acme")
    assert "dead" in last["two"]
    assert last["two"].endswith("no\\x1b luck")


async def test_programs_get_a_line_of_json_for_each_event(
    command: Command, queue: QueueUnderTest
) -> None:
    await queue.add(job(id="one"))
    await queue.settle(await queue.fetch_one(), Verdict.COMPLETED)

    result = await command("jobs", "watch", "one", "--json", "--queue", "tiles")

    [event] = [orjson.loads(line) for line in result.out.splitlines()]
    assert (event["id"], event["happening"], event["state"]) == ("one", "seen", "completed")


@pytest.mark.parametrize(
    ("arguments", "status", "complaint"),
    [
        ((), 2, "name jobs, or a queue with --queue"),
        (("nobody",), 1, "no queue of this Redis"),
        (("nobody", "-q", "tiles"), 1, "no record of the job 'nobody'"),
        (("a b",), 1, "a job id has"),
    ],
)
async def test_what_cannot_be_watched_is_said_in_one_line(
    command: Command,
    queue: QueueUnderTest,
    arguments: tuple[str, ...],
    status: int,
    complaint: str,
) -> None:
    assert queue.keys.queue == "tiles"

    result = await command("jobs", "watch", *arguments)

    assert (result.status, result.err.count("\n")) == (status, 1)
    assert complaint in result.err
