"""A TCP relay in front of a server, which a test can make misbehave."""

import asyncio
import socket
import struct
from contextlib import suppress
from enum import Enum
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit, urlunsplit


class Mode(Enum):
    """What the relay does with what it is given."""

    RELAY = "relay"
    """Everything arrives."""
    DROP_REPLIES = "drop replies"
    """Commands arrive and are carried out; their replies are lost."""
    BLACKHOLE = "blackhole"
    """Nothing arrives, either way, until the mode changes; connections stay open."""
    RESET = "reset"
    """Connections, old and new, are reset."""


class Proxy:
    """Relays to the server of *url* while the `async with` block lasts; `url` leads here."""

    def __init__(self, url: str) -> None:
        self._target = urlsplit(url)
        self._mode = Mode.RELAY
        self._changed = asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        self.set(Mode.RESET)
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        """The URL of the server, by way of this relay."""
        assert self._server is not None
        port = self._server.sockets[0].getsockname()[1]
        return urlunsplit(self._target._replace(netloc=f"127.0.0.1:{port}"))

    def set(self, mode: Mode) -> None:
        """Behave like this from now on."""
        self._mode = mode
        self._changed.set()
        self._changed = asyncio.Event()
        if mode is Mode.RESET:
            for writer in list(self._writers):
                _reset(writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if self._mode is Mode.RESET:
            _reset(writer)
            return
        host, port = self._target.hostname, self._target.port
        server_reader, server_writer = await asyncio.open_connection(host, port)
        ends = {writer, server_writer}
        self._writers |= ends
        try:
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(self._pump(reader, server_writer, replies=False))
                pumps.create_task(self._pump(server_reader, writer, replies=True))
        finally:
            self._writers -= ends
            for end in ends:
                end.close()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, replies: bool
    ) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65_536):
                while self._mode is Mode.BLACKHOLE:
                    await self._changed.wait()
                if not (replies and self._mode is Mode.DROP_REPLIES):
                    writer.write(data)
                    await writer.drain()
        writer.close()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close so that the other side sees a reset and not an orderly end."""
    raw = writer.get_extra_info("socket")
    with suppress(OSError):  # it is closed already
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
