"""Every key that Millstream writes for jobs, in one place.

`docs/keys.md` lists them with type, life time and writer; a test compares the two.
"""

import re
from dataclasses import dataclass, field

from streams.errors import InvalidJobError
from streams.priority import LEVELS, Priority

#: The one consumer group of every stream.
GROUP = "millstream"

#: Owner of entries that were handed back: nobody, until a fetch or a claim takes them.
NOBODY = "-"
#: The same for suspects: a fetch passes these by, a claim takes one when it can run it alone.
NOBODY_SUSPECT = "-!"
#: No process has one of these names.
NOBODIES = frozenset({NOBODY, NOBODY_SUSPECT})

_QUEUE_NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}\Z")


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one partition of one queue.

    All share the hash tag `{queue:partition}`, so that each transition is one atomic
    script, on Redis Cluster too.
    """

    queue: str
    partition: int = 0
    _prefix: str = field(init=False, repr=False, compare=False, default="")

    def __post_init__(self) -> None:
        if not _QUEUE_NAME.match(self.queue):
            raise InvalidJobError(
                "a queue's name has 1 to 63 characters: a-z first, then a-z, 0-9, _ and -; "
                f"got {self.queue!r}"
            )
        if self.partition < 0:
            raise InvalidJobError(f"a partition's number starts at 0, got {self.partition}")
        object.__setattr__(self, "_prefix", f"millstream:{{{self.queue}:{self.partition}}}:")

    def _key(self, name: str) -> str:
        return self._prefix + name

    def stream(self, priority: Priority) -> str:
        """Stream of the ready and running jobs of one level."""
        return self._key(priority.value)

    @property
    def streams(self) -> dict[str, str]:
        """Level name to stream, most urgent first: the keys that most scripts declare."""
        return {level.value: self.stream(level) for level in LEVELS}

    @property
    def delayed(self) -> str:
        """Sorted set of the ids that wait for their time (score: due ms)."""
        return self._key("delayed")

    @property
    def wake(self) -> str:
        """Stream whose one entry tells idle workers of a job that is due soon."""
        return self._key("wake")

    @property
    def dead(self) -> str:
        """Stream of dead letters."""
        return self._key("dead")

    @property
    def cancel(self) -> str:
        """Set of the running ids that somebody wants to end."""
        return self._key("cancel")

    @property
    def events(self) -> str:
        """Stream of what became of the jobs that somebody watches."""
        return self._key("events")

    @property
    def watchers(self) -> str:
        """Sorted set of the ids that are watched (score: until when); empty stands for all."""
        return self._key("watchers")

    @property
    def counters(self) -> str:
        """Hash of what happened how often."""
        return self._key("counters")

    @property
    def stats(self) -> str:
        """Hash: a ring of sixty minutes, how many runs ended and how long they took."""
        return self._key("stats")

    @property
    def workers(self) -> str:
        """Hash of the consumers that live: name to who they are and their last beat."""
        return self._key("workers")

    @property
    def gate(self) -> str:
        """Hash: which levels are paused, and whether the queue takes new jobs."""
        return self._key("gate")

    @property
    def schedules(self) -> str:
        """Set of the names of all schedules."""
        return self._key("schedules")

    def schedule(self, name: str) -> str:
        """Hash: a schedule, and how far it has come."""
        return f"{self._prefix}schedule:{name}"

    def job(self, job_id: str) -> str:
        """Hash: the record of a job."""
        return f"{self._prefix}job:{job_id}"

    def body(self, job_id: str) -> str:
        """String: the entry of a job while it is delayed."""
        return f"{self._prefix}body:{job_id}"

    def history(self, job_id: str) -> str:
        """List: the attempts of a job."""
        return f"{self._prefix}history:{job_id}"

    def unique(self, unique: str) -> str:
        """String: the id of the job that holds a unique key."""
        return f"{self._prefix}unique:{unique}"
