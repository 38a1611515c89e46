"""What other systems call their things: ids in any script."""

from typing import Annotated

from pydantic import StringConstraints

from producers.payloads.fields.text import CONTROLS

#: The longest id, in characters.
IDENTIFIER_LENGTH_MAX = 200

#: Ids are compared, logged and shown: no control characters, and no space at either end,
#: where nobody would see it.
IDENTIFIER_PATTERN = rf"^[^\s{CONTROLS}]([^{CONTROLS}]*[^\s{CONTROLS}])?$"

#: 1 to 200 characters of any script, without control characters.
Identifier = Annotated[
    str,
    StringConstraints(min_length=1, max_length=IDENTIFIER_LENGTH_MAX, pattern=IDENTIFIER_PATTERN),
]
