"""What a probe is told."""

import socket
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry, Counter

from consumers.errors import HealthPortError
from consumers.health import STALL_S, Health, serve_health
from tests.consumers.support.probe import http_get


@pytest.fixture
def health() -> Health:
    return Health()


@pytest.fixture
def port(health: Health) -> Iterator[int]:
    """Where *health* is served, with one metric."""
    registry = CollectorRegistry()
    Counter("mills", "Mills.", registry=registry).inc(7)
    with serve_health(health, registry, "127.0.0.1", 0) as port:
        yield port


def stall(health: Health, seconds: float) -> None:
    """As if the event loop had turned last so long ago."""
    health._turned_s -= seconds


def test_a_worker_is_alive_from_the_start_and_ready_when_it_can_fetch(
    health: Health, port: int
) -> None:
    assert http_get(port, "/live") == (200, "ok\n")
    assert http_get(port, "/ready") == (503, "starting\n")

    health.ready("fetcher")
    assert http_get(port, "/ready") == (200, "ok\n")

    health.unready("fetcher", "cannot fetch: no route to host")
    assert http_get(port, "/ready") == (503, "cannot fetch: no route to host\n")
    assert http_get(port, "/live") == (200, "ok\n")


def test_a_worker_that_is_ready_may_have_something_to_say(health: Health, port: int) -> None:
    health.ready("fetcher")

    health.note("circuit", "circuit open: 50 of the last 50 runs have failed")
    said = "ok (circuit open: 50 of the last 50 runs have failed)\n"
    assert http_get(port, "/ready") == (200, said)
    assert http_get(port, "/live") == (200, "ok\n")

    health.note("circuit", "")
    assert http_get(port, "/ready") == (200, "ok\n")


def test_a_worker_is_ready_when_every_role_says_so(health: Health) -> None:
    health.ready("fetcher")
    health.unready("heartbeat", "cannot renew: no route to host")
    health.unready("worker", "shutting down")
    assert health.why_not_ready == "cannot renew: no route to host; shutting down"

    health.ready("heartbeat")
    assert health.why_not_ready == "shutting down"


def test_a_loop_that_does_not_turn_is_neither_alive_nor_ready(health: Health, port: int) -> None:
    health.ready("fetcher")
    stall(health, STALL_S + 1)

    for path in ("/live", "/ready"):
        status, body = http_get(port, path)
        assert status == 503
        assert body.startswith("the event loop has not turned for 11.")

    health.turned()
    assert http_get(port, "/live") == (200, "ok\n")
    assert http_get(port, "/ready") == (200, "ok\n")


def test_metrics_are_served(port: int) -> None:
    status, body = http_get(port, "/metrics")

    assert status == 200
    assert "mills_total 7.0" in body


def test_another_path_is_answered_with_those_that_there_are(port: int) -> None:
    assert http_get(port, "/") == (404, "paths: /live /ready /metrics\n")


def test_a_taken_port_is_one_clear_error(health: Health) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(HealthPortError) as caught,
            serve_health(health, CollectorRegistry(), "127.0.0.1", port),
        ):
            pass

    said = str(caught.value)
    assert said.startswith(f"cannot serve metrics on 127.0.0.1:{port} (Address already in use)")
    assert "--metrics-port" in said
    assert len(said.splitlines()) == 1


def test_a_host_that_is_not_ours_is_the_same_error(health: Health) -> None:
    with (
        pytest.raises(HealthPortError, match=r"192\.0\.2\.1:0"),
        serve_health(health, CollectorRegistry(), "192.0.2.1", 0),
    ):
        pass


def test_the_port_is_free_again_afterwards(health: Health) -> None:
    with serve_health(health, CollectorRegistry(), "127.0.0.1", 0) as port:
        assert http_get(port, "/live")[0] == 200
    with serve_health(health, CollectorRegistry(), "127.0.0.1", port) as again:
        assert again == port
        assert http_get(port, "/live")[0] == 200


def test_a_client_that_says_nothing_does_not_keep_a_probe_from_its_answer(port: int) -> None:
    """Or one forgotten connection has the worker killed by its liveness check."""
    with socket.create_connection(("127.0.0.1", port)):
        assert http_get(port, "/live") == (200, "ok\n")


def test_a_client_that_leaves_in_the_middle_is_not_worth_a_word(
    port: int, capfd: pytest.CaptureFixture[str]
) -> None:
    """A port scan would otherwise fill the log with tracebacks."""
    for words in (b"", b"GET /metr", b"\x16\x03\x01 no HTTP at all\r\n\r\n", b"GET / HTTP/1.1\r\n"):
        with socket.create_connection(("127.0.0.1", port)) as rude:
            rude.sendall(words)
            rude.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    assert http_get(port, "/live") == (200, "ok\n")

    assert capfd.readouterr().err == ""


def test_what_has_happened_is_said_for_a_while_and_then_over(health: Health) -> None:
    health.ready("fetcher")
    health.unready("queue", "its data was lost", for_s=60)
    assert health.why_not_ready == "its data was lost"

    health.unready("queue", "its data was lost", for_s=0)
    assert health.why_not_ready == ""
