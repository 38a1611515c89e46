"""What a worker counts and measures, for Prometheus."""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from consumers.leases import boot_s
from consumers.tally import Spreads, Tally
from streams.job import Delivery, Token
from streams.renew import Renewal
from streams.settle import Outcome, Settled, Verdict

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
# `Enum.value` and `Enum.name` are computed each time.
_VERDICTS = {each: each.value for each in Verdict}
_ANSWERS = {each: each.name.lower() for each in Settled}


class Metrics:
    """The metrics of one worker, in a registry of their own.

    The label `kind` comes only from the worker's registry, so that hostile entries cannot
    make new time series; everything else is counted as `unknown`.
    """

    def __init__(self, queue: str, kinds: frozenset[str], slots: int) -> None:
        self.registry = CollectorRegistry()
        self._queue = queue
        self._kinds = kinds
        self._ended = Tally(
            "millstream_deliveries_ended",
            "Deliveries by how they ended.",
            ["queue", "kind", "outcome"],
        )
        self._seconds = Spreads(
            "millstream_handler_seconds", "Time in the handler.", ["queue", "kind"], _SECONDS
        )
        pickups = Spreads(
            "millstream_pickup_seconds",
            "From the arrival of a job to its first delivery.",
            ["queue"],
            _SECONDS,
        )
        self._pickup = pickups.of(queue)
        self._answers = Tally(
            "millstream_outcomes",
            "Outcomes by what the server said: recorded, repeated (recorded before), lost.",
            ["queue", "outcome", "answer"],
        )
        for collector in (self._ended, self._seconds, pickups, self._answers):
            self.registry.register(collector)
        self._running = 0
        Gauge("millstream_running", "Handlers that run.", ["queue"], registry=self.registry).labels(
            queue
        ).set_function(lambda: self._running)
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
        self._orphaned = Counter(
            "millstream_orphans",
            "Entries handed back because the answer to their read was lost.",
            ["queue"],
            registry=self.registry,
        ).labels(queue)
        self._outages = Counter(
            "millstream_outages",
            "Times without the server that are over.",
            ["queue", "role"],
            registry=self.registry,
        )
        self._outage_seconds = Counter(
            "millstream_outage_seconds",
            "How long they were together.",
            ["queue", "role"],
            registry=self.registry,
        )
        self._data_lost = Counter(
            "millstream_queue_data_lost",
            "Times when the streams of the queue were found gone, with the jobs in them.",
            ["queue"],
            registry=self.registry,
        ).labels(queue)
        self._clock_jumps = Counter(
            "millstream_server_clock_jumps",
            "Times when the clock of the server was changed; each suspends claiming for a lease.",
            ["queue"],
            registry=self.registry,
        ).labels(queue)
        self._circuit = Gauge(
            "millstream_circuit_open",
            "1 while almost no job is taken because almost all have failed.",
            ["queue"],
            registry=self.registry,
        ).labels(queue)
        self._paused = Gauge(
            "millstream_levels_paused",
            "Levels of the queue of which somebody lets nothing be taken; 4 is all of it.",
            ["queue"],
            registry=self.registry,
        ).labels(queue)
        self._circuit_opened = Counter(
            "millstream_circuit_openings",
            "Times when the circuit opened.",
            ["queue"],
            registry=self.registry,
        ).labels(queue)
        self._pushed = Counter(
            "millstream_retries_pushed",
            "Retries that wait longer because too many jobs fail at once.",
            ["queue"],
            registry=self.registry,
        ).labels(queue)
        self._pushed_seconds = Counter(
            "millstream_retry_push_seconds",
            "How much longer they wait together.",
            ["queue"],
            registry=self.registry,
        ).labels(queue)
        self._renewals = Counter(
            "millstream_renewals",
            "Leases that were renewed.",
            ["queue"],
            registry=self.registry,
        ).labels(queue)
        self._renewal_seconds = Histogram(
            "millstream_renewal_seconds",
            "Until a renewal was answered; a lease is in danger where this comes near it.",
            ["queue"],
            buckets=_SECONDS,
            registry=self.registry,
        ).labels(queue)
        Gauge(
            "millstream_slots", "Handlers that may run.", ["queue"], registry=self.registry
        ).labels(queue).set(slots)

    def delivered(self, delivery: Delivery, now_ms: int) -> None:
        """A handler starts."""
        self._running += 1
        if delivery.attempt == 1 and delivery.token.deliveries == 1:
            self._pickup.observe(max(0, now_ms - delivery.enqueued_ms) / 1000)

    def ended(self, delivery: Delivery, verdict: Verdict | None, seconds: float) -> None:
        """A handler has ended; *verdict* None where the lease was lost."""
        kind = delivery.kind if delivery.kind in self._kinds else "unknown"
        self._running -= 1
        self._ended.add(self._queue, kind, _VERDICTS[verdict] if verdict else "lost")
        self._seconds.of(self._queue, kind).observe(seconds)

    def clock_jumped(self) -> None:
        """The server's clock was put forward or back."""
        self._clock_jumps.inc()

    def circuit_turned(self, *, is_open: bool) -> None:
        """The circuit has opened, or closed again."""
        self._circuit.set(is_open)
        if is_open:
            self._circuit_opened.inc()

    def paused(self, levels: int) -> None:
        """So many levels are paused now."""
        self._paused.set(levels)

    def retry_pushed(self, seconds: float) -> None:
        """A retry waits *seconds* longer than its policy says."""
        self._pushed.inc()
        self._pushed_seconds.inc(seconds)

    def claimed(self, count: int) -> None:
        """Entries were taken over."""
        self._claimed.inc(count)

    def fenced(self) -> None:
        """An outcome was refused."""
        self._fenced.inc()

    def orphaned(self, count: int) -> None:
        """Entries were handed back that no handler here knew of."""
        self._orphaned.inc(count)

    def outage(self, role: str, seconds: float) -> None:
        """A role has its server back after *seconds*."""
        self._outages.labels(self._queue, role).inc()
        self._outage_seconds.labels(self._queue, role).inc(seconds)

    def data_lost(self) -> None:
        """The jobs of the queue are gone."""
        self._data_lost.inc()

    def answered(self, outcome: Outcome, answer: Settled) -> None:
        """The server has answered to an outcome."""
        self._answers.add(self._queue, _VERDICTS[outcome.verdict], _ANSWERS[answer])

    def renewed(self, held: Sequence[tuple[Token, str]], renewal: Renewal, sent_s: float) -> None:
        """The leases of *held* were asked for at *sent_s* (`leases.boot_s`), and answered."""
        self._renewals.inc(len(held) - len(renewal.lost))
        self._renewal_seconds.observe(boot_s() - sent_s)

    def role_failed(self, role: str) -> None:
        """A role could not do its work this time."""
        self._errors.labels(self._queue, role).inc()
