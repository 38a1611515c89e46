"""A web server of files: in whole, or the part that was asked for."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support.httpthread import served


@dataclass(slots=True)
class WebServer:
    """A running server; `files` is what it holds, by path.

    `redirects` lead from paths to addresses. Paths in `breaking` are sent by half; no parts
    are sent where not `ranges`. `asked` holds the paths and parts that were asked for.
    """

    url: str
    files: dict[str, bytes] = field(default_factory=dict[str, bytes])
    redirects: dict[str, str] = field(default_factory=dict[str, str])
    breaking: set[str] = field(default_factory=set[str])
    ranges: bool = True
    asked: list[tuple[str, str | None]] = field(default_factory=list[tuple[str, str | None]])


@contextmanager
def web_server() -> Iterator[WebServer]:
    """A server on a free port of this machine, until the block ends."""
    with _Server(("127.0.0.1", 0), _Handler) as http:
        state = http.state = WebServer(f"http://127.0.0.1:{http.server_port}")
        with served(http):
            yield state


class _Server(ThreadingHTTPServer):
    state: WebServer


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, _Server)
        state = server.state
        span = self.headers.get("Range")
        state.asked.append((self.path, span))
        if (address := state.redirects.get(self.path)) is not None:
            self._answer(302, b"", {"Location": address})
        elif (data := state.files.get(self.path)) is None:
            self._answer(404, b"")
        elif self.path in state.breaking:
            self._answer(200, data[: len(data) // 2], {"Content-Length": str(len(data))})
        elif span is None or not state.ranges:
            self._answer(200, data)
        else:
            self._part(data, span)

    def _part(self, data: bytes, span: str) -> None:
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", span)
        assert match is not None
        first, last = int(match[1]), int(match[2] or len(data) - 1)
        part = data[first : last + 1]
        told = f"bytes {first}-{first + len(part) - 1}/{len(data)}"
        self._answer(206, part, {"Content-Range": told})

    def _answer(self, status: int, data: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base
        """Say nothing."""
