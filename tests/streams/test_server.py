"""What is asked of a server before jobs are entrusted to it."""

from dataclasses import replace

import pytest
from redis.asyncio import Redis

from streams.embedded import EmbeddedServer
from streams.errors import UnsafeServerError
from streams.server import ServerFacts, require_safe, server_facts

SAFE = ServerFacts("7.0.15", "master", "noeviction", aof_enabled=True)


async def test_the_server_of_the_tests_is_safe(client: Redis) -> None:
    facts = await server_facts(client)

    require_safe(facts)
    assert (facts.role, facts.eviction_policy) == ("master", "noeviction")


@pytest.mark.parametrize(
    "policy", ["allkeys-lru", "allkeys-random", "volatile-ttl", "volatile-lfu"]
)
def test_a_server_that_evicts_is_refused_with_the_fix(policy: str) -> None:
    with pytest.raises(UnsafeServerError) as refusal:
        require_safe(replace(SAFE, eviction_policy=policy))

    assert f"maxmemory-policy {policy}" in str(refusal.value)
    assert "CONFIG SET maxmemory-policy noeviction" in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("version", ["6.0.16", "5.0.7", "2.8.0"])
def test_a_server_that_is_too_old_is_refused(version: str) -> None:
    with pytest.raises(
        UnsafeServerError, match=f"this Redis is {version} and Millstream needs 6.2"
    ):
        require_safe(replace(SAFE, version=version))


def test_a_server_without_an_append_only_file_is_refused_with_the_fix() -> None:
    """Snapshots alone lose what came after the last one."""
    with pytest.raises(UnsafeServerError, match="CONFIG SET appendonly yes"):
        require_safe(replace(SAFE, aof_enabled=False))


def test_it_is_taken_where_jobs_may_be_lost() -> None:
    require_safe(replace(SAFE, aof_enabled=False), aof=False)


def test_a_replica_is_refused() -> None:
    with pytest.raises(UnsafeServerError, match="is a slave and cannot be written to"):
        require_safe(replace(SAFE, role="slave"))


@pytest.mark.parametrize("version", ["6.2.0", "7.2.4", "8.10.1", "255.255.255", "8.0-rc1", "9"])
def test_newer_servers_are_taken_however_they_write_their_version(version: str) -> None:
    require_safe(replace(SAFE, version=version))


async def test_the_facts_are_those_of_the_running_server(own_server: EmbeddedServer) -> None:
    async with Redis.from_url(own_server.url) as client:
        await client.config_set("maxmemory-policy", "allkeys-lru")
        await client.config_set("appendonly", "no")
        facts = await server_facts(client)
        await client.replicaof("127.0.0.1", "1")
        demoted = await server_facts(client)

    assert (facts.eviction_policy, facts.aof_enabled, facts.role) == (
        "allkeys-lru",
        False,
        "master",
    )
    assert demoted.role == "slave"
    with pytest.raises(UnsafeServerError, match="evicts keys"):
        require_safe(facts)
