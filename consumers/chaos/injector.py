"""Carries a schedule of faults out, and writes down what was done to whom."""

import resource
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path

import anyio
from redis.asyncio import Redis
from redis.exceptions import RedisError

from consumers.chaos.crew import Crew, Victim, send
from consumers.chaos.faults import TO_A_MEMBER, Fault, Planned
from consumers.chaos.journal import Journal
from consumers.chaos.proxy import Mode, Proxy
from streams.connection import open_client
from streams.embedded import EmbeddedServer

#: A file that may grow by so many bytes cuts the next write or the one after it.
DISK_LEFT_BYTES = 200
#: A server with a full disk dies of its next write; without traffic it is killed after this.
DISK_S = 3.0
#: A member that was killed is back within this time, or counts as whole.
BACK_S = 15.0
#: A fault that finds enough of the crew hit waits so long, and is left out then.
PATIENCE_S = 4.0
LOOK_S = 0.1


class Injector:
    """Does to the system what a schedule says."""

    def __init__(
        self, server: EmbeddedServer, producer: Proxy, crew: Crew, journal: Journal
    ) -> None:
        self._server = server
        self._producer = producer
        self._crew = crew
        self._journal = journal
        self._hit: set[str] = set()
        self._server_is_free = anyio.Lock()
        #: The rest has to do the work of those that are hit.
        members = sum(max(1, slot.supervises) for slot in crew.slots)
        self._part_of_the_crew = anyio.Semaphore(max(1, members // 3))

    async def inject(self, planned: Sequence[Planned]) -> None:
        """Do all of it; returns when the last fault is over."""
        begin_s = anyio.current_time()
        async with anyio.create_task_group() as tasks:
            for each in planned:
                await anyio.sleep(max(0.0, begin_s + each.at_s - anyio.current_time()))
                tasks.start_soon(self._do, each)

    async def _do(self, planned: Planned) -> None:
        fault = planned.fault
        if fault in TO_A_MEMBER:
            await self._do_to_a_member(planned)
        elif fault is Fault.DEAF:
            await self._relay_badly(self._producer, Mode.DROP_REPLIES, planned)
            self._note(planned, time.monotonic_ns())
        else:
            async with self._server_is_free:
                begin_ns = time.monotonic_ns()
                ways: dict[Fault, Callable[[Planned], Awaitable[None]]] = {
                    Fault.SEVER: self._sever,
                    Fault.FORGET: self._forget,
                    Fault.CRASH: self._crash,
                    Fault.MEMORY: self._fill_memory,
                    Fault.DISK: self._fill_disk,
                }
                await ways[fault](planned)
                self._note(planned, begin_ns)

    async def _do_to_a_member(self, planned: Planned) -> None:
        if not await self._has_its_turn():
            return
        try:
            # What is done to one member twice at a time says nothing about either fault.
            victims = [each for each in self._crew.victims() if each.slot.name not in self._hit]
            if victims:
                await self._do_to_one(planned, victims[int(planned.pick * len(victims))])
        finally:
            self._part_of_the_crew.release()

    async def _has_its_turn(self) -> bool:
        with anyio.move_on_after(PATIENCE_S):
            await self._part_of_the_crew.acquire()
            return True
        return False

    async def _do_to_one(self, planned: Planned, victim: Victim) -> None:
        self._hit.add(victim.slot.name)
        try:
            await self._hit_member(planned, victim)
            if planned.fault in {Fault.KILL, Fault.ROLLOUT}:
                await self._until_back(victim)
        finally:
            self._hit.discard(victim.slot.name)

    async def _until_back(self, victim: Victim) -> None:
        """Wait until the place of a process that has ended is taken by a new one."""
        with anyio.move_on_after(BACK_S):
            while self._crew.has(victim) or not self._crew.is_whole(  # noqa: ASYNC110 - no event
                victim.slot
            ):
                await anyio.sleep(LOOK_S)

    async def _hit_member(self, planned: Planned, victim: Victim) -> None:
        begin_ns = time.monotonic_ns()
        try:
            match planned.fault:
                case Fault.KILL:
                    send(victim.pid, signal.SIGKILL)
                case Fault.FREEZE | Fault.STALL:
                    await self._freeze(victim, planned.lasts_s)
                case Fault.ROLLOUT:
                    send(victim.slot.pid, signal.SIGTERM)
                case Fault.RESET:
                    victim.slot.proxy.set(Mode.RESET)
                    victim.slot.proxy.set(Mode.RELAY)
                case Fault.DROP:
                    await self._relay_badly(victim.slot.proxy, Mode.DROP_REPLIES, planned)
                case _:
                    await self._relay_badly(victim.slot.proxy, Mode.BLACKHOLE, planned)
        finally:
            self._note(planned, begin_ns, victim)

    async def _freeze(self, victim: Victim, seconds: float) -> None:
        self._crew.frozen.add(victim.pid)
        send(victim.pid, signal.SIGSTOP)
        try:
            await anyio.sleep(seconds)
        finally:
            send(victim.pid, signal.SIGCONT)
            self._crew.frozen.discard(victim.pid)

    async def _relay_badly(self, proxy: Proxy, mode: Mode, planned: Planned) -> None:
        proxy.set(mode)
        try:
            await anyio.sleep(planned.lasts_s)
        finally:
            if mode is Mode.DROP_REPLIES:
                proxy.set(Mode.RESET)  # a lost answer on a connection that lives never comes
            proxy.set(Mode.RELAY)

    async def _sever(self, _planned: Planned) -> None:
        async with _client(self._server.url) as client:
            await client.client_kill_filter(_type="normal", skipme=True)

    async def _forget(self, _planned: Planned) -> None:
        async with _client(self._server.url) as client:
            await client.script_flush()

    async def _crash(self, planned: Planned) -> None:
        await anyio.to_thread.run_sync(self._server.kill)
        await anyio.sleep(planned.lasts_s)
        await anyio.to_thread.run_sync(self._server.restart)

    async def _fill_memory(self, planned: Planned) -> None:
        async with _client(self._server.url) as client:
            info = await client.info("memory")
            await client.config_set("maxmemory", max(1, int(info["used_memory"]) * 9 // 10))
            try:
                await anyio.sleep(planned.lasts_s)
            finally:
                await client.config_set("maxmemory", 0)

    async def _fill_disk(self, planned: Planned) -> None:
        """The largest file of the server may not grow any more: a full disk, to the server."""
        pid = self._server.pid
        if pid is None or not hasattr(resource, "prlimit"):
            return
        _soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        limit = _largest(self._server.directory) + DISK_LEFT_BYTES
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit, hard))
        with anyio.move_on_after(DISK_S):
            while self._server.pid == pid:  # noqa: ASYNC110 - processes send no events
                await anyio.sleep(0.02)
        if self._server.pid == pid:
            await anyio.to_thread.run_sync(self._server.kill)
        await anyio.sleep(planned.lasts_s)
        await anyio.to_thread.run_sync(self._server.restart)

    def _note(self, planned: Planned, begin_ns: int, victim: Victim | None = None) -> None:
        self._journal.write(
            "fault",
            {
                "what": planned.fault.value,
                "at_ns": begin_ns,
                "until_ns": time.monotonic_ns(),
                "target": victim.pid if victim else 0,
                "supervised": victim.supervised if victim else False,
            },
        )


class _client:  # noqa: N801 - reads as a word in `async with`
    """A short connection past the relays; a server that is down is no fault of the kit's."""

    def __init__(self, url: str) -> None:
        self._client = open_client(url)

    async def __aenter__(self) -> Redis:
        return self._client

    async def __aexit__(self, _type: object, error: object, _traceback: object) -> bool:
        with suppress(RedisError, OSError):
            await self._client.aclose()
        return isinstance(error, RedisError | OSError)


def _largest(directory: Path) -> int:
    """The size of the largest file below *directory*."""
    return max(path.stat().st_size for path in directory.rglob("*") if path.is_file())
