"""Names that mean nothing to a key, a path or a shell."""

from typing import Annotated

from pydantic import StringConstraints

#: Names reach cache keys and object paths, so only letters that mean nothing there are legal.
NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.\-]*$"

#: The longest name, in characters; it bounds the length of a cache key.
NAME_LENGTH_MAX = 96

#: 1 to 96 of the ASCII letters and digits, `_`, `.` and `-`, beginning with a letter or digit.
Name = Annotated[
    str, StringConstraints(pattern=NAME_PATTERN, min_length=1, max_length=NAME_LENGTH_MAX)
]
