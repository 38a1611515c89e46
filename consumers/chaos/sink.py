"""A store outside Redis, as handlers write to: it refuses who comes with an older fence.

One small file a job, with the fence of each effect that was accepted, in their order. This
is what a handler that uses `Context.fence` makes of a database row or an object store.
"""

import fcntl
import os
from pathlib import Path

import anyio

#: Files of one folder are kept to a number that every file system likes.
FOLDERS = 64
#: Between two tries at a file that another process has locked, perhaps a frozen one.
LOCKED_S = 0.02
#: A locked file is given up after so many tries: who holds it is frozen.
TRIES = 500


class SinkBusyError(Exception):
    """Raised when another process holds a job's file for too long."""


class Sink:
    """Effects of all jobs below *directory*."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    async def apply(self, job_id: str, fence: int) -> bool:
        """Do the effect of *job_id*; False where a higher fence was here before.

        Raises:
            SinkBusyError: the file is locked by another process for ten seconds.
        """
        path = self._path(job_id)
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            for _ in range(TRIES):
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    await anyio.sleep(LOCKED_S)
                else:
                    return _append(file, path, fence)
        finally:
            os.close(file)
        raise SinkBusyError(f"the effect of {job_id} is locked by another process")

    def fences(self, job_id: str) -> list[int]:
        """The fences of the effects that were accepted, in their order."""
        path = self._path(job_id)
        return [int(line) for line in path.read_text().split()] if path.exists() else []

    def _path(self, job_id: str) -> Path:
        folder = sum(job_id.encode()) % FOLDERS
        return self._directory / f"{folder:02}" / job_id


def _append(file: int, path: Path, fence: int) -> bool:
    before = [int(line) for line in path.read_text().split()]
    if before and fence < before[-1]:
        return False
    os.write(file, f"{fence}\n".encode())
    return True
