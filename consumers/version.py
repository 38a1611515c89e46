"""Which Millstream this is."""

from importlib.metadata import PackageNotFoundError, version


def millstream_version() -> str:
    """The version of the installed distribution; `0` where it runs from bare files."""
    try:
        return version("millstream")
    except PackageNotFoundError:
        return "0"
