"""The demo's HTTP server: the gateway on a local port, until the block ends."""

import socket
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from time import time_ns

import anyio
import uvicorn

from producers.cli.boundary import CommandError
from producers.client import Producer
from producers.gateway.app import new_gateway
from producers.gateway.layers import DrawLegend, MapLayer
from producers.gateway.live import Live
from producers.gateway.tiles import TileDesk
from streams.cache import RedisCache
from streams.inspection import inspect_queue
from streams.keys import Keys
from streams.server import Server

HOST = "127.0.0.1"
#: Taken where nobody names a port; if it is not free, any other one is.
DEFAULT_PORT = 8080
#: Jobs that visitors may pile up.
LENGTH_MAX = 20_000


class _Server(uvicorn.Server):
    """A server that leaves the signals to the program that it is a part of."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


def open_port(port: int | None) -> socket.socket:
    """A socket that listens on *port* of this machine alone.

    Raises:
        CommandError: the port is not free.
    """
    try:
        return _listening(DEFAULT_PORT if port is None else port)
    except OSError as error:
        if port is None:
            return _listening(0)
        raise CommandError(
            f"port {port} cannot be used ({error.strerror}): name another one with --port, "
            "or 0 for any free one"
        ) from error


def url_of(listener: socket.socket) -> str:
    """Where a browser finds what is served on *listener*."""
    host, port = listener.getsockname()
    return f"http://{host}:{port}/"


@asynccontextmanager
async def serving(
    server: Server,
    queue: str,
    layers: Sequence[MapLayer],
    draw_legend: DrawLegend,
    listener: socket.socket,
) -> AsyncGenerator[None]:
    """The gateway on *listener*, until the block ends.

    Raises:
        AssetsMissing: the files of the map page are not installed.
    """

    async def find_layers() -> Sequence[MapLayer]:
        return layers

    desk = TileDesk(
        Producer(server, queue, length_max=LENGTH_MAX), RedisCache(server.client), find_layers
    )
    live = Live(
        lambda: inspect_queue(server.client, Keys(queue)), now_ms=lambda: time_ns() // 1_000_000
    )
    app = new_gateway(desk, find_layers, live, draw_legend)
    config = uvicorn.Config(
        app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=2
    )
    web = _Server(config)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_serve, web, listener)
        try:
            yield
        finally:
            web.should_exit = True


async def _serve(web: uvicorn.Server, listener: socket.socket) -> None:
    """Serve until `should_exit`; cancelled from outside it would leave its visitors hanging."""
    with anyio.CancelScope(shield=True):
        await web.serve([listener])


def _listening(port: int) -> socket.socket:
    listener = socket.socket()
    try:
        # Without it, a demo that was just ended would keep its port for a minute.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(128)
    except OSError:
        listener.close()
        raise
    return listener
