"""What type checkers say of calls to a producer: the good ones pass, each bad line is refused."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

#: A line that ends so must be refused, and no other line may be.
REFUSED = re.compile(r"# refused: .+$")

PROGRAM = """
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from pydantic import JsonValue

from producers.batch import BatchReport
from producers.blocking import BlockingProducer
from producers.client import Producer
from producers.order import new_job
from producers.payloads.base import Payload
from producers.payloads.tiles import BoundingBox, RenderTile
from streams.backoff import Backoff
from streams.durability import FSYNCED, replicated
from streams.enqueue import Enqueued
from streams.job import NewJob
from streams.priority import Priority


class Greet(Payload):
    kind: ClassVar[str] = "greet"
    name: str
    times: int = 1


SOON = timedelta(seconds=5)
EUROPE = BoundingBox(min_x=-10, min_y=35, max_x=30, max_y=70)


async def good(jobs: Producer, threads: BlockingProducer) -> None:
    tile = RenderTile(layer="gfs_TMP_2m", bbox=EUROPE, crs="EPSG:4326")
    answer: Enqueued = await jobs.enqueue(tile, priority=Priority.HIGH)
    await jobs.enqueue(Greet(name="Ada"), priority="high", attempts=5, timeout=SOON)
    await jobs.enqueue(Greet(name="Ada", times=2), priority=255, run_at=datetime.now(tz=UTC))
    await jobs.enqueue(Greet(name="Ada"), expires=SOON, backoff=Backoff(first=SOON))
    await jobs.enqueue(Greet(name="Ada"), expires=datetime.now(tz=UTC), meta={"tenant_id": "a"})
    await jobs.enqueue(Greet(name="Ada"), wait=SOON, durability=replicated(2))
    result: JsonValue = await jobs.result(answer.id, timeout=SOON)
    report: BatchReport = await jobs.enqueue_many([new_job(tile)], wait=SOON, durability=FSYNCED)
    await jobs.enqueue_many(source(), progress=print)
    same: Enqueued = threads.enqueue(Greet(name="Ada"), unique="ada", unique_ttl=SOON)
    print(result, report, same)


async def source() -> AsyncIterator[NewJob]:
    yield new_job(Greet(name="Ada"), priority="low")


async def bad(jobs: Producer, threads: BlockingProducer) -> None:
    await jobs.enqueue(Greet())  # refused: a field is missing
    await jobs.enqueue(Greet(name=7))  # refused: a field of another type
    await jobs.enqueue(Greet(name="Ada", nmae="x"))  # refused: no such field
    await jobs.enqueue({"name": "Ada"})  # refused: no payload
    await jobs.enqueue(Greet(name="Ada"), priority="hihg")  # refused: no such level
    await jobs.enqueue(Greet(name="Ada"), retries=5)  # refused: no such option
    await jobs.enqueue(Greet(name="Ada"), delay=5)  # refused: seconds or minutes?
    await jobs.enqueue(Greet(name="Ada"), run_at="tomorrow")  # refused: no moment
    await jobs.enqueue(Greet(name="Ada"), backoff=SOON)  # refused: no backoff
    await jobs.enqueue(Greet(name="Ada"), durability="fsynced")  # refused: no durability
    await jobs.enqueue(Greet(name="Ada"), meta={"when": SOON})  # refused: no JSON
    await jobs.enqueue_many([Greet(name="Ada")])  # refused: payloads and not jobs
    await jobs.result("a")  # refused: a wait without a bound
    threads.enqueue(Greet(name="Ada"), attempts="5")  # refused: a number in words
    threads.enqueue_many(source())  # refused: an asynchronous source
    new_job(Greet(name="Ada"), wait=SOON)  # refused: an option of a call, not of a job
    text: str = await jobs.enqueue(Greet(name="Ada"))  # refused: an answer is no text
    print(text)
"""

#: How mypy and pyright name a line with an error.
LINE = re.compile(
    r"^\S*program\.py:(\d+):(?:\d+:)? error|^\s+\S*program\.py:(\d+):\d+ - error", re.MULTILINE
)


def lines_that_are_refused(*checker: str) -> tuple[set[int], str]:
    """The numbers of the lines at which *checker* complains, and what it says."""
    said = subprocess.run(
        [sys.executable, "-m", *checker], cwd=ROOT, capture_output=True, text=True, check=False
    )
    found = {int(one or other) for one, other in LINE.findall(said.stdout)}
    return found, said.stdout + said.stderr


@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_exactly_the_bad_lines_are_refused(checker: str, tmp_path: Path) -> None:
    if importlib.util.find_spec(checker) is None:
        pytest.skip(f"{checker} is not installed")
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    wanted = {
        number for number, line in enumerate(PROGRAM.splitlines(), start=1) if REFUSED.search(line)
    }
    if checker == "pyright":
        settings = tmp_path / "pyrightconfig.json"
        settings.write_text(
            f'{{"include": ["{program}"], "extraPaths": ["{ROOT}"], "pythonVersion": "3.11", '
            f'"typeCheckingMode": "strict"}}'
        )
        arguments = ["--project", str(settings), "--pythonpath", sys.executable]
    else:
        # As whoever has not the plugin of pydantic, with which `name=7` is a name.
        settings = tmp_path / "mypy.ini"
        settings.write_text("[mypy]\nstrict = true\nfollow_imports = silent\n")
        cache = str(ROOT / ".mypy_cache" / "typing")
        arguments = ["--config-file", str(settings), "--cache-dir", cache, str(program)]

    refused, said = lines_that_are_refused(checker, *arguments)

    assert len(wanted) == 17
    assert refused == wanted, said
