"""Keeps the leases of a worker that is alive and cannot speak, and ends one that hangs."""

import signal
import time

import anyio
from redis.exceptions import RedisError

from consumers.leases import boot_s
from consumers.logs import Logger
from consumers.supervisor.child import Child
from consumers.supervisor.gauges import SupervisorMetrics
from consumers.supervisor.procstate import is_running
from consumers.supervisor.told import Step
from streams.abandon import owned_rows
from streams.job import Token
from streams.keys import Keys
from streams.renew import renew
from streams.server import BlockingServer, Server

#: Looks at each worker in a lease.
LOOKS = 10
#: Renewals in a lease, as in a worker.
RENEWALS = 5


class Keeper:
    """Looks at worker processes again and again.

    A worker is silent where neither its heartbeat nor its event loop has said a word:
    something holds the lock of its interpreter, or it is stopped. What is stopped is left
    to lose its leases; what computes keeps them until the longest deadline of its jobs.
    """

    def __init__(
        self,
        server: Server,
        blocking: BlockingServer,
        keys: Keys,
        lease_ms: int,
        metrics: SupervisorMetrics,
        log: Logger,
    ) -> None:
        self._server = server
        self._blocking = blocking
        self._keys = keys
        self._lease_s = lease_ms / 1000
        self._metrics = metrics
        self._log = log

    async def keep(self, child: Child) -> None:
        """Watch *child*, until cancelled."""
        step_s = self._lease_s / LOOKS
        looked_s = time.monotonic()
        renewed_s = 0.0
        warned = False
        while True:
            await anyio.sleep(step_s)
            now_s, before_s = time.monotonic(), looked_s
            looked_s = now_s
            if now_s - before_s > 4 * step_s:
                # It was this process that stood still, and has not listened.
                child.told.heard_s = now_s
                continue
            step = child.told.judge(now_s, lease_s=self._lease_s)
            if step is Step.NOTHING or not is_running(child.pid):
                warned = warned and child.told.silent_s(now_s) > step_s
                continue
            if step is Step.KILL:
                self._kill(child)
                return
            if not warned:
                warned = True
                self._warn(child)
            if now_s - renewed_s >= self._lease_s / RENEWALS:
                renewed_s = now_s
                await self._renew(child)

    async def _renew(self, child: Child) -> None:
        sent_s = boot_s()
        try:
            rows = await owned_rows(self._server, self._keys, child.told.consumer)
            held = [
                (Token(row.level, row.entry, row.owner, row.deliveries), row.id) for row in rows
            ]
            if not held:
                return
            await anyio.to_thread.run_sync(
                renew,
                self._blocking,
                self._keys,
                child.told.consumer,
                child.told.info,
                held,
                abandon_on_cancel=True,  # a server that hangs must not hide the end of a worker
            )
        except (RedisError, OSError) as error:
            self._log.warning("renewal_failed", process=child.name, error=str(error))
            return
        self._metrics.renewed(child.name)
        # A gap in the chain of renewals means that others may have taken what it runs.
        if sent_s - child.told.renewed_s < self._lease_s:
            child.renewed(sent_s)

    def _warn(self, child: Child) -> None:
        self._log.warning(
            "process_silent",
            process=child.name,
            pid=child.pid,
            seconds=round(child.told.silent_s(time.monotonic()), 1),
            running_kinds=", ".join(child.told.kinds),
            hint="a handler lets nothing else run in its process; its leases are renewed "
            "meanwhile. Such work belongs into a child process",
        )

    def _kill(self, child: Child) -> None:
        self._metrics.killed(child.name)
        self._log.error(
            "process_overdue",
            process=child.name,
            pid=child.pid,
            running_kinds=", ".join(child.told.kinds),
            hint="a handler goes on after its deadline and cannot be cancelled: its process "
            "is ended by SIGKILL",
        )
        child.send(signal.SIGKILL)
