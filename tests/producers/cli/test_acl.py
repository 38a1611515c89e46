"""`millstream acl`: a line that a server takes as it is printed."""

import hashlib
import shlex
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import NoPermissionError

from streams.acl import ROLES
from streams.embedded import EmbeddedServer
from streams.server import server_facts
from streams.settle import Verdict
from tests.producers.cli.conftest import Command
from tests.support.queues import QueueUnderTest, job, row

SHA256 = hashlib.sha256(b"hunter2").hexdigest()


@pytest.mark.parametrize("role", ROLES)
async def test_the_line_of_each_role_makes_a_user(
    command: Command, own_server: EmbeddedServer, role: str
) -> None:
    async with Redis.from_url(own_server.url) as admin:
        old = ["--redis-6"] if (await server_facts(admin)).release < (7, 0) else []
        said = await command(
            "acl", role, "--user", "app", "--password-sha256", SHA256, "--queue", "tiles", *old
        )
        raw: Any = admin
        await raw.execute_command(*shlex.split(said.out))
    async with Redis(port=own_server.port, username="app", password="hunter2") as user:  # noqa: S106 - of a server that lives as long as the test
        assert await user.ping()
        with pytest.raises(NoPermissionError):
            await user.flushall()


async def test_a_clear_password_is_refused_and_not_repeated(command: Command) -> None:
    result = await command("acl", "producer", "--user", "app", "--password-sha256", "hunter2")

    assert result.status == 1
    assert "sha256sum" in result.err
    assert "hunter2" not in result.out + result.err


async def test_the_old_form_says_what_it_cannot_do(command: Command) -> None:
    arguments = ("--user", "app", "--password-sha256", SHA256, "--redis-6")

    assert "use Redis 7.0" in (await command("acl", "consumer", *arguments)).err
    assert (await command("acl", "observer", *arguments)).err == ""


async def test_other_forms(command: Command) -> None:
    arguments = ("--user", "app", "--password-sha256", SHA256)

    assert (await command("acl", "producer", *arguments, "--aclfile")).out.startswith("user app ")
    tiles = await command("acl", "producer", *arguments, "--tile-cache")
    kept = "~millstream:tile:* ~gradient:* ~millstream:order:*"
    assert f'"(+evalsha +get +mget +psetex +set {kept})"' in tiles.out


async def test_an_unknown_role_is_answered_with_those_that_there_are(command: Command) -> None:
    result = await command("acl", "root", "--user", "app", "--password-sha256", SHA256)

    assert result.status == 1
    assert "take one of service, producer, consumer" in result.err


@pytest.mark.parametrize("role", ["observer", "operator", "auditor"])
async def test_the_commands_work_for_who_may_look(
    command: Command, own_server: EmbeddedServer, role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who may not list all keys names the queue; what a role may not do ends in one line."""
    async with Redis.from_url(own_server.url) as admin:
        queue = QueueUnderTest(admin, "tiles")
        await queue.open()
        await queue.add(job(id="one"), job(id="two"))
        await queue.settle(await queue.fetch_one(), Verdict.DEAD, detail="no use", attempt=row(1))
        old = ["--redis-6"] if (await server_facts(admin)).release < (7, 0) else []
        line = await command("acl", role, "--user", "app", "--password-sha256", SHA256, *old)
        raw: Any = admin
        await raw.execute_command(*shlex.split(line.out))
    monkeypatch.setenv("REDIS_URL", own_server.url.replace("redis://", "redis://app:hunter2@"))

    for arguments in (
        ("queues", "tiles"),
        ("why", "one", "--queue", "tiles"),
        ("jobs", "show", "two", "--queue", "tiles"),
        ("dead", "list", "tiles"),
    ):
        said = await command(*arguments)
        assert (said.status, said.err) == (0, ""), arguments
    assert "none lives" in (await command("doctor", "--queue", "tiles")).out
    if role == "auditor":
        assert (await command("audit", "tiles")).status == 0
        assert (await command("queues")).status == 0
        return
    said = await command("queues")
    assert (said.status, said.err.count("\n")) == (1, 1)
    assert "name one" in said.err
    replayed = await command("dead", "replay", "one", "--queue", "tiles")
    assert replayed.status == (0 if role == "operator" else 1), replayed
