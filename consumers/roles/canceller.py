"""Ends the handlers that a renewal has told about, or whose leases cannot be trusted."""

from consumers.inflight import Inflight, Stop
from consumers.leases import LeaseWatch
from consumers.logs import Logger
from streams.renew import Renewal


class Canceller:
    """What the worker does with what it learns of its leases, in the event loop's thread."""

    def __init__(self, inflight: Inflight, watch: LeaseWatch, log: Logger) -> None:
        self._inflight = inflight
        self._watch = watch
        self._log = log

    def learned(self, renewal: Renewal) -> None:
        """Stop what was lost before it writes more, and what nobody wants any more.

        A lease that was settled while the renewal was under way is reported as lost too;
        no handler runs for it, and it is no loss.
        """
        ended = self._inflight.end(renewal.lost, Stop.LOST)
        if ended:
            self._log.warning("leases_lost", handlers_ended=ended)
        if renewal.cancel:
            self._inflight.end(renewal.cancel, Stop.CANCELLED)

    def fence(self) -> None:
        """Stop what was not renewed for so long that others may take it.

        What was taken since then has a lease of its own: a worker that could not renew
        for a while must not give up the jobs that it has fetched a moment ago.
        """
        ended = self._inflight.end(
            [
                each.delivery.token
                for each in self._inflight.snapshot()
                if self._watch.may_have_lapsed(each.taken_s)
            ],
            Stop.LOST,
        )
        if ended:
            self._log.error(
                "worker_fenced_itself",
                handlers_ended=ended,
                silent_s=round(self._watch.silent_s, 2),
            )

    def look(self) -> None:
        """Before the loop goes on: fence where the renewals are missing."""
        if self._watch.is_silent():
            self.fence()
