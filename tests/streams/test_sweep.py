"""What a sweep costs: bounded calls, whatever stands in front of what has lapsed."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from redis.asyncio import Redis

from streams.claim import CLAIM_MAX, WINDOW_BYTES, WINDOW_ROWS, Lapsed, claim, sweep
from streams.job import ALONE_LOSSES_MAX, SUSPECT_LOSSES
from streams.keys import GROUP
from streams.priority import LEVELS, Priority
from streams.scripts.loader import Arg, Row, Script
from streams.server import Server
from tests.support.queues import RETENTION, QueueUnderTest, job

pytestmark = pytest.mark.leaves_jobs

LIVE, DEAD = 10_000, 50
#: The next loss is the end.
BRINK = SUSPECT_LOSSES + ALONE_LOSSES_MAX - 1


class CountingServer(Server):
    """Counts the calls of each script."""

    def __init__(self, client: Redis) -> None:
        super().__init__(client)
        self.calls: dict[str, int] = {}

    async def run(
        self,
        script: Script,
        keys: Mapping[str, str],
        args: Mapping[str, Arg],
        rows: Sequence[Row] = (),
    ) -> Any:
        self.calls[script.name] = self.calls.get(script.name, 0) + 1
        return await super().run(script, keys, args, rows)


@pytest.fixture
async def queue(client: Redis) -> QueueUnderTest:
    """A queue that counts calls."""
    queue = QueueUnderTest(client, server=CountingServer(client))
    await queue.open()
    return queue


async def hold(queue: QueueUnderTest, consumer: str, count: int, body: bytes = b"{}") -> None:
    """*count* plain entries in the hands of *consumer*."""
    stream = queue.keys.stream(Priority.NORMAL)
    for start in range(0, count, 1000):
        async with queue.client.pipeline(transaction=False) as pipe:
            for _ in range(start, min(start + 1000, count)):
                pipe.xadd(stream, {"kind": "test.echo", "payload": body})
            await pipe.execute()
        await queue.client.xreadgroup(GROUP, consumer, {stream: ">"}, count=1000)


async def silence(queue: QueueUnderTest, consumer: str) -> None:
    """Make it so that *consumer* has been silent for a lease."""
    stream, lease_ms = queue.keys.stream(Priority.NORMAL), RETENTION.lease_ms
    rows: Any = await queue.client.xpending_range(stream, GROUP, "-", "+", LIVE, consumer)
    ids = [row["message_id"] for row in rows]
    await queue.client.xclaim(stream, GROUP, consumer, 0, ids, idle=lease_ms, justid=True)


def calls(queue: QueueUnderTest) -> dict[str, int]:
    assert isinstance(queue.server, CountingServer)
    return queue.server.calls


async def swept(queue: QueueUnderTest) -> list[list[Lapsed]]:
    """The windows of one sweep."""
    found = sweep(queue.server, queue.keys, lease_ms=RETENTION.lease_ms)
    return [window.rows async for window in found]


async def test_fifty_lost_jobs_behind_ten_thousand_live_ones_are_claimed_by_one_sweep(
    queue: QueueUnderTest,
) -> None:
    """So they are claimed within one lease and one sweep; no window looks at more than its rows."""
    for number in range(10):
        await hold(queue, f"alive-{number}", LIVE // 10)
    await hold(queue, "lost", DEAD)
    await silence(queue, "lost")

    windows = await swept(queue)
    [lapsed] = [window for window in windows if window]
    claimed = await claim(queue.server, queue.keys, "two", lapsed, RETENTION)

    assert len(claimed.deliveries) == DEAD
    # One more, because the window that has found the fifty ends with them.
    looks = -(-(LIVE + DEAD) // WINDOW_ROWS) + 1
    assert calls(queue) == {"claim_window": looks, "claim": 1}
    owners = {owner for _, owner, _ in (await queue.pending())[:LIVE]}
    assert owners == {f"alive-{number}" for number in range(10)}


async def test_a_queue_with_little_in_hand_is_looked_through_in_one_call(
    queue: QueueUnderTest,
) -> None:
    await queue.add(*(job(id=level.value, priority=level) for level in LEVELS))
    held = [await queue.fetch_one() for _ in LEVELS]
    await queue.lapse(*held)

    [window] = await swept(queue)

    assert [each.id for each in window] == [level.value for level in LEVELS]
    assert [each.level for each in window] == [1, 2, 3, 4]
    assert calls(queue)["claim_window"] == 1


async def test_what_a_window_leaves_of_a_level_comes_with_the_next_one(
    queue: QueueUnderTest,
) -> None:
    """A window that ends within one level and one that ends with it: nothing is passed over."""
    # The idle one is the oldest: each level is looked at from its beginning.
    await queue.add(job(id="urgent", priority=Priority.HIGH), job(id="idle", priority=Priority.LOW))
    await hold(queue, "lost", WINDOW_ROWS)
    held = [await queue.fetch_one("lost"), await queue.fetch_one("lost")]
    await silence(queue, "lost")
    await queue.lapse(*held)

    found = [each for window in await swept(queue) for each in window]

    assert [each.level for each in found] == [2, *[3] * WINDOW_ROWS, 4]


async def test_a_window_ends_where_enough_has_been_found(queue: QueueUnderTest) -> None:
    await hold(queue, "lost", 3 * CLAIM_MAX + 1)
    await silence(queue, "lost")

    windows = [window for window in await swept(queue) if window]

    assert [len(window) for window in windows] == [CLAIM_MAX, CLAIM_MAX, CLAIM_MAX, 1]
    entries = [each.entry for window in windows for each in window]
    assert entries == await queue.entries()


async def test_a_window_ends_where_it_has_read_enough(queue: QueueUnderTest) -> None:
    """A megabyte a job and a hundred jobs a window would hold the server up."""
    await hold(queue, "lost", 7, b"x" * (WINDOW_BYTES // 2))
    await silence(queue, "lost")

    windows = [window for window in await swept(queue) if window]

    assert [len(window) for window in windows] == [2, 2, 2, 1]


@pytest.mark.parametrize(("missing", "windows"), [(1, [2]), (0, [1, 1])])
async def test_a_window_has_read_enough_at_the_very_byte(
    queue: QueueUnderTest, missing: int, windows: list[int]
) -> None:
    """Names and values count alike."""
    fields = len("kind") + len("test.echo") + len("payload")
    await hold(queue, "lost", 1, b"x" * (WINDOW_BYTES - fields - missing))
    await hold(queue, "lost", 1)
    await silence(queue, "lost")

    assert [len(window) for window in await swept(queue) if window] == windows


async def test_an_exactly_full_window_is_not_the_last_one(queue: QueueUnderTest) -> None:
    await hold(queue, "lost", WINDOW_ROWS)
    await hold(queue, "lost", 1)
    await silence(queue, "lost")

    assert sum([len(window) for window in await swept(queue)]) == WINDOW_ROWS + 1


async def test_a_claim_has_a_bound(queue: QueueUnderTest) -> None:
    await hold(queue, "lost", CLAIM_MAX)
    await silence(queue, "lost")
    [lapsed] = [window for window in await swept(queue) if window]

    with pytest.raises(ValueError, match="one call takes 50 entries, got 51"):
        await claim(queue.server, queue.keys, "two", [*lapsed, lapsed[0]], RETENTION)
    assert len((await claim(queue.server, queue.keys, "two", lapsed, RETENTION)).dead) == 0


@pytest.mark.parametrize("suspects_max", [0, 1, 2])
async def test_no_more_suspects_are_claimed_than_can_run_alone(
    queue: QueueUnderTest, suspects_max: int
) -> None:
    """Those that are left are charged nothing, and the healthy ones between them are claimed."""
    names = ("suspect-1", "healthy-1", "suspect-2", "poison", "healthy-2", "suspect-3")
    await queue.add(*(job(id=name) for name in names))
    held = {each.id: each for each in await queue.fetch()}
    for name, times in {"suspect-1": 1, "suspect-2": 2, "suspect-3": 1, "poison": BRINK}.items():
        held[name] = await queue.lose(held[name], times)
    losses = {name: (await queue.look(name)).losses for name in names}
    await queue.lapse(*held.values())
    found = await queue.sweep()

    claimed = await claim(
        queue.server, queue.keys, "last", found, RETENTION, suspects_max=suspects_max
    )

    suspects = [each.id for each in claimed.deliveries if each.suspect]
    assert suspects == ["suspect-1", "suspect-2", "suspect-3"][:suspects_max]
    assert {each.id for each in claimed.deliveries} - {*suspects} == {"healthy-1", "healthy-2"}
    assert [each.id for each in claimed.dead] == ["poison"]
    for name in {"suspect-1", "suspect-2", "suspect-3"} - {*suspects}:
        view = await queue.look(name)
        assert (view.losses, view.owner) == (losses[name], held[name].token.consumer)
