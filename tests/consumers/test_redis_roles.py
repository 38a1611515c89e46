"""A whole worker and its producer with the rights of their roles and no others."""

import hashlib
from datetime import timedelta
from typing import Any

from redis.asyncio import Redis

from producers.client import Producer
from streams.acl import role_named, rules
from streams.embedded import EmbeddedServer
from streams.server import server_facts
from streams.settle import Verdict
from tests.consumers.support.fleet import KEYS, Fleet, report, until_idle
from tests.consumers.support.kinds import Failing, Note
from tests.support.waiting import wait_until

SHA256 = hashlib.sha256(b"hunter2").hexdigest()
SOON = timedelta(seconds=20)


async def test_a_worker_and_a_producer_need_no_more_than_their_roles(
    fleet: Fleet, own_server: EmbeddedServer
) -> None:
    """Started, retried, completed, stopped: and nothing that the server refused is logged."""
    async with Redis.from_url(own_server.url) as admin:
        has_selectors = (await server_facts(admin)).release >= (7, 0)
        raw: Any = admin
        for name in ("consumer", "producer"):
            words = rules(
                role_named(name), queue=KEYS.queue, password_sha256=SHA256, selectors=has_selectors
            )
            await raw.execute_command("ACL", "SETUSER", name, *words)
        url = own_server.url.replace("redis://", "redis://{}:hunter2@")
        worker = await fleet.start(url.format("consumer"))
        async with Producer.connect(url.format("producer"), queue=KEYS.queue) as jobs:
            await jobs.result((await jobs.enqueue(Note(text="a"))).id, timeout=SOON)
            failing = await jobs.enqueue(Failing(times=1, message="once"))
            await jobs.result(failing.id, timeout=SOON)
        await until_idle(admin)
        fleet.stop()
        await wait_until(lambda: not worker.program.is_running, "the worker has ended")

        assert (await report(admin)).counters[Verdict.COMPLETED.value] == 2
        assert (await report(admin)).consumers == ()
    assert "NOPERM" not in worker.program.output()
    assert "hunter2" not in worker.program.output()
    assert [each["event"] for each in worker.events() if each["event"].endswith("_failed")] == []
