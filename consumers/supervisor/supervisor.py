"""Worker processes, started, watched and started again."""

import signal
from collections.abc import Mapping, Sequence
from contextlib import ExitStack

import anyio

from consumers.health import TURN_S, Health, serve_health
from consumers.logs import Logger, open_logger
from consumers.presence import LEAVE_S
from consumers.settings import WorkerSettings
from consumers.shutdown import EXIT_STUCK, LAST_WORD_S
from consumers.supervisor.child import Child
from consumers.supervisor.estate import give_up, how_ended
from consumers.supervisor.gauges import HOST, SupervisorMetrics
from consumers.supervisor.keeper import Keeper
from consumers.supervisor.restarts import CrashCount, RestartPolicy
from streams.connection import LOADING_MAX_S, connected, open_blocking_client
from streams.keys import Keys
from streams.server import BlockingServer, Server
from streams.settle import Retention

#: The exit status of a worker for what its user can mend (EX_CONFIG).
EXIT_CONFIG = 78
#: What an ended worker has said is read within this time, even if something that it has
#: started holds the pipe open.
LISTEN_S = 0.2
#: Of the supervisor's name, for that of a worker with its number behind to be allowed.
NAME_CHARS_MAX = 58
#: After a worker's own last word, so much is left before it is ended from here.
KILL_AFTER_S = 2.0


class Supervisor:
    """Runs *command* in as many processes as the settings say, until it is told to end.

    The first process is started alone: what is wrong with the settings is said once. Each
    of them is a worker of its own for Redis; the supervisor touches its entries only when
    it has ended (they are handed back at once), or is alive and silent (they are renewed).
    """

    def __init__(
        self,
        settings: WorkerSettings,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        restarts: RestartPolicy | None = None,
    ) -> None:
        self._settings = settings
        self._command = command
        self._environment = environment
        self._keys = Keys(settings.queue)
        self._retention = Retention(settings.lease_ms, settings.ended_ttl_ms, settings.dead_ttl_ms)
        policy = restarts or RestartPolicy()
        name = settings.name[:NAME_CHARS_MAX]
        names = [f"{name}-{number}" for number in range(1, settings.processes + 1)]
        self._crashes = {name: CrashCount(policy) for name in names}
        self._children: dict[str, Child] = {}
        self._health = Health()
        self._metrics = SupervisorMetrics(settings.queue, self._ports)
        self._log: Logger = open_logger(
            settings.log_level, queue=settings.queue, supervisor=settings.name
        )
        self._ending = anyio.Event()
        self._first_known = anyio.Event()
        self._status = 0

    async def run(self) -> int:
        """Supervise until told to end; returns the exit status.

        0 after an orderly end; 78 where the first process says that the settings are wrong
        (it has said why); 70 where processes had to be ended by force, or all of them
        crash again and again.

        Raises:
            ServerUnavailableError: no Redis at the URL at the start.
            HealthPortError: the port for health and metrics is taken.
        """
        url = self._settings.redis_url.get_secret_value()
        async with connected(url, loading_s=LOADING_MAX_S) as client:
            with ExitStack() as stack:
                self._serve_health(stack)
                blocking = open_blocking_client(url)
                stack.callback(blocking.close)
                server = Server(client)
                keeper = Keeper(
                    server,
                    BlockingServer(blocking),
                    self._keys,
                    self._settings.lease_ms,
                    self._metrics,
                    self._log,
                )
                await self._supervise(server, keeper)
        self._log.info("supervisor_shutdown_complete", status=self._status)
        return self._status

    async def _supervise(self, server: Server, keeper: Keeper) -> None:
        async with anyio.create_task_group() as background:
            background.start_soon(self._heed_signals)
            background.start_soon(self._turn)
            background.start_soon(self._end_by_force)
            first, *others = self._crashes
            async with anyio.create_task_group() as processes:
                processes.start_soon(self._run_process, first, server, keeper)
                await self._first_known.wait()
                if not self._ending.is_set():
                    self._log.info("supervisor_started", processes=len(self._crashes))
                    for name in others:
                        processes.start_soon(self._run_process, name, server, keeper)
            background.cancel_scope.cancel()

    async def _run_process(self, name: str, server: Server, keeper: Keeper) -> None:
        """Keep one process running until the end."""
        while not self._ending.is_set():
            child = await Child.start(self._command, self._environment_of(name), name)
            self._children[name] = child
            self._metrics.started(name)
            self._log.info("process_started", process=name, pid=child.pid)
            if self._ending.is_set():
                child.send(signal.SIGTERM)
            status = await self._watch(child, keeper)
            was_told = self._ending.is_set()
            await self._bury(child, status, server, was_told=was_told)
            if was_told:
                self._status = self._status or (EXIT_STUCK if status not in _ENDED_WELL else 0)
            elif status == EXIT_CONFIG and not self._first_known.is_set():
                self._end(EXIT_CONFIG)
            else:
                await self._before_restart(child, status)
        self._first_known.set()

    async def _watch(self, child: Child, keeper: Keeper) -> int:
        status = 0
        async with anyio.create_task_group() as watching:
            watching.start_soon(keeper.keep, child)
            watching.start_soon(self._when_known, child)
            async with anyio.create_task_group() as hearing:
                hearing.start_soon(child.listen)
                status = await child.wait()
                # What it said before it was killed counts; it is there already.
                hearing.cancel_scope.deadline = anyio.current_time() + LISTEN_S
            watching.cancel_scope.cancel()
        return status

    async def _when_known(self, child: Child) -> None:
        await child.known.wait()
        self._log.info("process_ready", process=child.name, consumer=child.told.consumer)
        self._first_known.set()

    async def _bury(self, child: Child, status: int, server: Server, *, was_told: bool) -> None:
        """Who was told to end costs nobody anything, however it ended."""
        del self._children[child.name]
        child.close()
        how = how_ended(status)
        if status == 0:
            self._log.info("process_ended", process=child.name, how=how)
        else:
            self._log.error("process_ended", process=child.name, pid=child.pid, how=how)
        is_charged = not was_told and status != 0
        if child.told.consumer:
            await give_up(
                server,
                self._keys,
                child.told.consumer,
                self._retention,
                cause=how if is_charged else "",
                released="" if is_charged else f"told to end, {how}",
                # A supervisor that is to end must not wait for a server that is gone.
                patience_s=LEAVE_S if was_told else self._settings.lease_ms / 1000,
                log=self._log,
            )

    async def _before_restart(self, child: Child, status: int) -> None:
        count = self._crashes[child.name]
        wait_s = count.ended(status, child.lived_s)
        if all(each.is_loop for each in self._crashes.values()):
            self._log.critical(
                "supervisor_gave_up",
                crashes=count.in_a_row,
                hint="every process ends soon after its start, again and again: look at what "
                "they say before",
            )
            self._end(EXIT_STUCK)
            return
        if count.in_a_row > 1:
            self._log.error(
                "process_crash_loop", process=child.name, crashes=count.in_a_row, wait_s=wait_s
            )
        with anyio.move_on_after(wait_s):
            await self._ending.wait()

    async def _heed_signals(self) -> None:
        with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
            async for number in signals:
                self._log.info("signal_received", signal=number.name)
                self._end(0)

    def _end(self, status: int) -> None:
        """Tell every process to end; the second call hurries them."""
        self._status = self._status or status
        self._health.unready("supervisor", "shutting down")
        self._ending.set()
        self._first_known.set()
        for child in self._children.values():
            child.send(signal.SIGTERM)

    async def _end_by_force(self) -> None:
        await self._ending.wait()
        await anyio.sleep(self._settings.grace_ms / 1000 + LAST_WORD_S + KILL_AFTER_S)
        for child in self._children.values():
            self._log.error("process_stuck", process=child.name, pid=child.pid)
            child.send(signal.SIGKILL)

    async def _turn(self) -> None:
        """Say that this loop turns, and whether any process can take jobs."""
        while True:
            self._health.turned()
            reasons = {
                name: self._children[name].told.unready if name in self._children else "not running"
                for name in self._crashes
            }
            if all(reasons.values()):
                said = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
                self._health.unready("fetcher", said)
            else:
                self._health.ready("fetcher")
            await anyio.sleep(TURN_S / 2)

    def _environment_of(self, name: str) -> dict[str, str]:
        return {**self._environment, **self._settings.of_process(name, HOST)}

    def _ports(self) -> dict[str, int]:
        """Called from the threads of the health port."""
        children = dict(self._children)
        return {
            name: children[name].told.metrics_port if name in children else 0
            for name in self._crashes
        }

    def _serve_health(self, stack: ExitStack) -> None:
        settings = self._settings
        if settings.metrics_port is not None:
            port = stack.enter_context(
                serve_health(
                    self._health,
                    self._metrics.registry,
                    settings.metrics_host,
                    settings.metrics_port,
                )
            )
            self._log.info("metrics_served", host=settings.metrics_host, port=port)


#: How a process ends that was told to: by itself, or by the signal, before it heeded it.
_ENDED_WELL = (0, -signal.SIGTERM)
