"""What can be wrong with a picture, with where it lies, and with the settings.

    GradientError (PermanentError)
    ├── ImageTooLargeError     more bytes or pixels than are read
    ├── NotAnImageError        no format that is read here
    ├── BrokenImageError       an image that ends early or contradicts itself
    ├── PictureMissingError    nothing has that name
    └── StoreRefusedError      wrong keys, no right, no such bucket

    StoreUnavailableError (RetryableError)   the store does not answer now
    GradientSettingsError (ConsumerError)    raised at start

What is permanent is never tried again.
"""

from consumers.errors import ConsumerError, PermanentError, RetryableError


class GradientError(PermanentError):
    """Base of everything that makes a gradient impossible."""


class ImageTooLargeError(GradientError):
    """Raised before anything of that size is read or decoded."""

    def __init__(self, what: str, limit: str) -> None:
        super().__init__(f"image_too_large: the image has {what}, at most {limit} are read")


class NotAnImageError(GradientError):
    """Raised when the bytes are in none of the formats that are read."""


class BrokenImageError(GradientError):
    """Raised when an image cannot be decoded to its end."""


class PictureMissingError(GradientError):
    """Raised when the store has nothing under the job's key."""

    def __init__(self, key: str, where: str) -> None:
        super().__init__(f"there is no picture '{key}' in {where}: it was deleted, or never there")


class StoreRefusedError(GradientError):
    """Raised when the store answers that this worker may not read there."""


class StoreUnavailableError(RetryableError):
    """Raised when the store does not answer, or asks to come back later."""


class GradientSettingsError(ConsumerError):
    """Raised at start when the environment describes no usable store or limit."""
