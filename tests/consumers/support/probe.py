"""Asking a health port, as a probe does."""

from http.client import HTTPConnection

#: A probe is not patient.
TIMEOUT_S = 5.0


def http_get(port: int, path: str) -> tuple[int, str]:
    """Status and body of *path* on *port* of this machine."""
    connection = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()
