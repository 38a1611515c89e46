"""A server that speaks as much S3 as a store of shards needs: objects in one bucket.

Real HTTP on a real socket. It checks that requests are signed with its access key, not the
signature itself.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.support.httpthread import served

ACCESS_KEY = "weather"
SECRET_KEY = "not-a-secret-outside-of-this-test"  # noqa: S105 - that is what it says
BUCKET = "shards"


@dataclass(slots=True)
class S3Server:
    """A running server; `objects` is what it holds.

    `failing` makes every answer a 500, `refusal` the status and code that it says, with
    `headers`. `asked` counts the requests.
    """

    url: str
    objects: dict[str, bytes] = field(default_factory=dict[str, bytes])
    failing: bool = False
    refusal: tuple[int, str] | None = None
    headers: dict[str, str] = field(default_factory=dict[str, str])
    asked: int = 0


@contextmanager
def s3_server() -> Iterator[S3Server]:
    """A server on a free port of this machine, until the block ends."""
    with _Server(("127.0.0.1", 0), _Handler) as http:
        state = http.state = S3Server(f"http://127.0.0.1:{http.server_port}")
        with served(http):
            yield state


class _Server(ThreadingHTTPServer):
    state: S3Server


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if (name := self._name()) is None:
            return
        data = self._state.objects.get(name)
        if data is None:
            self._refuse(404, "NoSuchKey")
        else:
            self._answer(200, data)

    def do_PUT(self) -> None:
        data = self._body()
        if (name := self._name()) is not None:
            self._state.objects[name] = data
            self._answer(200, b"")

    def do_DELETE(self) -> None:
        if (name := self._name()) is not None:
            self._state.objects.pop(name, None)
            self._answer(204, b"")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        """Say nothing: the test speaks."""

    @property
    def _state(self) -> S3Server:
        assert isinstance(self.server, _Server)
        return self.server.state

    def _name(self) -> str | None:
        bucket, _, name = unquote(urlsplit(self.path).path).lstrip("/").partition("/")
        self._state.asked += 1
        if self._state.failing:
            self._refuse(500, "InternalError")
        elif self._state.refusal is not None:
            self._refuse(*self._state.refusal)
        elif f"Credential={ACCESS_KEY}/" not in self.headers.get("Authorization", ""):
            self._refuse(403, "InvalidAccessKeyId")
        elif bucket != BUCKET:
            self._refuse(404, "NoSuchBucket")
        else:
            return name
        return None

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Content-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        # aws-chunked: size in hexadecimal, data, and trailers after a chunk of 0 bytes.
        framed = self.rfile.read(int(self.headers["Content-Length"]))
        data = b""
        while framed:
            line, _, framed = framed.partition(b"\r\n")
            size = int(line.split(b";")[0], 16)
            if size == 0:
                break
            data += framed[:size]
            framed = framed[size + 2 :]
        return data

    def _refuse(self, status: int, code: str) -> None:
        text = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>no</Message></Error>"
        self._answer(status, text.encode())

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        for name, value in self._state.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
