"""What a benchmark runs on: a Redis that it starts itself, and the words for the machine."""

import os
import platform
from pathlib import Path

from streams.finding import FoundServer, find_server


def server_to_start() -> tuple[FoundServer, Path]:
    """The server and its binary; never one that `REDIS_URL` names, which may hold jobs."""
    found = find_server({key: value for key, value in os.environ.items() if key != "REDIS_URL"})
    if found.binary is None:
        raise SystemExit("no redis-server to start")
    return found, found.binary


def told(found: FoundServer) -> str:
    """Server, interpreter and cores, in one line."""
    return (
        f"Redis {found.version} ({found.how}), Python {platform.python_version()}, "
        f"{os.cpu_count()} cores"
    )
