"""What a child process writes to its standard output and error: into the worker's log."""

from collections import deque

from consumers.logs import Logger

#: Of one job so many lines are logged; the rest is read and thrown away.
LINES_MAX = 100
LINE_CHARS_MAX = 500
#: The last lines are kept for the history: where a crash happened stands there.
TAIL_LINES = 40


class Output:
    """Cuts what comes into lines, and bounds what becomes of them."""

    def __init__(self, log: Logger) -> None:
        self._log = log
        self._rest = b""
        self._lines = 0
        self._dropped_bytes = 0
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)

    def begin(self, log: Logger) -> None:
        """Another job runs, of which *log* tells."""
        self.flush()
        self._log = log
        self._lines = 0
        self._tail.clear()

    def feed(self, chunk: bytes) -> None:
        """The child has written *chunk*."""
        *whole, rest = (self._rest + chunk).split(b"\n")
        for line in whole:
            self._say(line)
        # A line without an end must not grow for ever.
        self._dropped_bytes += max(0, len(rest) - LINE_CHARS_MAX)
        self._rest = rest[:LINE_CHARS_MAX]

    def flush(self) -> None:
        """Nothing more comes for this job."""
        if self._rest:
            self._say(self._rest)
            self._rest = b""
        if self._dropped_bytes:
            self._log.warning("child_output_cut", dropped_bytes=self._dropped_bytes)
            self._dropped_bytes = 0

    @property
    def tail(self) -> str:
        """The last that it wrote."""
        return "\n".join(self._tail)

    def _say(self, raw: bytes) -> None:
        line = raw.decode(errors="replace")[:LINE_CHARS_MAX]
        self._tail.append(line)
        self._dropped_bytes += max(0, len(raw) - len(line.encode()))
        if self._lines < LINES_MAX:
            self._lines += 1
            self._log.info("child_output", line=line)
        else:
            self._dropped_bytes += min(len(raw), len(line))
