"""OpenStack Swift as an S3 server that checks signatures, without a container.

It has an environment of its own (`pip install swift pyeclib`), because it brings another
network library. `MILLSTREAM_TEST_SWIFT` names the Python in it; otherwise `.swift/bin/python`
beside the checkout's own environment is taken, if it is there.
"""

import os
import pwd
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Final

import pytest

ACCESS_KEY: Final = "test:tester"
SECRET_KEY: Final = "only-for-this-test"  # noqa: S105 - that is what it says

#: Four servers import for a few seconds on a busy machine.
START_S: Final = 60.0

_CHECKOUT: Final = Path(__file__).resolve().parents[2]
_PYTHON: Final = Path(
    os.environ.get("MILLSTREAM_TEST_SWIFT") or _CHECKOUT / ".swift" / "bin" / "python"
)

needs_swift = pytest.mark.skipif(
    not _PYTHON.exists(),
    reason=f"there is no Swift for {_PYTHON}: python3 -m venv .swift && "
    ".swift/bin/pip install swift pyeclib",
)

#: Swift knows one place for its configuration, as a constant.
_LAUNCHER: Final = """
import importlib, sys
from swift.common import utils
utils.SWIFT_CONF_FILE = sys.argv.pop(1)
sys.exit(importlib.import_module(sys.argv.pop(1)).main())
"""

_STORAGE: Final = ("object", "container", "account")
_PIPELINE: Final = (
    "catch_errors gatekeeper healthcheck cache listing_formats bulk s3api tempauth copy slo dlo "
    "versioned_writes proxy-logging proxy-server"
)
#: What is not just `use = egg:swift#name`.
_CONFIGURED: Final = frozenset({"cache", "tempauth", "proxy-logging", "proxy-server"})


@contextmanager
def swift_server(directory: Path) -> Iterator[str]:
    """Where it answers, until the block ends; everything is kept below *directory*."""
    ports = _free_ports(4)
    _configure(directory, ports)
    modules = ("swift.proxy.server", *(f"swift.{_package(kind)}.server" for kind in _STORAGE))
    files = ("proxy", *_STORAGE)
    with ExitStack() as stack:
        log = stack.enter_context((directory / "swift.log").open("wb"))
        for module, file in zip(modules, files, strict=True):
            stack.enter_context(_running(directory, module, directory / f"{file}.conf", log))
        url = f"http://127.0.0.1:{ports[0]}"
        _wait_until_healthy(f"{url}/healthcheck", directory / "swift.log")
        yield url


def _configure(directory: Path, ports: list[int]) -> None:
    (directory / "nodes" / "sdb1").mkdir(parents=True)
    (directory / "swift.conf").write_text(
        "[swift-hash]\nswift_hash_path_prefix = a\nswift_hash_path_suffix = b\n"
        "[storage-policy:0]\nname = gold\ndefault = yes\n"
    )
    for kind, port in zip(_STORAGE, ports[1:], strict=True):
        (directory / f"{kind}.conf").write_text(
            f"[DEFAULT]\ndevices = {directory}/nodes\nmount_check = false\n"
            f"swift_dir = {directory}\nbind_ip = 127.0.0.1\nbind_port = {port}\nworkers = 0\n"
            f"recon_cache_path = {directory}\nuser = {_user()}\nfallocate_reserve = 0\n"
            f"[pipeline:main]\npipeline = {kind}-server\n"
            f"[app:{kind}-server]\nuse = egg:swift#{kind}\n"
        )
        for words in (("create", "8", "1", "1"), ("add", f"r1z1-127.0.0.1:{port}/sdb1", "1")):
            _build(directory, kind, *words)
        _build(directory, kind, "rebalance")
    simple = [name for name in _PIPELINE.split() if name not in _CONFIGURED]
    filters = [f"[filter:{name}]\nuse = egg:swift#{name}" for name in simple]
    filters.append("[filter:cache]\nuse = egg:swift#memcache")
    filters.append("[filter:proxy-logging]\nuse = egg:swift#proxy_logging")
    user, password = ACCESS_KEY.replace(":", "_"), SECRET_KEY
    filters.append(f"[filter:tempauth]\nuse = egg:swift#tempauth\nuser_{user} = {password} .admin")
    (directory / "proxy.conf").write_text(
        f"[DEFAULT]\nswift_dir = {directory}\nbind_ip = 127.0.0.1\nbind_port = {ports[0]}\n"
        f"workers = 0\nuser = {_user()}\n"
        f"[pipeline:main]\npipeline = {_PIPELINE}\n"
        "[app:proxy-server]\nuse = egg:swift#proxy\nallow_account_management = true\n"
        "account_autocreate = true\n" + "\n".join(filters) + "\n"
    )


def _build(directory: Path, kind: str, *words: str) -> None:
    subprocess.run(
        [_PYTHON.with_name("swift-ring-builder"), directory / f"{kind}.builder", *words],
        check=True,
        capture_output=True,
    )


@contextmanager
def _running(directory: Path, module: str, file: Path, log: IO[bytes]) -> Iterator[None]:
    process = subprocess.Popen(
        [_PYTHON, "-W", "ignore", "-c", _LAUNCHER, directory / "swift.conf", module, file],
        stdout=log,
        stderr=subprocess.STDOUT,
        cwd=directory,
    )
    try:
        yield
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(5)
        process.kill()
        process.wait()


def _wait_until_healthy(url: str, log: Path) -> None:
    give_up_s = time.monotonic() + START_S
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - our own server
                return
        except (urllib.error.URLError, OSError):
            if time.monotonic() > give_up_s:
                raise AssertionError(f"Swift does not answer:\n{log.read_text()}") from None
            time.sleep(0.1)


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _package(kind: str) -> str:
    return "obj" if kind == "object" else kind


def _user() -> str:
    return pwd.getpwuid(os.getuid()).pw_name
