"""What a worker counts and measures, for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from streams.job import Delivery
from streams.settle import Verdict

_SECONDS = (
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1,
    2.5,
    5,
    10,
    30,
    60,
    300,
    600,
)


class Metrics:
    """The metrics of one worker, in a registry of their own.

    The label `kind` comes only from the worker's registry, so that hostile entries cannot
    make new time series; everything else is counted as `unknown`.
    """

    def __init__(self, queue: str, kinds: frozenset[str], slots: int) -> None:
        self.registry = CollectorRegistry()
        self._queue = queue
        self._kinds = kinds
        self._ended = Counter(
            "millstream_deliveries_ended",
            "Deliveries by how they ended.",
            ["queue", "kind", "outcome"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "millstream_handler_seconds",
            "Time in the handler.",
            ["queue", "kind"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._pickup = Histogram(
            "millstream_pickup_seconds",
            "From the arrival of a job to its first delivery.",
            ["queue"],
            buckets=_SECONDS,
            registry=self.registry,
        ).labels(queue)
        self._running = Gauge(
            "millstream_running", "Handlers that run.", ["queue"], registry=self.registry
        ).labels(queue)
        self._errors = Counter(
            "millstream_role_errors",
            "Errors of a role, each followed by another try.",
            ["queue", "role"],
            registry=self.registry,
        )
        self._claimed = Counter(
            "millstream_claimed",
            "Entries taken over from lost consumers.",
            ["queue"],
            registry=self.registry,
        ).labels(queue)
        self._fenced = Counter(
            "millstream_fenced",
            "Outcomes that came too late and changed nothing.",
            ["queue"],
            registry=self.registry,
        ).labels(queue)
        Gauge(
            "millstream_slots", "Handlers that may run.", ["queue"], registry=self.registry
        ).labels(queue).set(slots)

    def delivered(self, delivery: Delivery, now_ms: int) -> None:
        """A handler starts."""
        self._running.inc()
        if delivery.attempt == 1 and delivery.token.deliveries == 1:
            self._pickup.observe(max(0, now_ms - delivery.enqueued_ms) / 1000)

    def ended(self, delivery: Delivery, verdict: Verdict | None, seconds: float) -> None:
        """A handler has ended; *verdict* None where the lease was lost."""
        kind = delivery.kind if delivery.kind in self._kinds else "unknown"
        self._running.dec()
        self._ended.labels(self._queue, kind, verdict.value if verdict else "lost").inc()
        self._seconds.labels(self._queue, kind).observe(seconds)

    def claimed(self, count: int) -> None:
        """Entries were taken over."""
        self._claimed.inc(count)

    def fenced(self) -> None:
        """An outcome was refused."""
        self._fenced.inc()

    def role_failed(self, role: str) -> None:
        """A role could not do its work this time."""
        self._errors.labels(self._queue, role).inc()
