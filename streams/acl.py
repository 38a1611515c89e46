"""Roles for Redis users: what each part of the service must be allowed, and nothing else.

The commands of a role are read from the scripts that it runs, so that they cannot drift
from them. What could destroy a whole stream (DEL, SET, PEXPIRE and their like) is allowed on
the keys of single jobs only, by a selector; selectors exist since Redis 7.0.
"""

import re
from dataclasses import dataclass

from streams.errors import SettingsError
from streams.keys import Keys
from streams.scripts.loader import load

#: Rights that every connection needs.
_CONNECTION = ("ping", "hello", "auth", "info", "client|setname", "client|id")
#: Commands that take a key whatever is in it: harmless on a record, deadly on a stream.
_GUARDED = frozenset({"del", "set", "get", "pexpire", "persist"})
#: Commands that are named with what they are asked to do.
_CONTAINERS = frozenset({"XINFO", "XGROUP"})
_CALL = re.compile(r"redis\.p?call\('([A-Z]+)'(?:, '([A-Z]+)')?")

_STREAMS = ("critical", "high", "normal", "low")
_JOBS = ("job", "body", "history", "unique_key")
#: Nothing is lost with one of these: who watches looks at the records again.
_LOOSE = ("events", "watchers")
_WORK = (
    *(*_STREAMS, "delayed", "wake", "dead", "cancel", "events", "watchers"),
    *("counters", "stats", "workers", *_JOBS),
)
_SCHEDULES = ("schedules", "schedule")
_ALL = (*_WORK, "gate", *_SCHEDULES)
#: The same key of two jobs.
_ALIASES = {"last_job": "job"}
#: What reads and changes schedules, and what fires them.
_SCHEDULING = ("timetable", "schedule", "suspend", "unschedule", "tick")
#: What the systems keep for their readers: tiles as `producers.tilekey` names them, gradients,
#: and which of two results is the newer (`RedisCache.put_newest`).
_KEPT = ("millstream:tile:*", "gradient:*", "millstream:order:*")

#: Scripts that keep something for readers and belong to no job.
CACHE_SCRIPTS = ("keep",)
#: What lists jobs by their state.
_LISTS = ("list_waiting", "list_running", "list_delayed", "list_records", "list_dead")

_LOOKING = (
    "time",
    "exists",
    "get",
    "hget",
    "hmget",
    "hgetall",
    "smembers",
    "xlen",
    "xrange",
    "xrevrange",
    "xpending",
    "xinfo|stream",
    "xinfo|groups",
    "xinfo|consumers",
    "zcard",
    "zcount",
    "zrange",
)

_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_USER = re.compile(r"[A-Za-z][\w.-]{0,63}\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Role:
    """What one kind of program may do.

    `commands` are those that it sends itself, beside the ones inside its scripts; `keys`
    are those of its commands, by the names that scripts give them.
    """

    name: str
    purpose: str
    scripts: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    only_reads: bool = False
    caches: bool = False
    """It may also keep tiles and results, where queue and cache share a server."""


ROLES = {
    role.name: role
    for role in (
        Role(
            "service",
            "sends jobs by plain XADD; trusted, because XADD can trim",
            commands=("xadd",),
            keys=_STREAMS,
        ),
        Role(
            "producer",
            "enqueues, follows and cancels jobs with the Python client; keeps and runs schedules",
            scripts=("enqueue", "hurry", "cancel", "look", "glance", "watch", *_SCHEDULING),
            commands=("hget", "hmget", "exists", "wait", "smembers", "xrange", "xread"),
            keys=("schedules",),
            caches=True,
        ),
        Role(
            "consumer",
            "runs workers, all of their roles included",
            scripts=(
                "fetch",
                "started",
                "renew",
                "settle",
                "claim_window",
                "claim",
                "abandon",
                "restamp",
                "progress",
                "due",
                "promote",
                "retire",
            ),
            commands=(*_LOOKING, "hsetnx", "xread", "xreadgroup", "xclaim", "xgroup|create"),
            keys=_WORK,
            caches=True,
        ),
        Role(
            "observer",
            "looks: queues, jobs, schedules, why, doctor, dead letters; changes nothing",
            scripts=("look", "why", "census", "timetable", *_LISTS),
            commands=_LOOKING,
            keys=_ALL,
            only_reads=True,
        ),
        Role(
            "auditor",
            "looks and audits: sees the names of all keys of the server",
            scripts=("look", "why", "census", "timetable", "places", "audit_window", *_LISTS),
            commands=(*_LOOKING, "scan", "zscan", "sscan", "pttl"),
            keys=_ALL,
            only_reads=True,
        ),
        Role(
            "operator",
            "looks; pauses, drains and clears queues; ends, moves, replays jobs; keeps schedules",
            scripts=(
                *(
                    "look",
                    "glance",
                    "watch",
                    "why",
                    "census",
                    "cancel",
                    "reprioritise",
                    "replay",
                    "purge",
                ),
                *("pause", "drain", "clear", "remove", *_LISTS),
                *_SCHEDULING,
            ),
            commands=(*_LOOKING, "xread"),
            keys=_ALL,
        ),
        Role(
            "deployer",
            "creates groups and loads scripts before anything else starts",
            commands=("xgroup|create", "xinfo|groups", "xpending", "exists", "hget", "hsetnx"),
            keys=(*_STREAMS, "counters"),
        ),
    )
}


def role_named(name: str) -> Role:
    """The role *name*.

    Raises:
        SettingsError: there is no such role.
    """
    if name not in ROLES:
        raise SettingsError(f"there is no role {name!r}: take one of {', '.join(ROLES)}")
    return ROLES[name]


def rules(
    role: Role, *, queue: str | None, password_sha256: str, selectors: bool = True
) -> list[str]:
    """The words of ACL SETUSER that give a user *role* in *queue*, without one in all queues.

    *selectors* False is for Redis 6.2: then a role that writes may destroy whole streams of
    its queue, because the guarded commands cannot be bound to the keys of jobs.

    Raises:
        SettingsError: the hash is no SHA-256 in hexadecimal digits.
        InvalidJobError: *queue* cannot be a queue's name.
    """
    if not _SHA256.match(password_sha256):
        raise SettingsError(
            "a password is given by its SHA-256, 64 digits 0-9 and a-f: "
            'printf %s "$PASSWORD" | sha256sum'
        )
    commands, guarded = _commands(role, selectors=selectors), list[str]()
    if selectors and not role.only_reads:
        guarded = [each for each in commands if each in _GUARDED]
        commands = [each for each in commands if each not in _GUARDED]
    names = _key_names(role)
    mark = "%R~" if role.only_reads and selectors else "~"
    words = ["reset", "on", f"#{password_sha256}", "resetchannels", "-@all"]
    words += [f"+{command}" for command in commands]
    words += [f"{mark}{pattern}" for name in names for pattern in [_pattern(name, queue)]]
    if guarded:
        of_jobs = [_pattern(name, queue) for name in names if name in (*_JOBS, *_LOOSE)]
        words.append(_selector(guarded, of_jobs))
    return words


def cache_rules(*, selectors: bool = True) -> list[str]:
    """Further words for a user who keeps tiles and results on the same server: `RedisCache`."""
    inside = {command for script in CACHE_SCRIPTS for command in commands_of(script)}
    commands = sorted({"get", "mget", "psetex", "evalsha"} | inside)
    if selectors:
        return [_selector(commands, list(_KEPT))]
    return [*(f"+{command}" for command in commands), *(f"~{pattern}" for pattern in _KEPT)]


def set_user(user: str, words: list[str]) -> str:
    """The line that redis-cli takes from its standard input.

    Raises:
        SettingsError: *user* is no plain name.
    """
    return f"ACL SETUSER {_plain(user)} " + " ".join(
        f'"{word}"' if " " in word else word for word in words
    )


def file_line(user: str, words: list[str]) -> str:
    """The line of an ACL file (`aclfile` in redis.conf).

    Raises:
        SettingsError: *user* is no plain name.
    """
    return f"user {_plain(user)} " + " ".join(words)


def commands_of(script: str) -> set[str]:
    """The commands that a script calls, as ACL rules name them."""
    found: set[str] = set()
    for name, following in _CALL.findall(load(script).text):
        found.add((f"{name}|{following}" if name in _CONTAINERS else name).lower())
    return found


def _commands(role: Role, *, selectors: bool) -> list[str]:
    found = {*_CONNECTION, *role.commands}
    for script in role.scripts:
        found |= commands_of(script)
    if role.scripts or role.name == "deployer":
        found |= {"script|load"}
    if any(load(script).only_reads for script in role.scripts) and selectors:
        found |= {"evalsha_ro"}
    if role.scripts and not (role.only_reads and selectors):
        found |= {"evalsha"}
    return sorted(found)


def _key_names(role: Role) -> list[str]:
    """The keys of a role, in the order of `_ALL`."""
    used = set(role.keys)
    for name in role.scripts:
        script = load(name)
        used |= {_ALIASES.get(each, each) for each in (*script.keys, *script.row_keys)}
    return [name for name in _ALL if name in used]


def _pattern(name: str, queue: str | None) -> str:
    """The key *name* of every partition and every job, in *queue* or in all of them."""
    keys = Keys(queue or "any")
    named = {
        "job": keys.job,
        "body": keys.body,
        "history": keys.history,
        "schedule": keys.schedule,
    }
    if name in named:
        key = named[name]("*")
    elif name == "unique_key":
        key = keys.unique("*")
    else:
        key = keys.streams[name] if name in _STREAMS else getattr(keys, name)
    tag = f"{{{queue}:*}}" if queue else "{*}"
    return str(key).replace(f"{{{queue or 'any'}:0}}", tag)


def _selector(commands: list[str], patterns: list[str]) -> str:
    words = [*(f"+{command}" for command in commands), *(f"~{pattern}" for pattern in patterns)]
    return f"({' '.join(words)})"


def _plain(user: str) -> str:
    if not _USER.match(user) or user == "default":
        raise SettingsError(
            "a user's name starts with a letter and has up to 64 letters, digits, _, . and -, "
            f"and is not 'default'; got {user!r:.80}"
        )
    return user
