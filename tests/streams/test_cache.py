"""Bytes under a name, for a while."""

from datetime import timedelta

import pytest
from redis.asyncio import Redis

from streams.cache import VALUE_BYTES_MAX, Entry, Order, RedisCache

HOUR = timedelta(hours=1)


async def test_what_was_put_is_got_until_its_time_is_over(client: Redis) -> None:
    cache = RedisCache(client)
    await cache.put("a", b"\x00\xff", HOUR)

    assert await cache.get("a") == b"\x00\xff"
    assert await cache.get_many(["a", "b"]) == [b"\x00\xff", None]
    assert 3_590_000 < await client.pttl("a") <= 3_600_000


async def test_a_later_value_replaces_an_earlier_one_and_its_time(client: Redis) -> None:
    cache = RedisCache(client)
    await cache.put("a", b"1", HOUR)
    await cache.put("a", b"", timedelta(seconds=60))

    assert await cache.get("a") == b""
    assert await client.pttl("a") <= 60_000


async def test_what_is_not_there_is_none(client: Redis) -> None:
    cache = RedisCache(client)

    assert await cache.get("a") is None
    assert await cache.get_many([]) == []


@pytest.mark.parametrize("ttl", [timedelta(0), timedelta(microseconds=400), -HOUR])
async def test_a_value_without_an_end_is_refused(client: Redis, ttl: timedelta) -> None:
    with pytest.raises(ValueError, match="needs a positive time to live"):
        await RedisCache(client).put("a", b"x", ttl)


async def test_a_value_that_would_push_out_thousands_is_refused(client: Redis) -> None:
    with pytest.raises(ValueError, match="may have 16777216 bytes, got 16777217"):
        await RedisCache(client).put("a", bytes(VALUE_BYTES_MAX + 1), HOUR)
    assert await client.dbsize() == 0


async def test_of_one_job_the_later_delivery_stands(client: Redis) -> None:
    """A worker that was frozen wakes up, and its job has been run again meanwhile."""
    cache = RedisCache(client)
    assert await cache.put_newest("a", b"second delivery", HOUR, Order(1000, 2))

    assert not await cache.put_newest("a", b"first delivery", HOUR, Order(1000, 1))

    assert await cache.get("a") == b"second delivery"


async def test_of_two_jobs_the_later_one_stands_whatever_their_fences(client: Redis) -> None:
    cache = RedisCache(client)
    assert await cache.put_newest("a", b"older", HOUR, Order(999, 70_000))
    assert await cache.put_newest("a", b"newer", HOUR, Order(1000, 1))

    assert not await cache.put_newest("a", b"older again", HOUR, Order(999, 70_001))

    assert await cache.get("a") == b"newer"


async def test_the_same_again_is_kept_again_and_lives_as_long(client: Redis) -> None:
    """A call whose answer was lost is repeated."""
    cache = RedisCache(client)
    await cache.put_newest("a", b"1", timedelta(seconds=60), Order(1, 1))

    assert await cache.put_newest("a", b"1", HOUR, Order(1, 1))

    assert 3_590_000 < await client.pttl("a") <= 3_600_000
    assert 3_590_000 < await client.pttl("millstream:order:{a}") <= 3_600_000


async def test_large_numbers_are_compared_as_numbers(client: Redis) -> None:
    cache = RedisCache(client)
    born, fence = 2**53 - 1, 2**52
    assert await cache.put_newest("a", b"1", HOUR, Order(born, fence))

    assert not await cache.put_newest("a", b"2", HOUR, Order(born, fence - 1))
    assert await cache.put_newest("a", b"3", HOUR, Order(born, fence + 1))


async def test_what_is_no_order_does_not_stand_in_the_way(client: Redis) -> None:
    await client.set("millstream:order:{a}", "nonsense")

    assert await RedisCache(client).put_newest("a", b"1", HOUR, Order(1, 1))


@pytest.mark.parametrize("ttl", [timedelta(0), -HOUR])
async def test_a_result_without_an_end_is_refused(client: Redis, ttl: timedelta) -> None:
    with pytest.raises(ValueError, match="needs a positive time to live"):
        await RedisCache(client).put_newest("a", b"x", ttl, Order(1, 1))
    assert await client.dbsize() == 0


async def test_many_are_put_in_one_round_trip(client: Redis) -> None:
    cache = RedisCache(client)
    await cache.put_many([])
    await cache.put_many([Entry("a", b"1", HOUR), Entry("b", b"2", timedelta(seconds=60))])

    assert await cache.get_many(["a", "b"]) == [b"1", b"2"]
    assert await client.pttl("b") <= 60_000 < await client.pttl("a")


async def test_of_many_with_a_wrong_one_none_is_written(client: Redis) -> None:
    cache = RedisCache(client)

    with pytest.raises(ValueError, match="needs a positive time to live"):
        await cache.put_many([Entry("a", b"1", HOUR), Entry("b", b"2", -HOUR)])

    assert await client.dbsize() == 0
