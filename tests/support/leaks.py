"""What a test may not leave behind."""

import os

import psutil
from redis import Redis

from streams.state import ENDS


def undone_jobs(client: Redis) -> list[str]:
    """Pending entries, and records of jobs that have not ended."""
    found: list[str] = []
    for key in sorted(client.scan_iter("millstream:{*}:*", count=1000)):
        kind = client.type(key)
        if kind == "stream":
            found += [
                f"{group['pending']} entries pending in {key}"
                for group in client.xinfo_groups(key)
                if group["pending"]
            ]
        elif kind == "hash" and _is_record(key) and client.ttl(key) < 0:
            state = client.hget(key, "state")
            if state not in ENDS:
                found.append(f"{key} is {state!r} and never expires")
    return found


def endless_records(client: Redis) -> list[str]:
    """Records of jobs that have ended and would stay for ever."""
    return [
        f"{key} has ended and never expires"
        for key in sorted(client.scan_iter("millstream:{*}:job:*", count=1000))
        if client.ttl(key) < 0 and client.hget(key, "state") in ENDS
    ]


def children() -> dict[int, str]:
    """The processes below this one, by number."""
    found: dict[int, str] = {}
    for process in psutil.Process(os.getpid()).children(recursive=True):
        try:
            if process.status() != psutil.STATUS_ZOMBIE:
                found[process.pid] = " ".join(process.cmdline())
        except psutil.NoSuchProcess:
            continue
    return found


def _is_record(key: str) -> bool:
    _, _, name = key.partition("}:")
    return name.startswith("job:")
