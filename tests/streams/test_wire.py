"""The contract with programs in other languages: plain XADDs, and the page about them."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import orjson
import pytest
from redis.asyncio import Redis

from producers.payloads.tiles import RenderTile
from streams.job import (
    ATTEMPTS_DEFAULT,
    ATTEMPTS_MAX,
    META_BYTES_MAX,
    PAYLOAD_BYTES_MAX,
    Delivery,
)
from streams.keys import Keys
from streams.priority import LEVELS, Priority
from streams.settle import Verdict
from streams.state import State
from tests.support.pages import blocks
from tests.support.queues import QueueUnderTest
from tests.support.sleep import taken_in_sleep

pytestmark = pytest.mark.leaves_jobs

PAGE = (Path(__file__).parents[2] / "docs" / "wire.md").read_text()
EXAMPLES = [
    line.removeprefix("$ ")
    for block in blocks(PAGE, "console")
    for line in block.splitlines()
    if line.startswith("$ ")
]
XADDS = [example for example in EXAMPLES if " XADD " in example]


def words(example: str) -> list[str]:
    """What redis-cli is given by a shell."""
    program, *arguments = shlex.split(example)
    assert program == "redis-cli"
    return arguments


async def run(client: Redis, example: str) -> Any:
    """The answer to an example."""
    raw: Any = client
    return await raw.execute_command(*words(example))


@pytest.fixture
async def tiles(client: Redis) -> QueueUnderTest:
    """The queue that the page speaks of."""
    queue = QueueUnderTest(client, "tiles")
    await queue.open()
    return queue


def test_the_page_has_examples() -> None:
    assert len(XADDS) >= 2
    assert any("HGETALL" in example for example in EXAMPLES)
    assert any("XRANGE" in example for example in EXAMPLES)


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_survives_a_shell(example: str, tmp_path: Path) -> None:
    """A bare `*` would become the names of the files in the reader's folder."""
    if shutil.which("sh") is None:
        pytest.skip("no shell")
    (tmp_path / "a-file").touch()
    (tmp_path / "another-file").touch()
    said = subprocess.run(
        ["sh", "-c", example.replace("redis-cli", r"printf '%s\n'", 1)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )

    assert said.stdout.splitlines() == words(example)


@pytest.mark.parametrize("example", XADDS)
async def test_an_example_is_delivered_as_a_job_that_its_handler_accepts(
    tiles: QueueUnderTest, example: str
) -> None:
    await run(tiles.client, example)

    delivery = await tiles.fetch_one()

    assert (delivery.flaw, delivery.kind) == ("", RenderTile.kind)
    RenderTile.model_validate_json(delivery.payload)


async def test_the_examples_tell_one_story_from_xadd_to_the_answer(tiles: QueueUnderTest) -> None:
    """What is sent under a name can be read under it, and dead letters are where it says."""
    for example in XADDS:
        await run(tiles.client, example)
    deliveries = {each.id: each for each in await tiles.fetch()}
    [record] = [example for example in EXAMPLES if "HGETALL" in example]
    [dead] = [example for example in EXAMPLES if "XRANGE" in example]
    name = words(record)[1].partition(":job:")[2]
    await tiles.settle(deliveries.pop(name), Verdict.COMPLETED, detail=b'{"bytes":1}')
    for delivery in deliveries.values():
        await tiles.settle(delivery, Verdict.DEAD, detail="x")

    answer = await run(tiles.client, record)
    fields = answer if isinstance(answer, dict) else dict(zip(*[iter(answer)] * 2, strict=True))

    assert fields[b"state"] == b"completed"
    assert orjson.loads(fields[b"result"]) == {"bytes": 1}
    assert len(await run(tiles.client, dead)) == len(XADDS) - 1


@pytest.mark.parametrize("priority", LEVELS)
async def test_kind_and_payload_in_a_stream_are_a_job(
    queue: QueueUnderTest, priority: Priority
) -> None:
    stream = f"millstream:{{test:0}}:{priority.value}"
    example = f"redis-cli XADD {stream} '*' kind test.echo payload '{{\"a\":1}}'"
    entry = (await run(queue.client, example)).decode()

    delivery = await queue.fetch_one()

    assert (delivery.id, delivery.flaw) == (f"{priority.value}-{entry}", "")
    assert (delivery.kind, delivery.payload) == ("test.echo", b'{"a":1}')
    assert delivery.enqueued_ms == int(entry.partition("-")[0])


async def test_a_job_that_was_sent_before_anything_else_existed_is_not_skipped(
    client: Redis,
) -> None:
    """No stream, no group, no worker: the sender was first."""
    queue = QueueUnderTest(client, "early")
    await queue.add_raw({"kind": "a", "payload": "{}"})
    await queue.open()

    assert (await queue.fetch_one()).kind == "a"


async def test_an_idle_worker_is_woken_by_a_plain_xadd(queue: QueueUnderTest) -> None:
    await queue.add_raw({"kind": "a", "payload": "{}"}, Priority.LOW)

    delivery = await taken_in_sleep(queue.client, queue.keys, "one", block_ms=1)

    assert delivery is not None
    assert delivery.token.level == 4


async def test_a_raw_job_has_a_whole_life(queue: QueueUnderTest) -> None:
    """Lease, loss, retry, dead letter with history, replay, result: as for any other."""
    entry = await queue.add_raw({"kind": "a", "payload": "{}", "attempts": "2"})
    name = f"normal-{entry}"
    await queue.lapse(await queue.fetch_one())
    [claimed] = (await queue.claim("two")).deliveries
    await queue.settle(claimed, Verdict.RETRY)
    await queue.promote()
    last = await queue.fetch_one()
    assert (last.id, last.attempt, last.attempts_max) == (name, 2, 2)
    await queue.settle(last, Verdict.DEAD, detail="attempts used up")
    letter = await queue.letter(name)
    assert [each["outcome"] for each in letter.history] == ["lost", "error", "error"]
    await queue.replay(letter)
    await queue.settle(await queue.fetch_one(), Verdict.COMPLETED, detail=b'"done"')

    view = await queue.look(name)
    assert (view.state, view.result, len(view.history)) == (State.COMPLETED, "done", 5)


def row_of(field: str) -> str:
    """The page's row about a field."""
    [found] = [line for line in PAGE.splitlines() if line.startswith(f"| `{field}`")]
    return found


def test_the_limits_of_the_page_are_those_of_the_code() -> None:
    assert f"1 to {ATTEMPTS_MAX} | {ATTEMPTS_DEFAULT} |" in row_of("attempts")
    assert "at most 1 MiB" in row_of("payload")
    assert PAYLOAD_BYTES_MAX == 2**20
    assert f"at most {META_BYTES_MAX // 1024} KiB" in row_of("meta")
    assert "1 to 200 printable ASCII characters" in row_of("id")
    assert "1 to 512 printable ASCII characters" in row_of("unique")


def test_the_page_lists_every_field_that_is_read() -> None:
    table = PAGE.partition("## Fields of an entry")[2].partition("\n## ")[0]
    listed = {
        name
        for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", row)
    }

    read = {*Delivery._fields} - {"token", "flaw", "attempts_max"} | {"attempts"}
    assert listed == read


def test_the_page_names_the_streams_of_the_code() -> None:
    for key in Keys("tiles").streams.values():
        level = key.rpartition(":")[2]
        assert f"`{key}`" in PAGE or f"`…:{level}`" in PAGE
