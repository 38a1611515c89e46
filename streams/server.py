"""Redis as Millstream uses it: a client and the scripts that it may run there."""

import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self

import redis
from redis.asyncio import Redis
from redis.exceptions import NoScriptError, ResponseError

from streams.errors import UnsafeServerError
from streams.lane import Lane
from streams.scripts.loader import Arg, Call, Row, Script
from streams.trouble import Trouble, is_read_only, trouble_of

_PROBE = "#!lua\nreturn 1"
#: A call is sent again so often after a server said that it had not run it: a replica first,
#: and then a new master that does not know the script.
MENDS_MAX = 3
#: The oldest server whose streams can do what the scripts ask for.
VERSION_MIN = (6, 2)


class Server:
    """Runs scripts by their hash and loads them where the server has forgotten them.

    With a *lane* its calls share one connection; without one each takes a connection of the
    client's pool. Whether the server knows script flags is learned by loading one, not from
    its version number: clones report versions of their own.
    """

    def __init__(self, client: Redis, lane: Lane | None = None) -> None:
        self.client = client
        self._lane = lane
        self._shebang: bool | None = None

    @classmethod
    @asynccontextmanager
    async def on_a_lane(cls, client: Redis) -> AsyncGenerator[Self]:
        """One whose calls share a connection and travel together, while the block lasts."""
        async with Lane.open(client) as lane:
            yield cls(client, lane)

    @asynccontextmanager
    async def apart(self) -> AsyncGenerator["Server"]:
        """One whose calls share a connection with nobody, while the block lasts.

        For commands that speak of what their connection has done.
        """
        async with self.client.client() as single:
            server = Server(single)
            server._shebang = self._shebang
            yield server

    @property
    def keeps_order(self) -> bool:
        """True where calls that are under way at the same time arrive in their order."""
        return self._lane is not None

    async def run(
        self,
        script: Script,
        keys: Mapping[str, str],
        args: Mapping[str, Arg],
        rows: Sequence[Row] = (),
    ) -> Any:
        """Call *script*; its answer stands in its header.

        Raises:
            ScriptError: the names do not fit the header.
            RedisError: what the server or the network says.
        """
        call = script.bind(keys, args, rows)
        if self._shebang is None:
            self._shebang = await self._probe()
        for _ in range(MENDS_MAX):
            try:
                return await self._send(call)
            except NoScriptError:
                # Nothing ran. The server may be another one by now, of another version.
                self._shebang = await self._probe()
                await self.client.script_load(script.source(shebang=self._shebang))
            except ResponseError as error:
                if not is_read_only(error):
                    raise
                # Nothing was written. A new connection asks again where the master is.
                await self.client.connection_pool.disconnect(inuse_connections=False)
                if self._lane is not None:
                    self._lane.leave()
        return await self._send(call)

    async def _send(self, call: Call) -> Any:
        sha = call.script.sha(shebang=bool(self._shebang))
        if self._lane is not None:
            name = "EVALSHA_RO" if self._shebang and call.script.only_reads else "EVALSHA"
            return await self._lane.call([name, sha, len(call.keys), *call.keys, *call.args])
        # Servers with script flags (7.0) let a user who may only read run a script that does.
        if self._shebang and call.script.only_reads:
            return await self.client.evalsha_ro(sha, len(call.keys), *call.keys, *call.args)
        return await self.client.evalsha(sha, len(call.keys), *call.keys, *call.args)

    async def _probe(self) -> bool:
        try:
            await self.client.script_load(_PROBE)
        except ResponseError as error:
            if trouble_of(error) is Trouble.PASSES:
                raise
            return False
        return True


class BlockingServer:
    """`Server` for threads."""

    def __init__(self, client: redis.Redis) -> None:
        self.client = client
        self._shebang: bool | None = None

    def run(
        self,
        script: Script,
        keys: Mapping[str, str],
        args: Mapping[str, Arg],
        rows: Sequence[Row] = (),
    ) -> Any:
        """Call *script*; see `Server.run`."""
        call = script.bind(keys, args, rows)
        if self._shebang is None:
            self._shebang = self._probe()
        for _ in range(MENDS_MAX):
            try:
                return self._send(call)
            except NoScriptError:
                self._shebang = self._probe()
                self.client.script_load(script.source(shebang=self._shebang))
            except ResponseError as error:
                if not is_read_only(error):
                    raise
                self.client.connection_pool.disconnect(inuse_connections=False)
        return self._send(call)

    def _send(self, call: Call) -> Any:
        sha = call.script.sha(shebang=bool(self._shebang))
        return self.client.evalsha(sha, len(call.keys), *call.keys, *call.args)

    def _probe(self) -> bool:
        try:
            self.client.script_load(_PROBE)
        except ResponseError as error:
            if trouble_of(error) is Trouble.PASSES:
                raise
            return False
        return True


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What INFO says that matters for jobs."""

    version: str
    role: str
    eviction_policy: str
    aof_enabled: bool

    @property
    def release(self) -> tuple[int, int]:
        """Major and minor version."""
        major, minor, *_ = [*re.findall(r"\d+", self.version), "0", "0"]
        return int(major), int(minor)


async def server_facts(client: Redis) -> ServerFacts:
    """Ask the server who it is (INFO, which every role may call)."""
    info: dict[str, Any] = await client.info("everything")
    return ServerFacts(
        version=str(info["redis_version"]),
        role=str(info.get("role", "master")),
        eviction_policy=str(info.get("maxmemory_policy", "noeviction")),
        aof_enabled=bool(info.get("aof_enabled", 0)),
    )


def require_safe(facts: ServerFacts, *, aof: bool = True) -> None:
    """Refuse a server that would lose accepted jobs.

    *aof* False takes one without an append-only file: for jobs that may be lost.

    Raises:
        UnsafeServerError: it evicts, keeps no append-only file, is too old, or is a
            replica; says how to mend it.
    """
    if facts.release < VERSION_MIN:
        raise UnsafeServerError(
            f"this Redis is {facts.version} and Millstream needs 6.2 or newer: upgrade it, "
            "or point REDIS_URL to another one"
        )
    if facts.eviction_policy != "noeviction":
        raise UnsafeServerError(
            f"this Redis evicts keys when memory is full (maxmemory-policy "
            f"{facts.eviction_policy}), and would throw jobs away: run "
            "`redis-cli CONFIG SET maxmemory-policy noeviction` and set it in redis.conf, "
            "or keep the tile cache there (CACHE_URL) and the queue on a server of its own"
        )
    if aof and not facts.aof_enabled:
        raise UnsafeServerError(
            "this Redis keeps no append-only file (appendonly no), and would forget accepted "
            "jobs when it stops: run `redis-cli CONFIG SET appendonly yes` and set it in "
            "redis.conf; where jobs may be lost, MILLSTREAM_WORKER_REQUIRE_AOF=no takes it"
        )
    if facts.role != "master":
        raise UnsafeServerError(
            f"this Redis is a {facts.role} and cannot be written to: point REDIS_URL to its master"
        )
