"""The data of this environment, for commands."""

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from consumers.errors import ConsumerError
from consumers.handlers.tiles.system import TileData, open_data
from producers.cli.boundary import CommandError


@asynccontextmanager
async def opened_data() -> AsyncGenerator[TileData]:
    """Catalog, store and styles of this environment, until the block ends.

    Raises:
        CommandError: something went wrong in the block; it is told in a line.
    """
    try:
        async with open_data(os.environ) as data:
            yield data
    except ConsumerError as error:
        raise CommandError(str(error)) from error
