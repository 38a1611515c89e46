"""What is known of one job and its surroundings at one moment."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import JsonValue

from streams.gate import Gate
from streams.keys import NOBODIES
from streams.priority import LEVELS, Priority
from streams.state import State
from streams.workers import SeenWorker

#: The lease of workers that do not say theirs: what they have by default.
LEASE_MS_DEFAULT = 10_000


@dataclass(frozen=True, slots=True)
class LevelFacts:
    """One stream of the queue."""

    has_group: bool = True
    undelivered: int = 0
    handed_back: int = 0


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What a full or failing server says of itself; `refuses` is empty where it takes writes."""

    used_bytes: int = 0
    bytes_max: int = 0
    refuses: str = ""

    @property
    def is_full(self) -> bool:
        """True where new jobs are refused for lack of memory."""
        return 0 < self.bytes_max <= self.used_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFacts:
    """One look at a job; `state` is what its record says, None where it has none."""

    id: str
    queue: str
    now_ms: int
    state: State | None = None
    kind: str = ""
    priority: Priority = Priority.NORMAL
    enqueued_ms: int | None = None
    ended_ms: int | None = None
    attempt: int = 1
    attempts_max: int | None = None
    losses: int = 0
    solo: int = 0
    released: int = 0
    replays: int = 0
    cause: str = ""
    fingerprint: str = ""
    """Names the failure: dead letters that failed alike share it."""
    parked: str = ""
    dead_entry: str = ""
    unique: str = ""
    unique_holder: str = ""
    ttl_ms: int | None = None
    progress: JsonValue = None
    history: tuple[Mapping[str, JsonValue], ...] = ()
    entry: str = ""
    has_entry: bool = False
    is_stranded: bool = False
    """Its entry was delivered, and is in no pending list: no worker gets it again."""
    timeout_ms: int | None = None
    owner: str = ""
    silent_ms: int = 0
    deliveries: int = 0
    due_ms: int | None = None
    """Its place among the delayed jobs; None where it has none."""
    has_body: bool = False
    cancel_asked: bool = False
    ahead: int = 0
    """Jobs before it in its own stream."""
    ahead_is_exact: bool = True
    levels: tuple[LevelFacts, ...] = (LevelFacts(),) * len(LEVELS)
    pending: Mapping[str, int] = field(default_factory=dict[str, int])
    """Jobs that each consumer has in hand."""
    workers: tuple[SeenWorker, ...] = ()
    gate: Gate = field(default_factory=Gate)
    server: ServerFacts = ServerFacts()

    @property
    def is_known(self) -> bool:
        """True where there is a record, or an entry at the place that the id names."""
        return self.state is not None or self.has_entry

    @property
    def is_handed_back(self) -> bool:
        """True where the entry is in the pending list and belongs to nobody."""
        return self.owner in NOBODIES

    @property
    def is_running(self) -> bool:
        """True where a consumer has it."""
        return bool(self.owner) and not self.is_handed_back

    @property
    def last_attempt(self) -> Mapping[str, JsonValue]:
        """The latest row of the history; empty where there is none."""
        return self.history[-1] if self.history else {}

    @property
    def live_workers(self) -> tuple[SeenWorker, ...]:
        """Workers that were heard within their lease."""
        return tuple(each for each in self.workers if self.silence_of(each) <= lease_of(each))

    def silence_of(self, worker: SeenWorker) -> int:
        """Milliseconds since a worker's last beat."""
        return max(0, self.now_ms - worker.beat_ms)

    def worker(self, consumer: str) -> SeenWorker | None:
        """What the consumer says of itself; None where it is not in the registry."""
        return next((each for each in self.workers if each.consumer == consumer), None)

    @property
    def more_urgent(self) -> int:
        """Jobs that wait in the streams above its own."""
        return sum(
            each.undelivered + each.handed_back for each in self.levels[: self.priority.level - 1]
        )


def written_state(word: str) -> State | None:
    """The state that a record names; None for none, or for one of a newer version."""
    return next((each for each in State if each.value == word), None)


def written_priority(word: str) -> Priority:
    """The level that a record or an entry names; in doubt the default."""
    return Priority(word) if word in LEVELS else Priority.NORMAL


def lease_of(worker: SeenWorker | None) -> int:
    """Silence in milliseconds after which a worker's jobs may be taken over."""
    return (worker.lease_ms if worker else 0) or LEASE_MS_DEFAULT
