"""Is this worker alive, and can it take jobs?

Answered over HTTP from a thread of its own, so that a blocked event loop is reported and
not waited for: `/live` (the loop turns), `/ready` (jobs can be fetched), `/metrics`.
"""

import math
import threading
import time
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.types import StartResponse, WSGIEnvironment

from prometheus_client import CollectorRegistry, make_wsgi_app

from consumers.errors import HealthPortError

#: A loop that has not turned for so long is reported as not alive.
STALL_S = 10.0
#: How often the loop says that it turns.
TURN_S = 0.5
#: A client that says nothing for so long is hung up on.
CLIENT_TIMEOUT_S = 5


class Health:
    """What the roles know of the worker's health; read from any thread."""

    def __init__(self) -> None:
        self._turned_s = time.monotonic()
        self._unready = {"fetcher": ("starting", math.inf)}
        self._notes: dict[str, str] = {}

    def turned(self) -> None:
        """The event loop turns."""
        self._turned_s = time.monotonic()

    @property
    def stalled_s(self) -> float:
        """Since the loop has turned last."""
        return time.monotonic() - self._turned_s

    def ready(self, role: str) -> None:
        """For all that *role* knows, jobs can be fetched."""
        self._unready.pop(role, None)

    def unready(self, role: str, reason: str, *, for_s: float = math.inf) -> None:
        """*role* knows that jobs cannot be fetched, because of *reason*.

        With *for_s* it is said for that long and then over: for what has happened, and
        must be seen by a probe that comes now and then.
        """
        self._unready[role] = (reason, time.monotonic() + for_s)

    def note(self, role: str, text: str) -> None:
        """Have *text* of *role* said beside "ready": it is no reason for the opposite."""
        if text:
            self._notes[role] = text
        else:
            self._notes.pop(role, None)

    @property
    def notes(self) -> str:
        """What is to be said beside "ready"; empty where there is nothing."""
        return "; ".join(list(self._notes.values()))

    @property
    def why_not_ready(self) -> str:
        """Empty where jobs can be fetched."""
        now_s = time.monotonic()
        known = list(self._unready.values())
        return "; ".join(reason for reason, until_s in known if now_s < until_s)

    @property
    def trouble(self) -> str:
        """Both in one line, for those who look at the registry of workers."""
        return "; ".join(filter(None, (self.why_not_ready, self.notes)))

    @property
    def why_not_alive(self) -> str:
        """Empty where the loop turns."""
        stalled_s = self.stalled_s
        return f"the event loop has not turned for {stalled_s:.1f} s" if stalled_s > STALL_S else ""


@contextmanager
def serve_health(
    health: Health, registry: CollectorRegistry, host: str, port: int
) -> Generator[int]:
    """Serve health and metrics until the block ends; yields the port (of 0, a free one).

    Raises:
        HealthPortError: the port is taken, or may not be opened.
    """
    try:
        server = make_server(
            host, port, _Routes(health, registry), _Server, handler_class=_QuietHandler
        )
    except OSError as error:
        raise HealthPortError(host, port, error) from error
    thread = threading.Thread(target=server.serve_forever, name="health", daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Routes:
    def __init__(self, health: Health, registry: CollectorRegistry) -> None:
        self._health = health
        self._metrics = make_wsgi_app(registry)

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == "/metrics":
            metrics: Iterable[bytes] = self._metrics(environ, start)
            return metrics
        if path == "/live":
            return _answer(start, self._health.why_not_alive)
        if path == "/ready":
            flaw = self._health.why_not_alive or self._health.why_not_ready
            return _answer(start, flaw, self._health.notes)
        start("404 Not Found", [("Content-Type", "text/plain")])
        return [b"paths: /live /ready /metrics\n"]


def _answer(start: StartResponse, flaw: str, notes: str = "") -> list[bytes]:
    status = "503 Service Unavailable" if flaw else "200 OK"
    start(status, [("Content-Type", "text/plain; charset=utf-8")])
    fine = f"ok ({notes})" if notes else "ok"
    return [(flaw or fine).encode() + b"\n"]


class _Server(ThreadingMixIn, WSGIServer):
    """A thread a connection, so that a client that says nothing keeps no probe waiting."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients leave in the middle, and scanners talk nonsense."""


class _QuietHandler(WSGIRequestHandler):
    timeout = CLIENT_TIMEOUT_S

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing: probes come every few seconds."""
