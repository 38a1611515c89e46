"""Redis over TLS: certificates are checked, both ways, and a wrong one is one clear line."""

import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import anyio
import pytest
from redis.exceptions import TimeoutError as RedisTimeoutError

from producers.client import Producer
from streams.connection import connected, open_blocking_client
from streams.embedded import EmbeddedServer, _free_port
from streams.errors import ServerUnavailableError
from streams.state import State
from streams.unreachable import unreachable
from tests.consumers.support.fleet import Fleet
from tests.consumers.support.kinds import Note
from tests.support.certificates import Authority, Certificate
from tests.support.waiting import wait_until


@dataclass(frozen=True, slots=True)
class TlsServer:
    """A server with a TLS port, and the certificates around it."""

    server: EmbeddedServer
    port: int
    authority: Authority
    client: Certificate
    stranger: Authority

    def url(self, **options: object) -> str:
        """A URL of the TLS port with *options*."""
        query = "&".join(f"{name}={value}" for name, value in options.items())
        return f"rediss://localhost:{self.port}/0?{query}"

    def good_url(self) -> str:
        """With all that the server asks for."""
        return self.url(
            ssl_ca_certs=self.authority.certificate,
            ssl_certfile=self.client.certificate,
            ssl_keyfile=self.client.key,
        )


def speaks_tls(binary: Path) -> bool:
    """A server without TLS does not know the directive at all."""
    said = subprocess.run(
        [binary, "--tls-port"], capture_output=True, text=True, timeout=10, check=False
    )
    return "wrong number of arguments" in said.stdout + said.stderr


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsServer]:
    """With whatever server of this machine speaks TLS: the wheel's does not."""
    binaries = [Path(found) for found in (shutil.which("redis-server"),) if found]
    binary = next(filter(speaks_tls, binaries), None)
    if binary is None or shutil.which("openssl") is None:
        pytest.skip("no redis-server with TLS is on the PATH, or no openssl")
    directory = tmp_path_factory.mktemp("tls")
    authority = Authority(directory / "good")
    signed = authority.sign("server", "DNS:localhost")
    port = _free_port()
    config = {
        "tls-port": str(port),
        "tls-cert-file": str(signed.certificate),
        "tls-key-file": str(signed.key),
        "tls-ca-cert-file": str(authority.certificate),
        "tls-auth-clients": "yes",
    }
    with EmbeddedServer(binary, directory / "redis", config=config) as server:
        yield TlsServer(
            server, port, authority, authority.sign("client"), Authority(directory / "bad", "other")
        )


async def test_a_job_goes_its_whole_way_over_tls(fleet: Fleet, tls: TlsServer) -> None:
    """Producer, worker and heartbeat: no connection of theirs is made in the clear."""
    worker = await fleet.start(tls.good_url(), lease_ms=1_000)
    async with Producer.connect(tls.good_url(), queue="work") as jobs:
        job = await jobs.enqueue(Note())
        await wait_until(lambda: fleet.effects.jobs("end"), "it runs")

        async def is_recorded() -> bool:
            return (await jobs.get(job.id)).state is State.COMPLETED

        await wait_until(is_recorded, "it is recorded")
    assert worker.events("renewal_failed") == []
    worker.send(signal.SIGTERM)
    assert await anyio.to_thread.run_sync(worker.program.wait) == 0


async def refusal(url: str) -> str:
    with pytest.raises(ServerUnavailableError) as refused:
        async with connected(url):
            pass
    said = str(refused.value)
    assert len(said.splitlines()) == 1
    assert "?" not in said.partition("(")[0], "the options of a URL are not shown"
    return said


async def test_a_server_that_nobody_vouches_for_is_not_talked_to(tls: TlsServer) -> None:
    for url in (tls.url(), tls.url(ssl_ca_certs=tls.stranger.certificate)):
        said = await refusal(url)
        assert said.startswith(f"no TLS to Redis at rediss://localhost:{tls.port}/0: ")
        assert "its certificate cannot be trusted" in said
        assert "?ssl_ca_certs=" in said


async def test_a_certificate_for_another_host_is_refused(tls: TlsServer) -> None:
    said = await refusal(tls.good_url().replace("localhost", "127.0.0.1"))

    assert "its certificate cannot be trusted" in said
    assert "a host that it is made for" in said


async def test_a_client_that_the_server_does_not_trust_is_told_so(tls: TlsServer) -> None:
    """By the server's alert, or by what it means that the connection was reset before it came."""
    nobody = await refusal(tls.url(ssl_ca_certs=tls.authority.certificate))
    assert "?ssl_certfile=" in nobody

    stranger = tls.stranger.sign("stranger")
    unknown = await refusal(
        tls.url(
            ssl_ca_certs=tls.authority.certificate,
            ssl_certfile=stranger.certificate,
            ssl_keyfile=stranger.key,
        )
    )
    assert "trust the certificate of this client" in unknown or "that it trusts" in unknown


async def test_files_that_are_not_there_or_do_not_fit_are_named(tls: TlsServer) -> None:
    empty = tls.authority.certificate.with_name("empty.crt")
    empty.write_text("no certificate\n")
    assert "a file of certificates holds none" in await refusal(tls.url(ssl_ca_certs=empty))

    missing = await refusal(tls.url(ssl_ca_certs="/nowhere/ca.crt"))
    assert "a file of certificates or keys is not there" in missing

    misfit = await refusal(
        tls.url(
            ssl_ca_certs=tls.authority.certificate,
            ssl_certfile=tls.client.certificate,
            ssl_keyfile=tls.stranger.sign("misfit").key,
        )
    )
    assert "do not belong together" in misfit


async def test_tls_and_no_tls_at_the_wrong_port_is_said_so(tls: TlsServer) -> None:
    tls_port = await refusal(f"redis://localhost:{tls.port}/0")
    assert "write rediss:// if it speaks TLS there" in tls_port

    # A plain port waits for the end of a line, and hears none before the time is over.
    silence = RedisTimeoutError("Timeout connecting to server")
    plain_port = unreachable(f"rediss://localhost:{tls.server.port}/0", silence)
    assert "write redis:// if it does not speak TLS there" in str(plain_port)


async def test_the_check_can_be_switched_off_by_who_asks_for_it(tls: TlsServer) -> None:
    """By the URL and by nothing else; the heartbeat's client reads the same options."""
    url = tls.good_url().replace("localhost", "127.0.0.1")
    async with connected(f"{url}&ssl_cert_reqs=none") as client:
        assert await client.ping()
    with open_blocking_client(f"{url}&ssl_check_hostname=false") as blocking:
        assert blocking.ping()
