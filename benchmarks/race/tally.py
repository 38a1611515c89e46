"""Counting, in a contestant's worker process, which jobs have really run.

All contestants count alike: in memory, and every 20 ms a thread tells Redis, by a
connection of its own and a command that no contestant uses (HINCRBYFLOAT), how many more
there are. That is 50 commands a second and process, whatever the contestant.
Standard library only.
"""

import os
import socket
import threading
import time
from urllib.parse import urlsplit

#: Hash of process id and number of jobs, and the list of waits in microseconds.
RAN, WAITS = "race:ran", "race:waits"
PERIOD_S = 0.02


def encoded(*parts: object) -> bytes:
    """A command as Redis reads it."""
    words = [str(part).encode() for part in parts]
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words)


class Tally:
    """Its thread starts with the first job, which may be after a fork."""

    def __init__(self, url: str, *, keeps_waits: bool) -> None:
        place = urlsplit(url)
        self._address = (place.hostname or "127.0.0.1", place.port or 6379)
        self._keeps_waits = keeps_waits
        self._lock = threading.Lock()
        self._ran = 0
        self._waits: list[int] = []
        self._pid = 0

    def starts(self, sent_us: int) -> None:
        """A handler begins; its job was sent at *sent_us*."""
        if self._keeps_waits:
            wait_us = time.time_ns() // 1000 - sent_us
            with self._lock:
                self._waits.append(wait_us)

    def ran(self, jobs: int = 1) -> None:
        """A handler is through with so many jobs."""
        with self._lock:
            self._ran += jobs
            is_first = self._pid != os.getpid()
            self._pid = os.getpid()
        if is_first:
            threading.Thread(target=self._tell, name="tally", daemon=True).start()

    def _tell(self) -> None:
        with socket.create_connection(self._address) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while True:
                with self._lock:
                    ran, self._ran = self._ran, 0
                    waits, self._waits = self._waits, []
                words = [encoded("RPUSH", WAITS, *waits)] if waits else []
                if ran:
                    words.append(encoded("HINCRBYFLOAT", RAN, os.getpid(), ran))
                if words:
                    connection.sendall(b"".join(words))
                    if not connection.recv(4096):
                        return
                time.sleep(PERIOD_S)
