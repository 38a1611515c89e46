from datetime import timedelta
from pathlib import Path

import pytest

from consumers.handlers.tiles.dataerrors import LayerNotFoundError
from consumers.handlers.tiles.ingest import ingest_fields
from consumers.handlers.tiles.lookups import Lookups
from tests.support.tiledata import RUN, make_field, open_tile_data


class Watch:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.elapsed_s = 0.0

    def __call__(self) -> float:
        return self.elapsed_s


async def test_an_answer_is_used_again_for_a_short_time_only(tmp_path: Path) -> None:
    watch = Watch()
    async with open_tile_data(tmp_path) as data:
        lookups = Lookups(data.catalog, ttl=timedelta(seconds=2), now=lambda: RUN, elapsed_s=watch)
        await ingest_fields([make_field()], data.catalog, data.store)
        first = await lookups.find("test_TMP_2m", None)
        later = make_field(run=RUN + timedelta(hours=6))
        await ingest_fields([later], data.catalog, data.store)

        watch.elapsed_s = 1.9
        assert await lookups.find("test_TMP_2m", None) is first
        watch.elapsed_s = 2.1
        assert (await lookups.find("test_TMP_2m", None)).dataset.reference_time > RUN


async def test_what_is_not_there_is_looked_for_again(tmp_path: Path) -> None:
    async with open_tile_data(tmp_path) as data:
        lookups = Lookups(data.catalog, now=lambda: RUN, elapsed_s=Watch())
        with pytest.raises(LayerNotFoundError):
            await lookups.find("test_TMP_2m", None)

        await ingest_fields([make_field()], data.catalog, data.store)

        assert (await lookups.find("test_TMP_2m", None)).dataset.layer == "test_TMP_2m"


async def test_no_more_answers_are_kept_than_allowed(tmp_path: Path) -> None:
    async with open_tile_data(tmp_path) as data:
        fields = [make_field(hours=hour) for hour in range(4)]
        await ingest_fields(fields, data.catalog, data.store)
        lookups = Lookups(data.catalog, now=lambda: RUN, elapsed_s=Watch(), entries_max=2)

        answers = [await lookups.find("test_TMP_2m", field.valid_time) for field in fields]

        assert len(lookups._answers) == 2
        assert await lookups.find("test_TMP_2m", fields[3].valid_time) is answers[3]
        assert await lookups.find("test_TMP_2m", fields[0].valid_time) is not answers[0]
