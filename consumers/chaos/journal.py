"""What every process of a run writes down, so that it survives the process.

Each process has a file of its own, opened for appending; one event is one line, written
with one call, so that a SIGKILL leaves whole lines. Times are of the monotonic clock,
which all processes of one machine share.
"""

import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from secrets import token_hex
from types import TracebackType
from typing import Self

import orjson
from pydantic import JsonValue

#: Files of this form are read as journals.
SUFFIX = ".jsonl"

Event = Mapping[str, JsonValue]


class Journal:
    """Appends events to a new file in *directory*."""

    def __init__(self, directory: Path, writer: str) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / f"{writer}-{os.getpid()}-{token_hex(3)}{SUFFIX}"
        self._file = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        os.close(self._file)

    def write(self, event: str, facts: Event) -> None:
        """Write one event down, with the time and this process; safe in any thread."""
        line = {"at_ns": time.monotonic_ns(), "event": event, "pid": os.getpid(), **facts}
        os.write(self._file, orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))


def read_journals(directory: Path) -> Iterator[Event]:
    """Every event in *directory*, file by file.

    A last line that is not whole is left out: its writer was killed by a full disk.
    """
    for path in sorted(directory.glob(f"*{SUFFIX}")):
        for line in path.read_bytes().splitlines():
            try:
                yield orjson.loads(line)
            except orjson.JSONDecodeError:
                continue
