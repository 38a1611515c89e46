"""The file of an export: where it ends, and the letters in it."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import BinaryIO

from producers.cli.boundary import CommandError
from producers.cli.letters import Found
from streams.errors import InvalidJobError
from streams.keys import Keys
from streams.letter import DeadLetter
from streams.letterfilter import LetterFilter
from streams.letterline import letter_in

#: Redis takes no larger value, so a longer line is none of ours.
LINE_BYTES_MAX = 512 * 1024 * 1024
#: With this begins each line, also one that is torn.
_LINE_STARTS = b'{"format":'


def lines_of(file: BinaryIO) -> Iterator[bytes]:
    """The complete lines of *file*; a torn one at the end is left out.

    Raises:
        CommandError: a line is longer than any letter.
    """
    while True:
        line = file.readline(LINE_BYTES_MAX + 1)
        if len(line) > LINE_BYTES_MAX:
            raise CommandError(
                f"a line has more than {LINE_BYTES_MAX} bytes: this is no file of "
                "`millstream dead export`"
            )
        if not line.endswith(b"\n"):
            return
        yield line


async def exported_letters(
    path: Path, queue: str | None, wanted: LetterFilter
) -> AsyncIterator[Found]:
    """The letters in the file *path* that *wanted* fits, a line in memory at a time.

    Raises:
        CommandError: the file holds something else.
    """
    with path.open("rb") as file:
        for number, line in enumerate(lines_of(file), 1):
            keys, letter = _read(path, number, line)
            if queue in {None, keys.queue} and wanted.matches(letter):
                yield Found(keys, letter)


class ExportFile:
    """A file that an export is appended to, and that knows how far the last one came.

    Raises:
        CommandError: the file holds something else than an export of this queue.
    """

    def __init__(self, path: Path, queue: str) -> None:
        self._file = path.open("a+b")
        self.reached: dict[Keys, str] = {}
        try:
            end = self._read_up(path, queue)
            # A torn line is what a process left that died while it wrote.
            self._file.truncate(end)
        except CommandError:
            self._file.close()
            raise

    def _read_up(self, path: Path, queue: str) -> int:
        self._file.seek(0)
        end = 0
        for number, line in enumerate(lines_of(self._file), 1):
            keys, letter = _read(path, number, line)
            if keys.queue != queue:
                raise CommandError(
                    f"{path} is an export of the queue '{keys.queue}', not of '{queue}': "
                    "name another file"
                )
            self.reached[keys] = letter.dead_entry
            end += len(line)
        self._file.seek(end)
        torn = self._file.read(len(_LINE_STARTS))
        if torn != _LINE_STARTS[: len(torn)]:
            raise CommandError(
                f"{path} ends with something else than a dead letter: name another file"
            )
        return end

    def write(self, line: bytes) -> None:
        """Append one letter."""
        self._file.write(line + b"\n")

    def close(self) -> None:
        """Close the file; what was written is on the disk then."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()


def _read(path: Path, number: int, line: bytes) -> tuple[Keys, DeadLetter]:
    try:
        return letter_in(line)
    except InvalidJobError as error:
        raise CommandError(f"{path}, line {number}: {error}") from error
