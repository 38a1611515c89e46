"""A TCP relay in front of a server, which can be made to misbehave."""

import asyncio
import re
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass, field
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


#: A command and its name, as clients send them.
_COMMAND = re.compile(rb"\*\d+\r\n\$\d+\r\n([A-Za-z]+)\r\n")


@dataclass(eq=False, slots=True)
class _Connection:
    """One connection: its two ends, and the names of the commands that it has carried."""

    ends: tuple[asyncio.StreamWriter, asyncio.StreamWriter]
    commands: set[str] = field(default_factory=set[str])
    forgotten: bool = False


class Proxy:
    """Relays to the server of *url* while the `async with` block lasts; `url` leads here."""

    def __init__(self, url: str) -> None:
        self._target = urlsplit(url)
        self._mode = Mode.RELAY
        self._only: str | None = None
        self._changed = asyncio.Event()
        self._replies_left: int | None = None
        self._connections: set[_Connection] = set()
        self._awaited: dict[str, asyncio.Event] = {}
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
        listener = self._listening()
        listener.close()
        self.set(Mode.RESET)
        # A connection that was just accepted needs a turn of the loop to begin.
        await asyncio.sleep(0)
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)
        await listener.wait_closed()
        # And one that was reset needs a turn to be closed.
        await asyncio.sleep(0)

    @property
    def url(self) -> str:
        """The URL of the server, by way of this relay."""
        port = self._listening().sockets[0].getsockname()[1]
        return urlunsplit(self._target._replace(netloc=f"127.0.0.1:{port}"))

    def _listening(self) -> asyncio.Server:
        if self._server is None:
            raise RuntimeError("the proxy does not listen: use it in an `async with` block")
        return self._server

    def set(self, mode: Mode, *, only: str | None = None) -> None:
        """Behave like this from now on.

        With *only* this concerns the connections alone that have carried that command.
        """
        self._mode = mode
        self._only = only
        self._changed.set()
        self._changed = asyncio.Event()
        for connection in self._connections:
            if self._mode_of(connection) is Mode.RESET:
                for end in connection.ends:
                    _reset(end)

    def lead_to(self, url: str) -> None:
        """Relay new connections to the server of *url*: as if a name was given to another."""
        self._target = urlsplit(url)

    def forget(self) -> None:
        """Hear nothing more from the connections of now, and say nothing: they are half open."""
        for connection in self._connections:
            connection.forgotten = True

    def cut(self, *, after_replies: int) -> None:
        """Reset the connection of the reply after so many, which does not arrive itself.

        Its command was carried out. That happens once; `has_cut` says whether it has.
        """
        self._replies_left = after_replies

    @property
    def has_cut(self) -> bool:
        """True once a reply was lost with its connection."""
        return self._replies_left is not None and self._replies_left < 0

    async def next(self, command: str) -> None:
        """Wait until the next *command* has been relayed."""
        await self._awaited.setdefault(command, asyncio.Event()).wait()

    def _mode_of(self, connection: _Connection) -> Mode:
        if connection.forgotten and self._mode is not Mode.RESET:
            return Mode.BLACKHOLE
        concerned = self._only is None or self._only in connection.commands
        return self._mode if concerned else Mode.RELAY

    def _is_to_be_cut(self) -> bool:
        if self._replies_left is None or self._replies_left < 0:
            return False
        self._replies_left -= 1
        return self._replies_left < 0

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if task := asyncio.current_task():
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        if self._mode is Mode.RESET and self._only is None:
            _reset(writer)
            return
        host, port = self._target.hostname, self._target.port
        try:
            server_reader, server_writer = await asyncio.open_connection(host, port)
        except OSError:  # the server is down, and looks so from here too
            _reset(writer)
            return
        connection = _Connection((writer, server_writer))
        if self._mode_of(connection) is Mode.RESET:  # since a moment: nobody else would reset it
            for end in connection.ends:
                _reset(end)
            return
        self._connections.add(connection)
        try:
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(self._pump(connection, reader, server_writer, replies=False))
                pumps.create_task(self._pump(connection, server_reader, writer, replies=True))
        finally:
            self._connections.discard(connection)
            for end in connection.ends:
                end.close()

    async def _pump(
        self,
        connection: _Connection,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        replies: bool,
    ) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65_536):
                names = {each.decode() for each in _COMMAND.findall(data)} if not replies else set()
                connection.commands |= names
                while self._mode_of(connection) is Mode.BLACKHOLE:
                    await self._changed.wait()
                if replies and self._is_to_be_cut():
                    for end in connection.ends:
                        _reset(end)
                    return
                if not (replies and self._mode_of(connection) is Mode.DROP_REPLIES):
                    writer.write(data)
                    await writer.drain()
                for name in names & self._awaited.keys():
                    self._awaited.pop(name).set()
        writer.close()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close so that the other side sees a reset and not an orderly end."""
    raw = writer.get_extra_info("socket")
    with suppress(OSError):  # it is closed already
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
