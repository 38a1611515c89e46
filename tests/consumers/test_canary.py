"""Planted secrets: what must not be seen is looked for wherever something is shown."""

from datetime import timedelta
from pathlib import Path

import pytest
from redis.asyncio import Redis

from producers.client import Producer
from producers.errors import JobFailedError
from streams.priority import Priority
from tests.consumers.support.fleet import KEYS, Fleet, letters
from tests.consumers.support.kinds import Failing, Note
from tests.producers.cli.conftest import Command, command
from tests.support.waiting import wait_until

__all__ = ["command"]

SOON = timedelta(seconds=20)
#: Never to be seen anywhere.
SECRETS = ("canary-url", "canary-env", "canary-error", "canary-query")
#: What a job carries: to be seen in its dead letter, which is the job.
BODIES = ("canary-body", "canary-invalid")
SAID = "no luck at redis://u:canary-error@h/0 and https://h/?X-Amz-Signature=canary-query"
VIEWS = [
    ("queues", "work"),
    ("why", "good"),
    ("why", "bad", "--json"),
    ("doctor",),
    ("doctor", "--json"),
    ("audit", "work", "--json"),
    ("dead", "list"),
    ("jobs", "show", "good"),
    ("jobs", "show", "bad", "--json"),
    ("dead", "show", "bad"),
    ("dead", "list", "--json"),
]
#: These show what a job carries, or quote it: that is what they are for.
SHOW_BODIES: set[tuple[str, ...]] = {
    ("dead", "list"),
    ("dead", "list", "--json"),
    ("dead", "show", "bad"),
}


async def test_no_secret_is_shown_by_a_worker_or_a_command(
    fleet: Fleet,
    client: Redis,
    redis_url: str,
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The default user of a Redis without passwords takes any: one secret is in the URL."""
    url = redis_url.replace("redis://", "redis://default:canary-url@")
    worker = await fleet.start(
        url,
        environment={
            "AWS_SECRET_ACCESS_KEY": "canary-env",
            "MILLSTREAM_WORKER_METRICS_PORT": "0",
        },
    )
    async with Producer.connect(url, queue=KEYS.queue) as jobs:
        await jobs.enqueue(Note(text="canary-body"), id="good")
        await jobs.enqueue(Failing(times=9, message=SAID), id="bad", attempts=2)
        stream = KEYS.stream(Priority.NORMAL)
        await client.xadd(
            stream, {"kind": "test.note", "id": "invalid", "payload": '{"txet":"canary-invalid"}'}
        )
        await jobs.result("good", timeout=SOON)
        with pytest.raises(JobFailedError) as failed:
            await jobs.result("bad", timeout=SOON)

    async def both_are_dead() -> bool:
        return len(await letters(client)) == 2

    await wait_until(both_are_dead, "the failing and the invalid job are dead")
    assert any("canary-invalid" in str(each.history) for each in await letters(client))

    _, metrics = await worker.get("/metrics")
    fleet.stop()
    monkeypatch.setenv("REDIS_URL", url)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary-env")
    shown = {view: await command(*view) for view in VIEWS}

    log = worker.program.output()
    for secret in SECRETS:
        assert secret not in log + metrics + str(failed.value)
        assert secret not in "".join(str(each.history) for each in await letters(client))
        views = {view for view, said in shown.items() if secret in said.out + said.err}
        # The failing job carries its message with it: there it is its payload.
        assert views <= (SHOW_BODIES if secret in SAID else set())
    for body in BODIES:
        assert body not in log + metrics
        views = {view for view, said in shown.items() if body in said.out + said.err}
        assert views <= SHOW_BODIES | {("jobs", "show", "good")}


@pytest.mark.parametrize(
    "url",
    [
        "redis://u:canary-url@127.0.0.1:1/0",
        "redis://u:canary-url@127.0.0.1:port/0",
        "rediss://u:canary-url@127.0.0.1:1/0",
        "unix:///nowhere/redis.sock?password=canary-url",
        "http://u:canary-url@127.0.0.1",
        "canary-url",
    ],
)
async def test_a_url_that_does_not_work_is_shown_without_its_password(
    url: str,
    command: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    for arguments in (("queues",), ("why", "one"), ("doctor",), ("audit", "work")):
        said = await command(*arguments, "--redis-url", url)

        assert said.status in {1, 2}
        assert said.out + said.err
        assert "canary" not in said.out + said.err.replace(url if url == "canary-url" else "\0", "")
