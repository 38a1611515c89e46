"""What can go wrong in a worker.

    ConsumerError
    ├── RegistryError        two handlers for a kind, or a payload without a kind
    ├── MissingExtraError    a system's packages are not installed
    ├── HealthPortError      the port for health and metrics is taken
    ├── PermanentError       a handler says: this job can never succeed
    └── RetryableError       a handler says: try again, perhaps not before a given time

Handlers may raise anything. An exception outside this tree is retried like a
`RetryableError`, because most failures pass; a failed payload check never is.
"""

from datetime import timedelta


class ConsumerError(Exception):
    """Base of everything that `consumers` raises on purpose."""


class RegistryError(ConsumerError):
    """Raised at start when kinds and handlers do not form pairs."""


class MissingExtraError(ConsumerError):
    """Raised at start when a system is asked for whose packages are not installed."""

    def __init__(self, system: str, missing: str) -> None:
        self.system = system
        self.missing = missing
        super().__init__(
            f"the system '{system}' needs the package '{missing}': "
            f'pip install "millstream[{system}]"'
        )


class PermanentError(ConsumerError):
    """Raised by a handler when no retry can help: the job becomes a dead letter at once."""


class RetryableError(ConsumerError):
    """Raised by a handler when a later attempt may succeed.

    *retry_after* is a lower bound on the wait, for services that name one.
    """

    def __init__(self, message: str, *, retry_after: timedelta | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class HealthPortError(ConsumerError):
    """Raised at start when the port for health and metrics cannot be opened."""

    def __init__(self, host: str, port: int, reason: OSError) -> None:
        self.host = host
        self.port = port
        super().__init__(
            f"cannot serve metrics on {host}:{port} ({reason.strerror}): "
            "choose another port with --metrics-port, or 0 for a free one"
        )
