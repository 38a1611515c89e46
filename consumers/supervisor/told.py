"""What a supervisor knows of a worker, and what it makes of its silence."""

from enum import Enum

from consumers.supervisor.tells import KINDS_MAX, Beat, Bye, Hello, Run, Tell

#: In leases: silent for so long, a worker's leases are renewed for it.
RENEW_AFTER = 0.4
#: A worker that is silent for so long without a job, and is not stopped, hangs.
HUNG_AFTER = 3.0
#: After the deadline a worker has so long to say a word; in leases.
PATIENCE = 0.2
#: A worker whose event loop stands still renews up to the deadline. Before its leases
#: lapse, and others start the jobs, it is ended.
STALLED_PATIENCE = 0.8


#: A worker that has said goodbye has so long to end.
LEAVING_S = 30.0


class Step(Enum):
    """What to do about a worker now."""

    NOTHING = "nothing"
    """It speaks, or it is stopped, and will learn what it has lost when it goes on."""
    RENEW = "renew"
    """It is alive and silent: something holds the interpreter's lock."""
    KILL = "kill"
    """The longest deadline of its jobs has passed, and it cannot end them itself."""


class Told:
    """The words of one worker process; times are seconds of the monotonic clock."""

    def __init__(self) -> None:
        self.consumer = ""
        self.info = ""
        self.until_s = 0.0
        self.kinds: tuple[str, ...] = ()
        self.stalled_s = 0.0
        self.renewed_s = 0.0
        self.unready = "starting"
        self.metrics_port = 0
        self.heard_s = 0.0
        self.is_leaving = False

    def take(self, tell: Tell, now_s: float) -> None:
        """Remember *tell*, which was heard at *now_s*."""
        self.heard_s = now_s
        match tell:
            case Hello():
                self.consumer, self.info = tell.consumer, tell.info
            case Run():
                self.until_s = max(self.until_s, tell.until_s)
                self.kinds = tuple(dict.fromkeys((tell.kind, *self.kinds)))[:KINDS_MAX]
            case Bye():
                self.is_leaving, self.until_s, self.kinds = True, 0.0, ()
                self.unready = "shutting down"
            case Beat():
                self.until_s, self.kinds = tell.until_s, tell.kinds
                self.stalled_s, self.unready = tell.stalled_s, tell.unready
                self.renewed_s = max(self.renewed_s, tell.renewed_s)
                self.metrics_port = tell.metrics_port

    def silent_s(self, now_s: float) -> float:
        """Since the last word; 0 before the first."""
        return now_s - self.heard_s if self.consumer else 0.0

    def judge(self, now_s: float, *, lease_s: float) -> Step:
        """What to do about this worker, whose process is there and not stopped."""
        silent_s = self.silent_s(now_s)
        if self.is_leaving:
            return Step.KILL if silent_s > LEAVING_S else Step.NOTHING
        hung_s = self.heard_s + HUNG_AFTER * lease_s
        deadline_s = self.until_s or hung_s
        if silent_s > lease_s and now_s > deadline_s + PATIENCE * lease_s:
            return Step.KILL
        if silent_s > RENEW_AFTER * lease_s:
            return Step.RENEW if now_s < self.until_s else Step.NOTHING
        is_stalled = self.stalled_s > lease_s and self.until_s > 0
        if is_stalled and now_s > self.until_s + STALLED_PATIENCE * lease_s:
            return Step.KILL
        return Step.NOTHING
