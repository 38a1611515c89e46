"""What a worker and its child process say to each other.

A frame is eight bytes of lengths, a JSON header and a body of raw bytes: a payload on the
way in, a result on the way out. Nothing else crosses: no pickle, no class, no name of
anything to import. Each side checks what it reads; what does not fit ends the child.
"""

import asyncio
import struct
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from consumers.attempt import MESSAGE_CHARS_MAX, TRACEBACK_CHARS_MAX
from consumers.errors import ConsumerError
from consumers.handler import PROGRESS_CHARS_MAX
from consumers.logline import EVENT_CHARS_MAX, FIELDS_MAX, NAME_CHARS_MAX, TEXT_CHARS_MAX
from streams.job import PAYLOAD_BYTES_MAX
from streams.settle import RESULT_BYTES_MAX

#: A traceback of eight thousand characters, or a log line of 32 texts of two thousand, with
#: room for what JSON escapes.
HEADER_BYTES_MAX = 512 * 1024
BODY_BYTES_MAX = max(PAYLOAD_BYTES_MAX, RESULT_BYTES_MAX)

FrameT = TypeVar("FrameT")

_LENGTHS = struct.Struct("!II")
_Name = Annotated[str, Field(max_length=NAME_CHARS_MAX)]
_Text = Annotated[str, Field(max_length=TEXT_CHARS_MAX)]
_Fraction = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
#: Seventy years. Delays of a handler's own choosing stay far below.
_MS = Annotated[int, Field(ge=0, le=2**41)]


class FrameError(ConsumerError):
    """Raised when the other side says what it may not say."""


class _Frame(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Run(_Frame):
    """To the child: run this job; the body is its payload."""

    say: Literal["run"] = "run"
    run: int
    """Counts the jobs of this child: what it says of an earlier one is not listened to."""
    job_id: str
    kind: str
    queue: str
    attempt: int
    attempts_max: int
    fence: int
    enqueued_ms: int
    meta: str
    """JSON, as in the entry: a model would go through it again, and not as deep."""
    timeout_ms: int


class Cancel(_Frame):
    """To the child: end what runs."""

    say: Literal["cancel"] = "cancel"


class Ready(_Frame):
    """From the child: its handlers are open; these are their kinds."""

    say: Literal["ready"] = "ready"
    kinds: tuple[str, ...]


class Refused(_Frame):
    """From the child: its handlers cannot be opened, and why."""

    say: Literal["refused"] = "refused"
    reason: Annotated[str, Field(max_length=MESSAGE_CHARS_MAX)]


class Progress(_Frame):
    """From the child: how far its handler is."""

    say: Literal["progress"] = "progress"
    run: int
    fraction: _Fraction
    message: Annotated[str, Field(max_length=PROGRESS_CHARS_MAX)]


class Logged(_Frame):
    """From the child: a line for the worker's log."""

    say: Literal["logged"] = "logged"
    run: int
    event: Annotated[str, Field(max_length=EVENT_CHARS_MAX)]
    fields: Annotated[dict[_Name, _Text | int | float | bool | None], Field(max_length=FIELDS_MAX)]


class Result(_Frame):
    """From the child: the handler has returned; the body is what, as JSON."""

    say: Literal["result"] = "result"
    run: int


class Failed(_Frame):
    """From the child: the handler has failed, or its payload does not fit.

    `nature` is all that is told of the exception's class besides its name for the record.
    """

    say: Literal["failed"] = "failed"
    run: int
    nature: Literal["invalid", "permanent", "retryable", "snooze", "error"]
    error: Annotated[str, Field(max_length=MESSAGE_CHARS_MAX)]
    message: Annotated[str, Field(max_length=MESSAGE_CHARS_MAX)]
    traceback: Annotated[str, Field(max_length=TRACEBACK_CHARS_MAX)]
    retry_after_ms: _MS | None = None


class Ended(_Frame):
    """From the child: its handler was ended, by the clock or from outside."""

    say: Literal["ended"] = "ended"
    run: int
    why: Literal["timeout", "interrupted"]


ToChildFrame = Run | Cancel
FromChildFrame = Ready | Refused | Progress | Logged | Result | Failed | Ended

TO_CHILD: TypeAdapter[ToChildFrame] = TypeAdapter(
    Annotated[ToChildFrame, Field(discriminator="say")]
)
FROM_CHILD: TypeAdapter[FromChildFrame] = TypeAdapter(
    Annotated[FromChildFrame, Field(discriminator="say")]
)


class Channel:
    """One end of the socket between a worker and its child."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, frame: BaseModel, body: bytes = b"") -> None:
        """Say *frame*.

        Raises:
            FrameError: it is larger than the other side takes.
            OSError: the other side is gone.
        """
        self.post(frame, body)
        await self._writer.drain()

    def post(self, frame: BaseModel, body: bytes = b"") -> None:
        """Say *frame* without waiting until it is on its way.

        Raises:
            FrameError: it is larger than the other side takes.
        """
        header = frame.model_dump_json().encode()
        _require_size(len(header), len(body))
        self._writer.write(_LENGTHS.pack(len(header), len(body)) + header + body)

    async def receive(self) -> tuple[bytes, bytes] | None:
        """The next header and body; None where the other side has hung up.

        Raises:
            FrameError: it announces more than it may say.
        """
        try:
            lengths = await self._reader.readexactly(_LENGTHS.size)
            header_bytes, body_bytes = _LENGTHS.unpack(lengths)
            _require_size(header_bytes, body_bytes)
            header = await self._reader.readexactly(header_bytes)
            return header, await self._reader.readexactly(body_bytes)
        except (asyncio.IncompleteReadError, OSError):
            return None

    def close(self) -> None:
        """Hang up."""
        self._writer.close()


def read_frame(adapter: "TypeAdapter[FrameT]", header: bytes) -> FrameT:
    """A header as what it says.

    Raises:
        FrameError: it says nothing that *adapter* knows.
    """
    try:
        return adapter.validate_json(header)
    except ValidationError as error:
        raise FrameError(
            f"a frame that does not fit: {error.errors(include_input=False)}"
        ) from None


def _require_size(header_bytes: int, body_bytes: int) -> None:
    if header_bytes > HEADER_BYTES_MAX or body_bytes > BODY_BYTES_MAX:
        raise FrameError(
            f"a frame may have {HEADER_BYTES_MAX} bytes of header and {BODY_BYTES_MAX} of body, "
            f"got {header_bytes} and {body_bytes}"
        )
