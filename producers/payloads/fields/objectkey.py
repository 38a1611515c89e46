"""The name of an object in a store, which may be a bucket or a folder."""

from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from producers.payloads.fields.text import CONTROLS

#: The longest key, in bytes of UTF-8: that of S3.
OBJECT_KEY_BYTES_MAX = 1024

#: Names that mean a folder and not an object, where the store is a file system.
_FOLDERS = frozenset({"", ".", ".."})


def _names_an_object(key: str) -> str:
    length = len(key.encode())
    if length > OBJECT_KEY_BYTES_MAX:
        raise ValueError(
            f"an object key has at most {OBJECT_KEY_BYTES_MAX} bytes in UTF-8, got {length}"
        )
    if not _FOLDERS.isdisjoint(key.split("/")):
        raise ValueError(
            "an object key has no leading, trailing or double '/' and no part '.' or '..', "
            f"got {key!r:.120}"
        )
    return key


#: `uploads/2024-01-15/image.jpg`: 1 to 1024 bytes, relative, without `..`, backslashes and
#: control characters, so that it names one object in a bucket and in a folder alike.
ObjectKey = Annotated[
    str,
    StringConstraints(
        min_length=1, max_length=OBJECT_KEY_BYTES_MAX, pattern=rf"^[^\\{CONTROLS}]+$"
    ),
    AfterValidator(_names_an_object),
]
