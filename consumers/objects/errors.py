"""What a bucket may answer besides the object.

    ObjectError
    ├── ObjectMissingError       nothing has that name
    ├── ObjectTooLargeError      it has more bytes than were asked for at most
    ├── AccessRefusedError       wrong keys, no right, no such bucket: to be mended by people
    └── StoreUnavailableError    no answer, or "not now": a later try may succeed

Whoever uses a bucket says what each means for its jobs.
"""

from datetime import timedelta

from consumers.errors import ConsumerError


class ObjectError(ConsumerError):
    """Base of everything that a bucket raises; no message holds a key or a secret."""


class ObjectMissingError(ObjectError):
    """Raised when the bucket holds nothing under a name."""

    def __init__(self, name: str, where: str) -> None:
        self.name = name
        self.where = where
        super().__init__(f"there is no object '{name}' in {where}")


class ObjectTooLargeError(ObjectError):
    """Raised before, or as soon as, an object has more bytes than it may."""

    def __init__(self, name: str, where: str, bytes_max: int) -> None:
        self.bytes_max = bytes_max
        super().__init__(f"the object '{name}' in {where} has more than {bytes_max} bytes")


class AccessRefusedError(ObjectError):
    """Raised when the store knows the request and will not serve it, now or later."""


class StoreUnavailableError(ObjectError):
    """Raised when the store does not answer as it should.

    `retry_after` is how long it asks to wait, where it says so.
    """

    def __init__(self, message: str, *, retry_after: timedelta | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(message)
