"""Files of web servers, in whole or in part, within limits of bytes and time.

Any address is asked that the operator names, those of private networks included: whoever may
run the command may reach them anyway. No URL of a job ever comes here.
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from http.client import HTTPException, HTTPResponse
from typing import IO, Final
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    UnknownHandler,
)

import anyio
from anyio import to_thread

from consumers.handlers.tiles.dataerrors import FetchError

#: The longest silence of a server.
SILENCE_MAX_S: Final = 30

#: The longest time that a file may take.
FILE_MAX_S: Final = 3600

#: A part without a known end: no message of a forecast is larger.
PART_BYTES_MAX: Final = 256 * 1024 * 1024

_CHUNK_BYTES: Final = 1024 * 1024

_WHOLE: Final = 200
_PART: Final = 206
_MISSING: Final = 404

# No handler of files or FTP: a redirect leads from a server to a server only.
_HANDLERS: Final = (
    ProxyHandler,
    UnknownHandler,
    HTTPHandler,
    HTTPSHandler,
    HTTPDefaultErrorHandler,
    HTTPRedirectHandler,
    HTTPErrorProcessor,
)


async def download(url: str, file: IO[bytes], *, bytes_max: int) -> int:
    """Append what is at *url* to *file*, and say how many bytes that were.

    Raises:
        FetchError: there is no answer, another one than the file, or more than *bytes_max*.
    """
    async with _within_time(url), _answer(url, {}) as answer:
        _require_status(url, answer, _WHOLE)
        return await _copy(url, answer, file, bytes_max)


async def download_part(url: str, file: IO[bytes], first: int, last: int | None) -> int:
    """Append the bytes *first* to *last* (both included; None: the end) of *url* to *file*.

    Raises:
        FetchError: there is no answer, or the server does not send exactly this part.
    """
    span = f"{first}-{'' if last is None else last}"
    async with _within_time(url), _answer(url, {"Range": f"bytes={span}"}) as answer:
        _require_status(url, answer, _PART)
        told = answer.headers.get("Content-Range", "")
        if not told.startswith(f"bytes {span}" if last is None else f"bytes {span}/"):
            raise FetchError(f"{shown(url)} was asked for bytes {span} and sent '{told[:80]}'")
        return await _copy(url, answer, file, PART_BYTES_MAX if last is None else last - first + 1)


@asynccontextmanager
async def _answer(url: str, headers: Mapping[str, str]) -> AsyncGenerator[HTTPResponse]:
    answer = await to_thread.run_sync(_open, url, headers)
    try:
        yield answer
    finally:
        answer.close()


def _open(url: str, headers: Mapping[str, str]) -> HTTPResponse:
    director = OpenerDirector()
    for handler in _HANDLERS:
        director.add_handler(handler())
    try:
        request = Request(url, headers={"User-Agent": "millstream", **headers})  # noqa: S310 - no files
        answer: HTTPResponse = director.open(request, timeout=SILENCE_MAX_S)
    except HTTPError as error:
        error.close()
        hint = ": nothing is there" if error.code == _MISSING else ""
        raise FetchError(f"{shown(url)} answers {error.code} {error.reason}{hint}") from None
    except (OSError, HTTPException, ValueError) as error:
        raise FetchError(
            f"{shown(url)} cannot be reached ({getattr(error, 'reason', error)}): check the "
            "address and the network, and try again"
        ) from error
    return answer


def _require_status(url: str, answer: HTTPResponse, expected: int) -> None:
    if answer.status != expected:
        what = "parts of files, which it must" if expected == _PART else "a file"
        raise FetchError(f"{shown(url)} answers {answer.status} and does not send {what}")


async def _copy(url: str, answer: HTTPResponse, file: IO[bytes], bytes_max: int) -> int:
    expected = answer.length
    if expected is not None and expected > bytes_max:
        raise FetchError(f"{shown(url)} has {expected} bytes: at most {bytes_max} are taken")
    count = 0
    while chunk := await to_thread.run_sync(_read, url, answer):
        count += len(chunk)
        if count > bytes_max:
            raise FetchError(f"{shown(url)} has more than {bytes_max} bytes: no more are taken")
        await to_thread.run_sync(write, file, chunk)
    if expected is not None and count != expected:
        raise FetchError(
            f"{shown(url)} ended after {count} of {expected} bytes: nothing was kept, try again"
        )
    return count


def _read(url: str, answer: HTTPResponse) -> bytes:
    try:
        return answer.read(_CHUNK_BYTES)
    except (OSError, HTTPException) as error:
        raise FetchError(
            f"{shown(url)} broke off ({error}): nothing was kept, try again"
        ) from error


def write(file: IO[bytes], chunk: bytes) -> None:
    """Append *chunk* to *file*.

    Raises:
        FetchError: there is no room, or no right to write.
    """
    try:
        file.write(chunk)
        # A full disk is to be told here, and not when the file is closed.
        file.flush()
    except OSError as error:
        raise FetchError(f"cannot write {file.name}: {error.strerror}") from error


def shown(url: str) -> str:
    """*url* for a message: without a password, or a signature in its query."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}"


@asynccontextmanager
async def _within_time(url: str) -> AsyncGenerator[None]:
    try:
        with anyio.fail_after(FILE_MAX_S):
            yield
    except TimeoutError:
        raise FetchError(f"{shown(url)} took more than {FILE_MAX_S} s: nothing was kept") from None
