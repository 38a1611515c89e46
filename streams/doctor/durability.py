"""Checks of the server: does it keep what it has accepted?"""

import re

from streams.doctor.finding import Finding, Severity, fine
from streams.doctor.vitals import Vitals
from streams.server import VERSION_MIN

#: Share of the memory from which on producers should be worried.
MEMORY_WORRY = 0.8
#: A fork that stops the server for so long, in microseconds: mostly transparent huge pages.
FORK_LONG_US = 1_000_000
#: The log has grown so many times over since its last rewrite, and is that large.
AOF_GROWTH, AOF_BYTES = 5.0, 1 << 30
#: Clocks further apart than this surprise people who read moments.
SKEW_WORRY_MS = 5_000

_ADMIN = "unknown to this user: ask an administrator, or run the doctor as one"


def version(vitals: Vitals) -> Finding:
    """Streams as the scripts need them."""
    said = vitals.word("redis_version")
    numbers = [int(part) for part in re.findall(r"\d+", said)[:2]]
    if tuple(numbers) < VERSION_MIN:
        return Finding("version", Severity.FAIL, f"{said} is too old", "upgrade to 7.0 or newer")
    return fine("version", f"{vitals.word('server_name') or 'redis'} {said}")


def role(vitals: Vitals) -> Finding:
    """Only a master takes jobs."""
    said = vitals.word("role") or "master"
    if said != "master":
        return Finding("role", Severity.FAIL, f"this is a {said}", "point REDIS_URL to its master")
    return fine("role", "master")


def eviction(vitals: Vitals) -> Finding:
    """A full server refuses; it does not throw jobs away."""
    policy = vitals.word("maxmemory_policy") or "noeviction"
    evicted = int(vitals.number("evicted_keys"))
    if policy != "noeviction":
        return Finding(
            "eviction",
            Severity.FAIL,
            f"{policy}: jobs are thrown away when memory is full",
            "CONFIG SET maxmemory-policy noeviction, and set it in redis.conf; keep the tile "
            "cache on a server of its own (CACHE_URL)",
        )
    if evicted:
        return Finding(
            "eviction",
            Severity.WARN,
            f"noeviction now, but {evicted} keys were evicted since the server started",
            "run `millstream audit` on every queue: jobs may be missing",
        )
    return fine("eviction", "noeviction")


def append_only(vitals: Vitals) -> Finding:
    """What was acknowledged survives the end of the process."""
    if not vitals.number("aof_enabled"):
        return Finding(
            "append-only file",
            Severity.FAIL,
            "off: accepted jobs are lost when the server stops",
            "CONFIG SET appendonly yes, and set it in redis.conf",
        )
    return fine("append-only file", "on")


def fsync(vitals: Vitals) -> Finding:
    """How much a power failure costs."""
    if vitals.config is None or "appendfsync" not in vitals.config:
        return Finding("fsync", Severity.UNKNOWN, "appendfsync cannot be seen", _ADMIN)
    policy = vitals.config["appendfsync"]
    if policy == "no":
        return Finding(
            "fsync",
            Severity.WARN,
            "appendfsync no: a power failure costs what the system had not written, up to 30 s",
            "CONFIG SET appendfsync everysec (at most about a second) or always (nothing)",
        )
    cost = "nothing" if policy == "always" else "at most about a second"
    return fine("fsync", f"appendfsync {policy}: a power failure costs {cost}")


def writes(vitals: Vitals) -> Finding:
    """The disk takes what is written."""
    if vitals.number("loading"):
        return Finding("persistence", Severity.FAIL, "it is reading its data", "wait until it has")
    if vitals.word("aof_last_write_status") not in {"", "ok"}:
        return Finding(
            "persistence",
            Severity.FAIL,
            "the append-only file cannot be written: every write is refused",
            "look at the disk (full?) and at the server's log",
        )
    broken = [
        name
        for name, field in (
            ("AOF rewrite", "aof_last_bgrewrite_status"),
            ("RDB snapshot", "rdb_last_bgsave_status"),
        )
        if vitals.word(field) not in {"", "ok"}
    ]
    if broken:
        return Finding(
            "persistence",
            Severity.WARN,
            f"the last {' and the last '.join(broken)} failed",
            "look at the server's log: mostly memory for the fork, or the disk",
        )
    return fine("persistence", "the last writes succeeded")


def aof_growth(vitals: Vitals) -> Finding:
    """The log is rewritten before a restart takes minutes."""
    size, base = vitals.number("aof_current_size"), vitals.number("aof_base_size")
    if size > AOF_BYTES and size > AOF_GROWTH * max(base, 1):
        return Finding(
            "AOF size",
            Severity.WARN,
            f"{size / (1 << 30):.1f} GiB, {size / max(base, 1):.0f} times its last rewrite",
            "BGREWRITEAOF, and look at auto-aof-rewrite-percentage",
        )
    return fine("AOF size", f"{size / (1 << 20):.1f} MiB")


def memory(vitals: Vitals) -> Finding:
    """There is room for more jobs."""
    used, most = vitals.number("used_memory"), vitals.number("maxmemory")
    total = vitals.number("total_system_memory")
    if not most:
        if total and used > MEMORY_WORRY * total:
            return Finding(
                "memory",
                Severity.FAIL,
                f"no limit, and {used / total:.0%} of the machine's memory used: the system "
                "will kill the server",
                "set maxmemory below the machine's memory; add memory or workers",
            )
        return Finding(
            "memory",
            Severity.WARN,
            f"no limit ({used / (1 << 20):.1f} MiB used)",
            "set maxmemory below the machine's memory, so that a full server refuses jobs "
            "instead of being killed",
        )
    share = used / most
    if share >= 1:
        return Finding(
            "memory",
            Severity.FAIL,
            f"full ({share:.0%} of maxmemory): new jobs are refused, accepted ones go on",
            "raise maxmemory, add workers, purge dead letters",
        )
    if share >= MEMORY_WORRY:
        return Finding(
            "memory",
            Severity.WARN,
            f"{share:.0%} of maxmemory used",
            "raise maxmemory, add workers, or purge dead letters before it is full",
        )
    return fine("memory", f"{share:.0%} of maxmemory used")


def replicas(vitals: Vitals) -> Finding:
    """A failover loses nothing, or somebody knows that it may."""
    count = int(vitals.number("connected_slaves"))
    good = vitals.info.get("min_slaves_good_slaves")
    wanted = vitals.config.get("min-replicas-to-write") if vitals.config else None
    if wanted and int(wanted) > 0 and isinstance(good, int) and good < int(wanted):
        return Finding(
            "replicas",
            Severity.FAIL,
            f"{good} of {wanted} needed: every write is refused (NOREPLICAS)",
            "bring the replicas back",
        )
    if not count:
        return fine("replicas", "none: the jobs live on one machine")
    if wanted is None and good is None:
        return Finding("replicas", Severity.UNKNOWN, f"{count}, min-replicas unseen", _ADMIN)
    if good is None and wanted is not None and not int(wanted):
        return Finding(
            "replicas",
            Severity.WARN,
            f"{count}, but the master acknowledges without them: a failover may lose jobs",
            "set min-replicas-to-write 1 and min-replicas-max-lag 10",
        )
    return fine("replicas", f"{count}, {good or wanted} in time")


def latency(vitals: Vitals) -> Finding:
    """Nothing stops the server for long."""
    if vitals.number("latest_fork_usec") > FORK_LONG_US:
        took_s = vitals.number("latest_fork_usec") / 1_000_000
        return Finding(
            "latency",
            Severity.WARN,
            f"its last fork stopped it for {took_s:.1f} s",
            "switch off transparent huge pages on its machine: echo never > "
            "/sys/kernel/mm/transparent_hugepage/enabled",
        )
    if vitals.number("aof_delayed_fsync"):
        return Finding(
            "latency",
            Severity.WARN,
            f"the disk was too slow for {vitals.number('aof_delayed_fsync'):.0f} fsyncs",
            "give the append-only file a faster disk, or one of its own",
        )
    return fine("latency", "no long fork, no delayed fsync")


def clients(vitals: Vitals) -> Finding:
    """There is room for more connections."""
    refused = int(vitals.number("rejected_connections"))
    now, most = vitals.number("connected_clients"), vitals.number("maxclients")
    if most and now > MEMORY_WORRY * most:
        return Finding("connections", Severity.WARN, f"{now:.0f} of {most:.0f}", "raise maxclients")
    if refused:
        return Finding(
            "connections",
            Severity.WARN,
            f"{refused} were refused since the server started",
            "raise maxclients, or find out who opens so many",
        )
    return fine("connections", f"{now:.0f}")


def clock(vitals: Vitals) -> Finding:
    """No client's clock is used; people read moments, and compare them with their own."""
    if abs(vitals.skew_ms) > SKEW_WORRY_MS:
        return Finding(
            "clock",
            Severity.WARN,
            f"the server's is {vitals.skew_ms / 1000:+.1f} s from this machine's",
            "synchronise both (NTP); the server's clock decides when a job is due",
        )
    return fine("clock", "that of the server and this machine's agree")
