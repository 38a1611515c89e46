"""Why there is no connection, in one line that ends with what to do."""

from redis.exceptions import AuthenticationError, AuthorizationError

from streams.errors import ServerUnavailableError

#: What the TLS library says, and what it means to whoever wrote the URL.
_TLS = (
    (
        "CERTIFICATE_VERIFY_FAILED",
        "its certificate cannot be trusted",
        "name its authority with ?ssl_ca_certs=... and use a host that it is made for",
    ),
    (
        "WRONG_VERSION_NUMBER",
        "it does not speak TLS at that port",
        "write redis:// instead of rediss://, or the server's tls-port",
    ),
    (
        "RECORD_LAYER_FAILURE",
        "it does not speak TLS at that port",
        "write redis:// instead of rediss://, or the server's tls-port",
    ),
    (
        "CERTIFICATE_REQUIRED",
        "it asks for a certificate of the client",
        "name it with ?ssl_certfile=...&ssl_keyfile=... in the URL",
    ),
    (
        "UNKNOWN_CA",
        "it does not trust the certificate of this client",
        "have it signed by the authority that the server knows (tls-ca-cert-file)",
    ),
    (
        "KEY_VALUES_MISMATCH",
        "the client's certificate and key do not belong together",
        "check ssl_certfile and ssl_keyfile in the URL",
    ),
    (
        "[X509",
        "a file of certificates holds none",
        "check ssl_ca_certs and ssl_certfile in the URL",
    ),
    (
        "No such file",
        "a file of certificates or keys is not there",
        "check ssl_ca_certs, ssl_certfile and ssl_keyfile in the URL",
    ),
    (
        "Permission denied",
        "a file of certificates or keys may not be read",
        "check the rights of ssl_ca_certs, ssl_certfile and ssl_keyfile in the URL",
    ),
    (
        "[SSL",
        "no TLS connection comes about",
        "check ssl_ca_certs, ssl_certfile and ssl_keyfile in the URL",
    ),
)
#: What a TLS port does to somebody who does not speak TLS, and the other way round.
_HUNG_UP = ("Connection closed by server", "Connection reset by peer")
_SILENT = ("Timeout connecting to server",)


def unreachable(shown: str, error: BaseException) -> ServerUnavailableError:
    """The error to raise for a server that gave no first answer; *shown* is its URL."""
    if isinstance(error, AuthenticationError | AuthorizationError):
        return ServerUnavailableError(
            f"Redis at {shown} refused the credentials ({error}): "
            "check user and password in REDIS_URL"
        )
    said = _one_line(error)
    if shown.startswith("rediss://"):
        for sign, meaning, advice in _TLS:
            if sign in said:
                return ServerUnavailableError(
                    f"no TLS to Redis at {shown}: {meaning} ({said}): {advice}"
                )
    return ServerUnavailableError(
        f"no Redis at {shown} ({said}): start one there, or set REDIS_URL to one that runs"
        f"{_hint(shown, said)}"
    )


def _hint(shown: str, said: str) -> str:
    """What else it may be, where the two ends may have spoken different languages."""
    hung_up = any(sign in said for sign in _HUNG_UP)
    if not shown.startswith("rediss://"):
        return ", or write rediss:// if it speaks TLS there" if hung_up else ""
    if hung_up:
        return ", or name a certificate that it trusts with ?ssl_certfile=...&ssl_keyfile=..."
    return ", or write redis:// if it does not speak TLS there" if said in _SILENT else ""


def _one_line(error: BaseException) -> str:
    """One line of *error* that names no credentials: the address stands beside it."""
    return str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
