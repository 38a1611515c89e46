"""Certificates for a test: an authority, what it has signed, and what another one has."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

#: Elliptic keys: made in milliseconds.
_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate and its key, as files."""

    certificate: Path
    key: Path


class Authority:
    """Signs certificates with the `openssl` program."""

    def __init__(self, directory: Path, name: str = "authority") -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._own = Certificate(directory / f"{name}.crt", directory / f"{name}.key")
        _openssl(
            "req", "-x509", *_NEW_KEY, "-days", "1", "-subj", f"/CN={name}",
            "-keyout", self._own.key, "-out", self._own.certificate,
        )  # fmt: skip

    @property
    def certificate(self) -> Path:
        """What others are told to trust."""
        return self._own.certificate

    def sign(self, name: str, *hosts: str) -> Certificate:
        """A certificate for *hosts*, such as `DNS:localhost` or `IP:127.0.0.1`."""
        signed = Certificate(self._directory / f"{name}.crt", self._directory / f"{name}.key")
        request = self._directory / f"{name}.csr"
        _openssl("req", *_NEW_KEY, "-subj", f"/CN={name}", "-keyout", signed.key, "-out", request)
        extensions = self._directory / f"{name}.ext"
        extensions.write_text(f"subjectAltName={','.join(hosts)}\n" if hosts else "\n")
        _openssl(
            "x509", "-req", "-days", "1", "-in", request, "-extfile", extensions,
            "-CA", self._own.certificate, "-CAkey", self._own.key, "-CAcreateserial",
            "-out", signed.certificate,
        )  # fmt: skip
        return signed


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)
