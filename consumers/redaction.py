"""Keeping passwords out of logs and histories."""

import re

#: From `://` to the last `@` before the path, as URL parsers read it: a password may have
#: an `@` of its own, and a token may stand there alone. One pass, whatever the text is: an
#: error message may quote a megabyte of input, and the event loop waits for this.
_CREDENTIALS = re.compile(r"(?<=://)[^/?#\s]*@")


def redacted(text: str) -> str:
    """*text* with the user and password of every URL replaced by `***`.

    In doubt too much is hidden. What UTF-8 cannot hold (half of a surrogate pair, from a
    file name) becomes `?`, so that the text can be stored.
    """
    return _CREDENTIALS.sub("***@", text).encode(errors="replace").decode()
