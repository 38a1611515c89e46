"""A producer in small: writes down the id of a job, waits for a sign, and hands the job in."""

import sys
from pathlib import Path

import anyio

from producers.client import Producer
from tests.consumers.support.kinds import LOOK_S, Note

#: What it writes down before anything is sent.
JOB_ID = "kept"


async def main(url: str, book: Path, sign: Path) -> None:
    """Hand in the job whose id stands in *book*, as soon as *sign* is there."""
    async with Producer.connect(url, queue="work") as jobs:
        await jobs.enqueue(Note(), id="before")
        await anyio.Path(book).write_text(JOB_ID)
        while not await anyio.Path(sign).exists():  # noqa: ASYNC110 - another process gives it
            await anyio.sleep(LOOK_S)
        answer = await jobs.enqueue(Note(), id=JOB_ID)
        print(answer.acceptance.name, flush=True)  # noqa: T201 - the test reads it


if __name__ == "__main__":
    anyio.run(main, sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
