"""How safe a job is before its sender is told that it was accepted."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import NoPermissionError, ResponseError

from streams.errors import DurabilityError, InvalidJobError
from streams.keys import Keys

#: Far more than anybody has.
REPLICAS_MAX = 100
#: Shorter than what an answer may take, or it would be taken for a lost one.
WITHIN_MAX = timedelta(seconds=4)
#: Longer than the second between two writes to the disk (`appendfsync everysec`).
WITHIN_DEFAULT = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Durability:
    """What is waited for after a job was accepted, and for how long at most.

    Raises:
        InvalidJobError: a number of replicas or a time out of its range.
    """

    replicas: int = 0
    """So many replicas have it in memory."""
    fsynced: bool = False
    """It is on the master's disk."""
    within: timedelta = WITHIN_DEFAULT

    def __post_init__(self) -> None:
        if not 0 <= self.replicas <= REPLICAS_MAX:
            raise InvalidJobError(f"replicas is 0 to {REPLICAS_MAX}, got {self.replicas}")
        if not timedelta(milliseconds=1) <= self.within <= WITHIN_MAX:
            raise InvalidJobError(f"within is 1 ms to 4 s, got {self.within}")

    @property
    def is_fast(self) -> bool:
        """True where nothing is waited for."""
        return not (self.replicas or self.fsynced)


#: As safe as the server makes every write: nothing more is asked.
FAST = Durability()
#: On the master's disk; needs Redis 7.2.
FSYNCED = Durability(fsynced=True)


def replicated(replicas: int, *, within: timedelta = WITHIN_DEFAULT) -> Durability:
    """In the memory of so many replicas.

    Raises:
        InvalidJobError: a number or a time out of its range.
    """
    return Durability(replicas=replicas, within=within)


@dataclass(frozen=True, slots=True)
class Reached:
    """How safe the jobs were when the wait was over."""

    asked: Durability
    replicas: int = 0
    fsynced: bool = False

    @property
    def is_met(self) -> bool:
        """True where that is at least what was asked for."""
        return self.replicas >= self.asked.replicas and self.fsynced >= self.asked.fsynced


async def require_reachable(client: Redis, durability: Durability) -> None:
    """Refuse, before anything is sent, what this server cannot say.

    Raises:
        DurabilityError: it is too old or keeps no append-only file.
    """
    if not durability.fsynced:
        return
    raw: Any = client
    try:
        await raw.execute_command("WAITAOF", 1, 0, 1)
    except NoPermissionError:
        raise DurabilityError(
            "this user may not ask what is on the server's disk: ACL SETUSER <user> +waitaof"
        ) from None
    except ResponseError as error:
        raise DurabilityError(
            f"this Redis cannot say what is on its disk ({error}): that needs Redis 7.2 or newer "
            "and an append-only file (appendonly yes); replicated(n) works with any"
        ) from error


async def secure(
    client: Redis, keys: Keys, durability: Durability, *, has_written: bool
) -> Reached:
    """Wait until everything that this server has written so far is as safe as is asked.

    A round trip for each of the two levels. *client* has one connection; *has_written* says
    whether it is the one over which new jobs have come, because newer servers wait for what
    their connection has written.
    """
    within_ms = round(durability.within.total_seconds() * 1000)
    raw: Any = client
    if not has_written:
        await client.hincrby(keys.counters, "secured", 1)
    on_disk, replicas = 0, 0
    if durability.fsynced:
        on_disk, _ = await raw.execute_command("WAITAOF", 1, 0, within_ms)
    if durability.replicas:
        replicas = await raw.execute_command("WAIT", durability.replicas, within_ms)
    return Reached(durability, replicas, on_disk > 0)
