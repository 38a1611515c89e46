"""Bytes under a name, for a while."""

from datetime import timedelta

import pytest
from redis.asyncio import Redis

from streams.cache import VALUE_BYTES_MAX, RedisCache

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
