"""Where shards lie: named bytes that are written once and read often."""

import re
from contextlib import suppress
from pathlib import Path
from typing import Protocol
from uuid import uuid4

import anyio
from anyio import to_thread

from consumers.handlers.tiles.dataerrors import ObjectMissingError, StoreError

#: One segment of an object's name. No leading dot: neither `..` nor a half-written file
#: can be asked for.
_SEGMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")

#: Deeper names point to a mistake; every known store allows far longer ones.
NAME_CHARS_MAX = 800


class ObjectStore(Protocol):
    """Named bytes. Names are relative paths of plain segments (`gfs/20261122T06/a_0000.bin`).

    A put replaces the whole object at once: no reader ever sees a part of it.
    """

    async def get(self, name: str) -> bytes:
        """The bytes of *name*.

        Raises:
            ObjectMissingError: nothing has that name.
            StoreError: the name is not allowed, or the store does not answer.
        """
        ...

    async def put(self, name: str, data: bytes) -> None:
        """Keep *data* under *name*, in place of what was there.

        Raises:
            StoreError: the name is not allowed, or the store does not accept it.
        """
        ...

    async def delete(self, name: str) -> None:
        """Forget *name*; it need not exist.

        Raises:
            StoreError: the name is not allowed, or the store does not answer.
        """
        ...


def checked_name(name: str) -> str:
    """*name*, if it is safe as a path and as a key in every store.

    Raises:
        StoreError: it is empty, too long, absolute, climbs out of the store, or holds
            characters that are not plain.
    """
    segments = name.split("/")
    if len(name) > NAME_CHARS_MAX or not all(_SEGMENT.fullmatch(each) for each in segments):
        raise StoreError(
            f"{name[:80]!r} is no object name: expected segments of letters, digits, '.', '_' and "
            f"'-' between '/', at most {NAME_CHARS_MAX} characters"
        )
    return name


class LocalStore:
    """An `ObjectStore` in a directory, for one machine.

    Objects appear by rename, so a reader sees the old bytes or the new ones. They are not
    forced to disk: what a power cut damages is found by the shards' checksums.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    async def get(self, name: str) -> bytes:
        """The bytes of *name* (see `ObjectStore.get`)."""
        path = self._path(name)
        try:
            return await to_thread.run_sync(path.read_bytes)
        except FileNotFoundError:
            raise ObjectMissingError(name, f"the directory {self.root}") from None
        except OSError as error:
            raise self._failed("read", name, error) from error

    async def put(self, name: str, data: bytes) -> None:
        """Keep *data* under *name* (see `ObjectStore.put`)."""
        path = self._path(name)
        try:
            await to_thread.run_sync(_write_whole, path, data)
        except OSError as error:
            raise self._failed("write", name, error) from error

    async def delete(self, name: str) -> None:
        """Forget *name* (see `ObjectStore.delete`)."""
        path = anyio.Path(self._path(name))
        try:
            await path.unlink(missing_ok=True)
        except OSError as error:
            raise self._failed("delete", name, error) from error

    def _path(self, name: str) -> Path:
        return self.root / checked_name(name)

    def _failed(self, verb: str, name: str, error: OSError) -> StoreError:
        reason = error.strerror or type(error).__name__
        return StoreError(
            f"cannot {verb} '{name}' in the directory {self.root}: {reason}; "
            "check its rights and free space, or name another one in MILLSTREAM_STORE"
        )


def _write_whole(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # The leading dot keeps a half-written file outside of the names that can be read.
    part = path.with_name(f".{uuid4().hex}.part")
    try:
        part.write_bytes(data)
        part.replace(path)
    except BaseException:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise
