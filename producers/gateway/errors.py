"""What a visitor of the gateway can do wrong, and what can go wrong for them.

ProducerError
└── GatewayError       base; becomes one line of JSON with its status
    ├── BadRequest     400: an address that cannot be read
    ├── NotHere        404: a layer, style, time or tile that does not exist
    ├── NotDrawn       502: the tile's job ended without a picture
    ├── NotYet         503: no picture in time; come again
    └── AssetsMissing  the files of the map page are not installed; raised at start
"""

from producers.errors import ProducerError


class GatewayError(ProducerError):
    """Base of what the gateway answers instead of a tile."""

    status = 500


class BadRequest(GatewayError):  # noqa: N818 - the name of the status
    """Raised for an address whose parts are no numbers, names or times."""

    status = 400


class NotHere(GatewayError):  # noqa: N818 - reads better where it is raised
    """Raised for a layer, style, time or tile that does not exist."""

    status = 404


class NotDrawn(GatewayError):  # noqa: N818 - reads better where it is raised
    """Raised when the tile's job died or was cancelled; carries its cause."""

    status = 502


class NotYet(GatewayError):  # noqa: N818 - reads better where it is raised
    """Raised when the tile was not drawn in time, or too many already wait for theirs."""

    status = 503


class AssetsMissing(GatewayError):  # noqa: N818 - reads better where it is raised
    """Raised at start when the map's script is not installed."""
