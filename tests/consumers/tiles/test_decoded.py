from collections import Counter
from pathlib import Path

import anyio
import numpy as np
import pytest
from anyio.lowlevel import checkpoint

from consumers.handlers.tiles.catalog import Dataset
from consumers.handlers.tiles.dataerrors import ObjectMissingError, ShardError
from consumers.handlers.tiles.decoded import READS_MAX, ShardCache
from consumers.handlers.tiles.grid import Window
from consumers.handlers.tiles.names import layer_name
from consumers.handlers.tiles.shards import ShardLayout, encode_shard, shard_name
from consumers.handlers.tiles.store import LocalStore
from tests.support.tiledata import GRID, RUN, make_field

LAYOUT = ShardLayout(37, 72, 10, 10)
EVERYTHING = Window(0, 37, 0, 72)
SHARD_BYTES = 400


class SlowStore(LocalStore):
    """A directory whose reads wait until the test lets them go, and are counted."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.reads: Counter[str] = Counter()
        self.reading = self.reading_max = 0
        self.gate = anyio.Event()
        self.gate.set()

    async def get(self, name: str) -> bytes:
        self.reads[name] += 1
        self.reading += 1
        self.reading_max = max(self.reading_max, self.reading)
        try:
            await self.gate.wait()
            return await super().get(name)
        finally:
            self.reading -= 1


@pytest.fixture
async def store(tmp_path: Path) -> SlowStore:
    return SlowStore(tmp_path)


@pytest.fixture
async def dataset(store: SlowStore) -> Dataset:
    dataset = Dataset(
        name=layer_name("test", "TMP", "2m"),
        reference_time=RUN,
        forecast=make_field().forecast,
        grid=GRID,
        layout=LAYOUT,
        storage_path="a/b",
        units="K",
        vmin=None,
        vmax=None,
    )
    for index in range(LAYOUT.count):
        box = LAYOUT.box(index)
        values = np.full(box.shape, index, dtype=np.float32)
        await store.put(shard_name("a/b", index), encode_shard(values, box))
    return dataset


async def test_only_what_is_needed_is_read_and_only_once(
    store: SlowStore, dataset: Dataset
) -> None:
    cache = ShardCache(store)
    window = Window(5, 15, 65, 75)

    shards = await cache.shards(dataset, window)
    again = await cache.shards(dataset, window)

    assert sorted(shards) == [0, 6, 7, 8, 14, 15]
    assert sorted(shards) == sorted(again)
    assert set(store.reads) == {shard_name("a/b", index) for index in shards}
    assert set(store.reads.values()) == {1}


async def test_jobs_that_need_the_same_shard_read_it_once(
    store: SlowStore, dataset: Dataset
) -> None:
    cache = ShardCache(store)
    store.gate = anyio.Event()

    async with anyio.create_task_group() as tasks:
        for _ in range(10):
            tasks.start_soon(cache.shards, dataset, Window(0, 5, 0, 5))
        await anyio.wait_all_tasks_blocked()
        store.gate.set()

    assert store.reads == {shard_name("a/b", 0): 1}


async def test_shards_of_one_window_are_read_at_the_same_time_within_a_bound(
    store: SlowStore, dataset: Dataset
) -> None:
    cache = ShardCache(store)
    store.gate = anyio.Event()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(cache.shards, dataset, EVERYTHING)
        await anyio.wait_all_tasks_blocked()
        assert store.reading == READS_MAX
        store.gate.set()

    assert store.reading_max == READS_MAX
    assert len(store.reads) == LAYOUT.count


async def test_memory_stays_within_its_bound_and_the_oldest_goes_first(
    store: SlowStore, dataset: Dataset
) -> None:
    cache = ShardCache(store, bytes_max=3 * SHARD_BYTES)
    places = [Window(0, 1, 10 * number, 10 * number + 1) for number in range(4)]

    for place in (*places[:3], places[0], places[3]):
        await cache.shards(dataset, place)
        assert cache.nbytes <= 3 * SHARD_BYTES
    await cache.shards(dataset, places[0])
    await cache.shards(dataset, places[1])

    assert store.reads[shard_name("a/b", 0)] == 1
    assert store.reads[shard_name("a/b", 1)] == 2


async def test_a_shard_larger_than_the_bound_is_served_and_not_kept(
    store: SlowStore, dataset: Dataset
) -> None:
    cache = ShardCache(store, bytes_max=10)

    shards = await cache.shards(dataset, Window(0, 1, 0, 1))

    assert (shards[0] == 0).all()
    assert cache.nbytes == 0


async def test_one_reader_that_gives_up_does_not_fail_the_others(
    store: SlowStore, dataset: Dataset
) -> None:
    cache = ShardCache(store)
    store.gate = anyio.Event()
    place = Window(0, 1, 0, 1)
    hasty = anyio.CancelScope()
    got: list[int] = []

    async def give_up() -> None:
        with hasty:
            await cache.shards(dataset, place)

    async def wait() -> None:
        got.extend(await cache.shards(dataset, place))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(give_up)
        await anyio.wait_all_tasks_blocked()
        tasks.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        hasty.cancel()
        await checkpoint()
        store.gate.set()

    assert got == [0]


async def test_a_failure_is_not_remembered(store: SlowStore, dataset: Dataset) -> None:
    cache = ShardCache(store)
    name = shard_name("a/b", 0)
    data = await store.get(name)
    await store.delete(name)
    with pytest.raises(ObjectMissingError, match="a/b_shard_0000"):
        await cache.shards(dataset, EVERYTHING)
    await store.put(name, data[:-1])
    with pytest.raises(ShardError, match="a/b_shard_0000"):
        await cache.shards(dataset, EVERYTHING)

    await store.put(name, data)

    assert len(await cache.shards(dataset, EVERYTHING)) == LAYOUT.count
