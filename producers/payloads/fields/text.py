"""Text that people read: one line, or several."""

from typing import Annotated

from pydantic import StringConstraints

#: For a character class: what moves a terminal's cursor, ends a line, or turns the direction
#: of what is shown after it.
CONTROLS = r"\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069"

#: Arabic and Hebrew need marks of direction, and paragraphs need ends of lines.
_CONTROLS_IN_TEXT = r"\x00-\x08\x0b-\x1f\x7f-\x9f"

#: The longest text of one field, in characters.
TEXT_LENGTH_MAX = 10_000

#: One line without control characters that does not begin with a space, so that it is not blank.
LINE_PATTERN = rf"^[^\s{CONTROLS}][^{CONTROLS}]*$"

#: One line. Whoever uses it says how long it may be.
Line = Annotated[str, StringConstraints(pattern=LINE_PATTERN)]

#: Several lines: 1 to 10,000 characters, of the control characters only tab and line feed.
Text = Annotated[
    str,
    StringConstraints(
        min_length=1, max_length=TEXT_LENGTH_MAX, pattern=rf"^[^{_CONTROLS_IN_TEXT}]+$"
    ),
]
