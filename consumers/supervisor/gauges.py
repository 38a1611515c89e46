"""One page of metrics for all processes of a supervisor.

Each worker process serves its own metrics on a free port of this machine. What the
supervisor serves are those of all, with the label `process`, and its own.
"""

from collections.abc import Callable, Iterable, Mapping
from http.client import HTTPConnection, HTTPException

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

#: A process that does not answer by then is shown as down.
TIMEOUT_S = 1.0
#: Where the worker processes serve their metrics: nobody else needs them.
HOST = "127.0.0.1"


class SupervisorMetrics:
    """What a supervisor counts, beside what its processes say.

    *ports* answers with the port of each process by name, 0 for one that serves none yet.
    """

    def __init__(self, queue: str, ports: Callable[[], Mapping[str, int]]) -> None:
        self.registry = CollectorRegistry()
        self._queue = queue
        self._started = self._counter("starts", "Starts of a worker process.")
        self._renewed = self._counter(
            "silent_renewals", "Renewals for a process that could not speak."
        )
        self._killed = self._counter("kills", "Processes ended because they were overdue.")
        self.registry.register(_Processes(ports))

    def started(self, process: str) -> None:
        """A process was started."""
        self._started.labels(self._queue, process).inc()

    def renewed(self, process: str) -> None:
        """Leases were renewed for a silent process."""
        self._renewed.labels(self._queue, process).inc()

    def killed(self, process: str) -> None:
        """A process was ended by force."""
        self._killed.labels(self._queue, process).inc()

    def _counter(self, name: str, what: str) -> Counter:
        return Counter(
            f"millstream_process_{name}", what, ["queue", "process"], registry=self.registry
        )


class _Processes(Collector):
    """The metrics of all processes, asked for when somebody asks for them."""

    def __init__(self, ports: Callable[[], Mapping[str, int]]) -> None:
        self._ports = ports

    def describe(self) -> Iterable[Metric]:
        """Nothing that is known before the processes run."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Ask each process."""
        up = GaugeMetricFamily(
            "millstream_process_up", "1 where the process answers.", labels=["process"]
        )
        merged: dict[str, Metric] = {}
        for process, port in self._ports().items():
            page = _page(port) if port else None
            up.add_metric([process], 0 if page is None else 1)
            for family in text_string_to_metric_families(page or ""):
                _add(merged, family, process)
        return [up, *merged.values()]


def _add(merged: dict[str, Metric], family: Metric, process: str) -> None:
    one = merged.setdefault(family.name, Metric(family.name, family.documentation, family.type))
    for sample in family.samples:
        one.samples.append(sample._replace(labels={**sample.labels, "process": process}))


def _page(port: int) -> str | None:
    connection = HTTPConnection(HOST, port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", "/metrics")
        return connection.getresponse().read().decode()
    except (OSError, HTTPException, UnicodeDecodeError):
        return None
    finally:
        connection.close()
