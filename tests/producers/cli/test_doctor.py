"""`millstream doctor`: the table, the JSON and the exit status."""

import orjson
import pytest

from streams.embedded import EmbeddedServer
from tests.producers.cli.conftest import Command
from tests.support.queues import QueueUnderTest, job


async def test_a_fresh_server_is_examined_alone(
    command: Command, own_server: EmbeddedServer
) -> None:
    result = await command("doctor", "--redis-url", own_server.url)

    assert result.status == 0
    assert "append-only file" in result.out
    assert "noeviction" in result.out


async def test_warnings_count_where_they_are_asked_to(
    command: Command, own_server: EmbeddedServer
) -> None:
    """A server without maxmemory is worth a warning."""
    result = await command("doctor", "--redis-url", own_server.url, "--strict")

    assert result.status == 1
    assert "set maxmemory below" in result.out


@pytest.mark.leaves_jobs
async def test_a_failure_is_status_two(command: Command, queue: QueueUnderTest) -> None:
    await queue.add(job())

    result = await command("doctor")

    assert result.status == 2
    assert "none lives, and 1 job undone" in result.out
    # A server in a container also listens to all the world without a password.
    assert result.out.strip().splitlines()[-1].strip().startswith(("1 fail", "2 fail"))


async def test_json_is_a_list_of_findings(command: Command, queue: QueueUnderTest) -> None:
    await queue.open()

    found = orjson.loads((await command("doctor", "--json")).out)

    assert {"check", "severity", "found", "advice", "queue"} == set(found[0])
    assert {each["queue"] for each in found} == {"", "tiles"}


async def test_no_server_is_a_failure_and_shows_no_password(command: Command) -> None:
    result = await command("doctor", "--redis-url", "redis://u:hunter2@127.0.0.1:1")

    assert result.status == 2
    assert "no Redis at redis://u:***@127.0.0.1:1" in result.out
    assert "hunter2" not in result.out + result.err
