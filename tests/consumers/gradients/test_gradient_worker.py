"""Pictures through the queue: a real worker, a real Redis, pictures behind HTTP."""

import re
import shlex
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest
from redis.asyncio import Redis

from producers.client import Producer
from producers.payloads.gradients import GradientJob
from streams.dead import dead_letters
from streams.inspection import inspect_queue
from streams.keys import Keys
from streams.letter import DeadLetter
from tests.support.pictures import bomb, plain, saved
from tests.support.processes import Processes, RunningProgram
from tests.support.s3server import ACCESS_KEY, BUCKET, SECRET_KEY, S3Server, s3_server
from tests.support.waiting import wait_until

KEYS = Keys("gradients")
PAGE = Path(__file__).parents[3] / "docs" / "gradients.md"
PNG = saved(plain((49, 55, 136)))


@pytest.fixture
def s3() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server


@pytest.fixture
def environment(s3: S3Server, redis_url: str) -> Mapping[str, str]:
    """What the seed's README asks for, and nothing else but short leases."""
    return {
        "REDIS_URL": redis_url,
        "S3_ENDPOINT": s3.url,
        "S3_ACCESS_KEY": ACCESS_KEY,
        "S3_SECRET_KEY": SECRET_KEY,
        "MASTER_BUCKET_NAME": BUCKET,
        "LOG_LEVEL": "trace",
        "MILLSTREAM_WORKER_LEASE_MS": "1500",
        "MILLSTREAM_WORKER_GRACE_MS": "5000",
    }


def job(key: str) -> GradientJob:
    return GradientJob(guild_id="1", gallery_name="g", storage_key=key, item_id=key)


def start(processes: Processes, environment: Mapping[str, str], **changes: str) -> RunningProgram:
    return processes.start(
        "millstream-worker", "gradients", "--name", "one", environment={**environment, **changes}
    )


async def ended(client: Redis, **counts: int) -> bool:
    counters: Any = await client.hgetall(KEYS.counters)
    return all(int(counters.get(name.encode(), 0)) >= count for name, count in counts.items())


async def stored(client: Redis, key: str) -> dict[str, Any]:
    value = await client.get(f"gradient:{key}")
    assert value is not None
    read: dict[str, Any] = orjson.loads(value)
    return read


async def letters(client: Redis) -> dict[str, DeadLetter]:
    return {
        orjson.loads(each.payload)["storageKey"]: each async for each in dead_letters(client, KEYS)
    }


async def test_pictures_become_gradients_under_their_names(
    client: Redis,
    redis_url: str,
    environment: Mapping[str, str],
    s3: S3Server,
    processes: Processes,
) -> None:
    names = [f"my gallery/größe {number}.png" for number in range(12)]
    s3.objects |= dict.fromkeys(names, PNG)
    worker = start(processes, environment)
    async with Producer.connect(redis_url, queue="gradients") as jobs:
        sent = [await jobs.enqueue(job(name)) for name in names]
        await wait_until(lambda: ended(client, completed=12), "all are done", 40)
        record = await jobs.get(sent[0].id)

    for name in names:
        result = await stored(client, name)
        assert result["status"] == "completed"
        assert result["gradient"]["primary"] == "#313788"
        assert 0 < await client.ttl(f"gradient:{name}") <= 30 * 86_400
    assert record.result == await stored(client, names[0])
    lines = [
        orjson.loads(line) for line in worker.output().splitlines() if '"gradient_made"' in line
    ]
    assert {line["storageKey"] for line in lines} == set(names)
    assert {line["job_id"] for line in lines} == {line["jobId"] for line in lines}
    assert all(line["level"] == "info" and line["service"] for line in lines)


async def test_a_job_typed_by_hand_is_done(
    client: Redis, environment: Mapping[str, str], s3: S3Server, processes: Processes
) -> None:
    """The first XADD of docs/gradients.md."""
    [line] = re.findall(r"^\$ redis-cli (XADD .*)$", PAGE.read_text(), re.MULTILINE)[:1]
    command = shlex.split(line)
    key = orjson.loads(command[-1])["storageKey"]
    s3.objects[key] = PNG
    await client.execute_command(*command)  # type: ignore[no-untyped-call]
    start(processes, environment)

    await wait_until(lambda: ended(client, completed=1), "it is done", 40)
    assert (await stored(client, key))["gradient"]["primary"] == "#313788"


async def test_a_bucket_that_answers_503_for_a_while_costs_a_retry_and_no_job(
    client: Redis,
    redis_url: str,
    environment: Mapping[str, str],
    s3: S3Server,
    processes: Processes,
) -> None:
    s3.objects["a.png"] = PNG
    s3.refusal = (503, "SlowDown")
    async with Producer.connect(redis_url, queue="gradients") as jobs:
        await jobs.enqueue(job("a.png"))
    worker = start(processes, environment)
    await wait_until(lambda: "job_retry_scheduled" in worker.output(), "it has failed once", 40)
    s3.refusal = None

    await wait_until(lambda: ended(client, completed=1), "it is done", 40)
    assert (await stored(client, "a.png"))["attempts"] == 2
    [retry] = [
        orjson.loads(line) for line in worker.output().splitlines() if "job_retry_scheduled" in line
    ]
    assert retry["delay_ms"] == 2000
    assert "SlowDown" in retry["error"]


async def test_what_no_retry_can_help_is_a_dead_letter_after_one_attempt(
    client: Redis,
    redis_url: str,
    environment: Mapping[str, str],
    s3: S3Server,
    processes: Processes,
) -> None:
    s3.objects |= {
        "text.jpg": b"this is a text, whatever its name says",
        "bomb.png": bomb(8000, 8000),
        "cut.png": PNG[: len(PNG) // 2],
    }
    reasons = {
        "text.jpg": "not_an_image",
        "bomb.png": "image_too_large: the image has 8000 x 8000 pixels",
        "cut.png": "broken_image",
        "missing.jpg": "there is no picture 'missing.jpg' in the bucket",
    }
    async with Producer.connect(redis_url, queue="gradients") as jobs:
        for name in reasons:
            await jobs.enqueue(job(name))
    start(processes, environment)

    await wait_until(lambda: ended(client, dead=len(reasons)), "all are dead letters", 40)
    found = await letters(client)
    for name, reason in reasons.items():
        assert found[name].cause == "permanent error"
        [row] = found[name].history
        assert reason in str(row["message"])
    assert await client.keys("gradient:*") == []


async def test_wrong_credentials_are_named_and_the_secret_is_nowhere(
    client: Redis,
    redis_url: str,
    environment: Mapping[str, str],
    s3: S3Server,
    processes: Processes,
) -> None:
    s3.objects["a.png"] = PNG
    canary = "canary-SECRET-of-nobody"
    worker = start(processes, environment, S3_ACCESS_KEY="nobody", S3_SECRET_KEY=canary)
    async with Producer.connect(redis_url, queue="gradients") as jobs:
        await jobs.enqueue(job("a.png"))

    await wait_until(lambda: ended(client, dead=1), "it is a dead letter", 40)
    letter = (await letters(client))["a.png"]
    assert len(letter.history) == 1
    assert "InvalidAccessKeyId (the access key is unknown there)" in str(
        letter.history[0]["message"]
    )
    assert worker.terminate() == 0
    assert canary not in worker.output()
    entries: Any = await client.xrange(KEYS.dead)
    assert canary not in repr(entries)


async def test_how_often_a_job_is_tried_is_the_systems_setting(
    client: Redis,
    redis_url: str,
    environment: Mapping[str, str],
    s3: S3Server,
    processes: Processes,
) -> None:
    s3.refusal = (503, "SlowDown")
    start(processes, environment, GRADIENT_JOB_MAX_RETRIES="0")
    async with Producer.connect(redis_url, queue="gradients") as jobs:
        await jobs.enqueue(job("a.png"))

    await wait_until(lambda: ended(client, dead=1), "it is a dead letter", 40)
    letter = (await letters(client))["a.png"]
    assert (letter.cause, len(letter.history)) == ("attempts used up", 1)


async def test_a_worker_that_is_told_to_end_finishes_or_hands_back_and_the_next_goes_on(
    client: Redis,
    redis_url: str,
    environment: Mapping[str, str],
    s3: S3Server,
    processes: Processes,
) -> None:
    names = [f"{number}.png" for number in range(40)]
    s3.objects |= dict.fromkeys(names, PNG)
    async with Producer.connect(redis_url, queue="gradients") as jobs:
        for name in names:
            await jobs.enqueue(job(name))
    leaving = start(processes, environment)
    await wait_until(lambda: ended(client, completed=3), "it is in the middle of it", 40)
    leaving.send(signal.SIGTERM)
    assert leaving.wait() == 0

    start(processes, environment)
    await wait_until(lambda: ended(client, completed=40), "the other does the rest", 40)
    report = await inspect_queue(client, KEYS)
    assert report.is_idle
    assert report.dead == 0
    assert report.counters["completed"] == 40
    assert "lost" not in report.counters


async def test_a_worker_that_is_told_nothing_says_what_it_needs(
    redis_url: str, processes: Processes
) -> None:
    worker = processes.start("millstream-worker", "gradients", environment={"REDIS_URL": redis_url})

    assert worker.wait() == 78
    [line] = worker.output().splitlines()
    assert line.startswith("millstream-worker: S3_ENDPOINT, S3_ACCESS_KEY, S3_SECRET_KEY, MASTER")
    assert line.endswith("must be set, or MILLSTREAM_GRADIENTS_DIR for pictures in a directory")
