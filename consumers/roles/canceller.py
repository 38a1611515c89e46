"""Ends the handlers that a renewal has told about."""

from consumers.inflight import Inflight, Stop
from consumers.logs import Logger
from streams.renew import Renewal


class Canceller:
    """What the worker does with the answer to a renewal, in the event loop's thread."""

    def __init__(self, inflight: Inflight, log: Logger) -> None:
        self._inflight = inflight
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
        """Stop everything: the leases cannot be renewed, and others may take the jobs."""
        ended = self._inflight.end_all(Stop.LOST)
        if ended:
            self._log.error("worker_fenced_itself", handlers_ended=ended)
