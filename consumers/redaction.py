"""Keeping passwords, keys and signatures out of logs and histories."""

import re

#: From `://` to the last `@` before the path, as URL parsers read it: a password may have
#: an `@` of its own, and a token may stand there alone. One pass, whatever the text is: an
#: error message may quote a megabyte of input, and the event loop waits for this.
_CREDENTIALS = re.compile(r"(?<=://)[^/?#\s]*@")

#: A value behind a name that says what it is: `X-Amz-Signature=...`, `'password': '...'`.
#: Every repetition is bounded, for the same reason.
_NAMED = re.compile(
    r"(?i)((?:password|passwd|secret|token|signature|credential|api[_-]?key|access[_-]?key)"
    r"[\w-]{0,40}[\"']?(?:=|: ?(?=[\"']))[\"']?)[^\s&\"',;}<>]+"
)


def redacted(text: str) -> str:
    """*text* with what is secret replaced by `***`.

    That is the user and password of every URL, and what stands behind a name such as
    `password=` or `X-Amz-Signature=`, in a query or in a printed dictionary.

    In doubt too much is hidden. What UTF-8 cannot hold (half of a surrogate pair, from a
    file name) becomes `?`, so that the text can be stored.
    """
    return _NAMED.sub(r"\1***", _CREDENTIALS.sub("***@", text)).encode(errors="replace").decode()
