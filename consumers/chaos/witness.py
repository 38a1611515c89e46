"""What the kit sees of a worker: deliveries, runs, renewals, and the server's answers."""

from collections.abc import Sequence
from types import TracebackType
from typing import Any

from pydantic import JsonValue

from consumers.chaos.journal import Journal
from consumers.handler import Context
from consumers.leases import boot_s
from consumers.metrics import Metrics
from consumers.registry import Registry
from producers.payloads.base import Payload
from streams.job import Delivery, Token
from streams.renew import Renewal
from streams.settle import Outcome, Settled, Verdict

_NS = 1_000_000_000


class WitnessMetrics(Metrics):
    """Metrics that write down each thing they are told, beside counting it."""

    def __init__(self, queue: str, kinds: frozenset[str], slots: int, journal: Journal) -> None:
        super().__init__(queue, kinds, slots)
        self._journal = journal

    def delivered(self, delivery: Delivery, now_ms: int) -> None:
        """A delivery is about to run."""
        self._journal.write("delivered", _facts(delivery))
        super().delivered(delivery, now_ms)

    def ended(self, delivery: Delivery, verdict: Verdict | None, seconds: float) -> None:
        """A run is over; without a verdict the worker has given it up with its lease."""
        if verdict is None:
            self._journal.write("given_up", _facts(delivery))
        super().ended(delivery, verdict, seconds)

    def answered(self, outcome: Outcome, answer: Settled) -> None:
        """The server has answered to an outcome."""
        verdict = outcome.verdict.value
        facts = {"verdict": verdict, "answer": answer.name.lower()}
        self._journal.write("settled", _facts(outcome.delivery) | facts)
        super().answered(outcome, answer)

    def renewed(self, held: Sequence[tuple[Token, str]], renewal: Renewal, sent_s: float) -> None:
        """Leases were renewed, or found lost."""
        tokens: list[JsonValue] = [str(token) for token, _ in held if token not in renewal.lost]
        if tokens:
            # The clock of the leases may run ahead of that of the journal: the age is exact.
            age_ns = round((boot_s() - sent_s) * _NS)
            self._journal.write("renewed", {"tokens": tokens, "age_ns": age_ns})
        super().renewed(held, renewal, sent_s)


class _Run:
    """One run of a handler, with its start and its end written down."""

    def __init__(self, journal: Journal, context: Context) -> None:
        self._journal = journal
        self._facts: dict[str, JsonValue] = {
            "job": context.job_id,
            "fence": context.fence,
            "attempt": context.attempt,
        }

    def __enter__(self) -> None:
        self._journal.write("started", self._facts)

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        how = (
            "ok" if exc_type is None else "error" if issubclass(exc_type, Exception) else "stopped"
        )
        self._journal.write("ended", self._facts | {"how": how})


def _witnessed_async(handler: Any, journal: Journal) -> Any:
    async def run(payload: Payload, context: Context) -> JsonValue:
        with _Run(journal, context):
            result: JsonValue = await handler(payload, context)
            return result

    return run


def _witnessed_plain(handler: Any, journal: Journal) -> Any:
    def run(payload: Payload, context: Context) -> JsonValue:
        with _Run(journal, context):
            result: JsonValue = handler(payload, context)
            return result

    return run


def witnessed(registry: Registry, journal: Journal) -> Registry:
    """A registry of the same kinds, whose handlers write down when they start and end."""
    seen = Registry()
    for kind in registry:
        binding = registry.find(kind)
        if binding is not None:
            wrap = _witnessed_async if binding.is_async else _witnessed_plain
            handler = wrap(binding.handler, journal)
            seen.add(
                binding.payload_type,
                handler,
                timeout=binding.timeout,
                runs=binding.runs,
                permanent=binding.permanent,
                retry=binding.retry,
            )
    return seen


def _facts(delivery: Delivery) -> dict[str, JsonValue]:
    return {
        "job": delivery.id,
        "kind": delivery.kind,
        "fence": delivery.fence,
        "epoch": delivery.epoch,
        "attempt": delivery.attempt,
        "token": str(delivery.token),
        "consumer": delivery.token.consumer,
        "losses": delivery.losses,
    }
