"""What a queue is supposed to hold: a plain model, without a line of Redis.

The machine tells it what it does to the server and what the server chose (entry ids,
which jobs a fetch brought); the model says what the answer has to be and what the server
has to hold afterwards.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from streams.job import Token
from streams.settle import Settled, Verdict

NOBODY, NOBODY_SUSPECT = "-", "-!"
#: A job that was lost so often runs alone; so many losses while alone are its death.
SUSPECT_LOSSES, SOLO_LOSSES_MAX, ALONE_LOSSES_MAX = 2, 2, 8
#: Attempts that a history keeps: the first ones and the last ones.
HISTORY_FIRST, HISTORY_MAX = 10, 50

#: ("said", number) is the row that the machine sent with an outcome; ("lost", who and how)
#: the one that a claim or a supervisor's report writes.
Said = tuple[str, str]

IN_STREAM, DELAYED, VANISHED = "in stream", "delayed", "vanished"
COMPLETED, DEAD, CANCELLED = "completed", "dead", "cancelled"
ENDS = frozenset({COMPLETED, DEAD, CANCELLED})
LEVEL_NAMES = ("critical", "high", "normal", "low")

POSTPONED = frozenset({Verdict.RETRY, Verdict.PARKED, Verdict.SNOOZED, Verdict.CRASHED})
COMES_BACK = POSTPONED | {Verdict.RELEASED}
COUNTED = {Verdict.RETRY: "retried"}


@dataclass
class Life:
    """A job, and where it is."""

    id: str
    level: int
    kind: str
    payload: str
    unique: str = ""
    state: str = IN_STREAM
    entry: str = ""
    owner: str = ""
    """Empty until it is delivered; a nobody once it was handed back."""
    deliveries: int = 0
    is_idle: bool = False
    """Its owner has been silent for a lease."""
    body_gone: bool = False
    """An administrator deleted the entry, or the body of a delayed job."""
    has_record: bool = True
    recorded: str = ""
    """Token of the last outcome that the record knows."""
    record_unique: str = ""
    epoch: int = 0
    fence: int = -1
    attempt: int = 1
    losses: int = 0
    solo: int = 0
    entry_losses: int = 0
    """What the entry says; behind the record while the job stays where it is."""
    released: int = 0
    snoozes: int = 0
    expires: bool = False
    """It was to be begun before a moment that has passed."""
    progress: str = ""
    replays: int = 0
    history: list[Said] = field(default_factory=list)
    last: Said | None = None
    parked: str = ""
    result: str = ""
    cause: str = ""
    dead_entry: str = ""

    @property
    def runs(self) -> bool:
        return self.state == IN_STREAM and bool(self.owner) and not self.handed_back

    @property
    def handed_back(self) -> bool:
        return self.state == IN_STREAM and self.owner in {NOBODY, NOBODY_SUSPECT}

    @property
    def suspect(self) -> bool:
        return self.losses >= SUSPECT_LOSSES

    @property
    def waits(self) -> bool:
        """Never delivered from the place where it is."""
        return self.state == IN_STREAM and not self.owner

    @property
    def token(self) -> Token | None:
        """Of the delivery that runs."""
        return Token(self.level, self.entry, self.owner, self.deliveries) if self.runs else None

    def lose(self, *, alone: bool, words: str = "", limit: int = SOLO_LOSSES_MAX) -> str:
        """One loss more; the cause of its death if it was one too many."""
        self.losses += 1
        self.solo += alone
        if not alone or self.solo < limit:
            return ""
        return f"poison: {words}" if words else "poison"

    def hand_back(self) -> None:
        self.owner, self.is_idle = NOBODY_SUSPECT if self.suspect else NOBODY, True

    def remember(self, said: Said | None) -> None:
        if said is None:
            return
        self.history.append(said)
        if len(self.history) > HISTORY_MAX:
            del self.history[HISTORY_FIRST]

    def leaves(self, state: str) -> None:
        self.state, self.entry, self.owner, self.deliveries = state, "", "", 0
        self.is_idle = self.body_gone = False


@dataclass(frozen=True)
class Letter:
    """A dead letter."""

    entry: str
    id: str
    level: int
    kind: str
    payload: str
    """Empty, as the kind is, where the body was lost."""
    unique: str
    cause: str
    losses: int
    epoch: int
    history: tuple[Said, ...]

    @property
    def has_body(self) -> bool:
        return bool(self.kind)


@dataclass(frozen=True)
class Ending:
    """One outcome as it is sent."""

    token: Token
    id: str
    verdict: Verdict
    detail: str
    said: Said | None


@dataclass
class World:
    """The jobs of one queue, its unique slots, its dead letters and its counters."""

    lives: dict[str, Life] = field(default_factory=dict)
    slots: dict[str, str] = field(default_factory=dict)
    letters: dict[str, Letter] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    wanted: set[str] = field(default_factory=set)
    workers: set[str] = field(default_factory=set)
    paused: set[int] = field(default_factory=set)
    draining: bool = False
    given: set[Token] = field(default_factory=set)
    buried: list[str] = field(default_factory=list)
    """Ids whose dead letters are still to be named by `letter_of`."""

    def count(self, name: str, number: int = 1) -> None:
        if number:
            self.counts[name] = self.counts.get(name, 0) + number

    def some(self, *states: str) -> list[Life]:
        return [life for life in self.lives.values() if life.state in states]

    def running(self) -> list[Life]:
        return [life for life in self.lives.values() if life.runs]

    def at(self, level: int, entry: str) -> Life | None:
        """The job whose place this is."""
        found = (x for x in self.some(IN_STREAM) if (x.level, x.entry) == (level, entry))
        return next(found, None)

    def owned(self, token: Token) -> Life | None:
        """The job that this delivery runs, if it still is its own."""
        life = self.at(token.level, token.entry)
        return life if life is not None and life.token == token else None

    # Arriving and starting.

    def accepts(self, life: Life) -> str:
        """Add a job: "new", "closed", or the id of what is in its way."""
        if life.id in self.lives and self.lives[life.id].has_record:
            return life.id
        if life.unique and life.unique in self.slots:
            return self.slots[life.unique]
        if self.draining:
            return "closed"
        self.lives[life.id] = life
        life.record_unique = life.unique
        if life.unique:
            self.slots[life.unique] = life.id
        self.count("enqueued")
        return "new"

    def starts(self, token: Token, epoch: int) -> Life:
        """A delivery was handed out; checks what must hold of every one of them."""
        life = self.at(token.level, token.entry)
        assert life is not None, f"{token} is the place of no job"
        assert token not in self.given, f"{token} was given out before"
        assert token.deliveries == life.deliveries + 1
        assert epoch == life.epoch
        fence = epoch << 16 | token.deliveries
        assert fence > life.fence, f"the fence of {life.id} fell from {life.fence} to {fence}"
        self.given.add(token)
        life.owner, life.deliveries, life.fence = token.consumer, token.deliveries, fence
        life.is_idle = False
        return life

    # Ending.

    def settles(self, endings: Sequence[Ending]) -> list[Settled]:
        """Record what is still its sender's; all are judged before the first is recorded."""
        answers: list[Settled] = []
        first: dict[tuple[int, str], Settled] = {}
        for ending in endings:
            key = (ending.token.level, str(ending.token))
            answers.append(self._answer(ending, first.get(key)))
            first.setdefault(key, answers[-1])
        for ending, answer in zip(endings, answers, strict=True):
            if answer is Settled.RECORDED:
                self._record(ending)
            elif answer is Settled.LOST:
                self.count("fenced")
        return answers

    def _answer(self, ending: Ending, before: Settled | None) -> Settled:
        """*before* is the answer to the same delivery earlier in this call."""
        if before is not None:
            return Settled.REPEATED if before is Settled.RECORDED else before
        if self.owned(ending.token):
            return Settled.RECORDED
        life = self.lives.get(ending.id)
        known = life is not None and life.recorded == str(ending.token)
        return Settled.REPEATED if known else Settled.LOST

    def _record(self, ending: Ending) -> None:
        life = self.owned(ending.token)
        assert life is not None
        assert life.id == ending.id
        verdict, lost_body = ending.verdict, life.body_gone
        if life.id in self.wanted:
            self.wanted.discard(life.id)
            verdict = Verdict.CANCELLED if verdict in COMES_BACK else verdict
        if (
            lost_body
            and not life.has_record
            and verdict
            not in {
                Verdict.COMPLETED,
                Verdict.CANCELLED,
                Verdict.EXPIRED,
            }
        ):
            life.kind = ""  # nothing has ever written it down
        life.has_record, life.recorded = True, str(ending.token)
        if verdict in {Verdict.COMPLETED, Verdict.CANCELLED}:
            life.last = ending.said
            life.result = ending.detail if verdict is Verdict.COMPLETED else life.result
            self._end(life, verdict.value)
        elif verdict is Verdict.EXPIRED:
            life.last = ending.said
            self._expire(life)
        elif verdict is Verdict.DEAD or lost_body:
            cause = "body lost" if lost_body else ending.detail
            if verdict is Verdict.CRASHED:
                life.lose(alone=True)
            self._bury(life, cause, ending.said, has_body=not lost_body)
        elif verdict is Verdict.CRASHED and (cause := life.lose(alone=True, words=ending.detail)):
            self._bury(life, cause, ending.said, has_body=True)
        else:
            self.count(COUNTED.get(verdict, verdict.value))
            life.record_unique = life.unique
            self._put_back(life, verdict, ending)

    def _put_back(self, life: Life, verdict: Verdict, ending: Ending) -> None:
        if verdict is not Verdict.PARKED:
            life.remember(ending.said)
        life.progress = ""
        if verdict is Verdict.RELEASED:
            life.hand_back()
            life.released += 1
            return
        life.attempt += verdict is Verdict.RETRY
        life.epoch += 1
        life.entry_losses = life.losses or life.entry_losses
        life.parked = ending.detail if verdict in {Verdict.PARKED, Verdict.SNOOZED} else ""
        life.snoozes += verdict is Verdict.SNOOZED
        life.leaves(DELAYED)

    def _end(self, life: Life, state: str) -> None:
        life.leaves(state)
        if life.unique and self.slots.get(life.unique) == life.id:
            del self.slots[life.unique]
        self.count(state)

    def _expire(self, life: Life) -> None:
        life.cause = "expired"
        self._end(life, CANCELLED)
        self.count("expired")

    def _bury(self, life: Life, cause: str, said: Said | None, *, has_body: bool) -> None:
        letter = Letter(
            entry="",
            id=life.id,
            level=life.level,
            kind=life.kind if has_body else "",
            payload=life.payload if has_body else "",
            unique=life.unique if has_body else "",
            cause=cause,
            losses=life.losses,
            epoch=life.epoch,
            history=(*life.history, *([said] if said else [])),
        )
        self.letters[f"of {life.id}"] = letter
        life.remember(said)
        life.cause = cause
        self._end(life, DEAD)
        self.buried.append(life.id)

    def names_letter(self, job_id: str, entry: str) -> None:
        """The server chose the entry of the dead letter that was just written."""
        letter = self.letters.pop(f"of {job_id}")
        assert entry not in self.letters
        self.letters[entry] = Letter(**{**letter.__dict__, "entry": entry})
        self.lives[job_id].dead_entry = entry

    # Losing and taking over.

    def claims(self, consumer: str, life: Life, seen_as: str) -> bool:
        """Take a job over; True where it is to be started, False where it is dead now."""
        return self._survives(life, seen_as, "" if consumer == life.owner else life.owner)

    def must_run_alone(self, consumer: str, life: Life) -> bool:
        """True where *consumer*, taking it over, would get a suspect that lives."""
        charged = life.runs and life.owner != consumer
        dies = charged and life.suspect and life.solo + 1 >= ALONE_LOSSES_MAX
        return not (life.body_gone or dies) and life.losses + charged >= SUSPECT_LOSSES

    def abandons(self, life: Life, seen_as: str, cause: str) -> bool:
        """Its owner is known to be dead (*cause*) or to know nothing of it; True if it lives."""
        lives = self._survives(life, seen_as, life.owner if cause else "", cause)
        if lives:
            life.hand_back()
            self.count("abandoned")
        return lives

    def _survives(self, life: Life, seen_as: str, lost_by: str, reason: str = "") -> bool:
        if life.body_gone and seen_as != life.id:
            life = self._ghost(life)
        lost_by = "" if lost_by in {NOBODY, NOBODY_SUSPECT} else lost_by
        if life.body_gone and not life.has_record:
            life.kind = ""  # nothing has ever written it down
        life.has_record = True
        said, cause = None, ""
        if lost_by:
            alone = life.suspect
            cause = life.lose(alone=alone, words=reason, limit=ALONE_LOSSES_MAX)
            self.count("lost")
            said = ("lost", f"{lost_by} {reason} {alone}")
        if life.body_gone:
            cause = "body lost"
        if not cause:
            life.remember(said)
            life.progress = ""
            return True
        self.wanted.discard(life.id)
        self._bury(life, cause, said, has_body=not life.body_gone)
        return False

    def _ghost(self, life: Life) -> Life:
        """The entry was all that named the job: its dead letter has an id made of the place.

        Unless somebody saw the entry while it was there.
        """
        name = f"{LEVEL_NAMES[life.level - 1]}-{life.entry}"
        if life.id == name:
            return life
        life.state, life.owner, life.deliveries = VANISHED, "", 0
        ghost = self.lives[name] = Life(name, life.level, "", "", body_gone=True)
        return ghost

    def promotes(self, job_id: str, entry: str) -> None:
        """The time of a delayed job has come; without an entry its body was gone."""
        life = self.lives[job_id]
        if life.body_gone:
            self._bury(life, "body lost", None, has_body=False)
            return
        if self.is_late(life):
            self._expire(life)
            return
        life.leaves(IN_STREAM)
        life.entry = entry
        self.count("promoted")

    @staticmethod
    def is_late(life: Life) -> bool:
        """Its expiry is over, and no attempt has come to anything so far."""
        return life.expires and life.attempt == 1 and not life.snoozes

    # What operators do.

    def cancels(self, job_id: str) -> str:
        """The answer: unknown, cancelled, asked or ended."""
        life = self.lives.get(job_id)
        if life is None or not life.has_record:
            return "unknown"
        if life.state in ENDS:
            return "ended"
        if life.runs:
            self.wanted.add(job_id)
            return "asked"
        # Cancelled by its record, which says nothing of a slot that it never held.
        self.wanted.discard(job_id)
        life.unique, unique = life.record_unique, life.unique
        self._end(life, CANCELLED)
        life.unique = unique
        return "cancelled"

    def clears(self, levels: Collection[int], *, running: bool) -> tuple[int, int]:
        """How many have ended, and how many consumers were asked."""
        here = [x for x in self.some(IN_STREAM, DELAYED) if x.level in levels]
        ended = asked = 0
        for life in here:
            if life.runs:
                if running and not life.body_gone:
                    self.wanted.add(life.id)
                    asked += 1
            elif life.state == DELAYED or not life.body_gone:
                life.has_record = True
                self.wanted.discard(life.id)
                self._end(life, CANCELLED)
                ended += 1
        return ended, asked

    def removes(self, job_id: str) -> str:
        life = self.lives.get(job_id)
        if life is None or not life.has_record:
            return "unknown"
        if life.runs:
            return "running"
        self.wanted.discard(job_id)
        if life.record_unique and self.slots.get(life.record_unique) == job_id:
            del self.slots[life.record_unique]
        self.letters.pop(life.dead_entry, None)
        del self.lives[job_id]
        self.count("removed")
        return "removed"

    def reprioritises(self, job_id: str, level: int) -> str:
        """The answer; one that was moved in the streams still wants its entry."""
        life = self.lives.get(job_id)
        if life is None or not life.has_record:
            return "unknown"
        if life.state in ENDS:
            return "ended"
        if life.level == level:
            return "as_it_was"
        if life.owner:
            return "begun"
        if life.state == VANISHED:
            return "entry_gone"
        life.level = level
        self.count("reprioritised")
        if life.state == IN_STREAM:
            life.epoch += 1
            life.entry_losses = life.losses or life.entry_losses
        return "moved"

    def replays(self, letter: Letter) -> str:
        """The answer: live, body lost, taken or ready; a ready one still wants its entry."""
        life = self.lives.get(letter.id)
        if life is not None and life.has_record and life.state not in ENDS:
            return "live"
        if not letter.has_body:
            return "body_lost"
        if letter.unique and self.slots.get(letter.unique, letter.id) != letter.id:
            return "taken"
        del self.letters[letter.entry]
        self.count("replayed")
        again = Life(letter.id, letter.level, letter.kind, letter.payload, letter.unique)
        again.epoch, again.record_unique = letter.epoch + 1, letter.unique
        if letter.unique:
            self.slots[letter.unique] = letter.id
        for said in letter.history if life is None or not life.history else life.history:
            again.remember(said)
        again.remember(("replayed", f"{letter.entry} {letter.cause}"))
        if life is not None:
            again.last, again.parked, again.released = life.last, life.parked, life.released
            again.replays = life.replays
            again.fence = life.fence if life.dead_entry == letter.entry else -1
        again.replays += 1
        self.lives[letter.id] = again
        return "ready"

    def purges(self, letter: Letter) -> None:
        del self.letters[letter.entry]
        self.count("purged")
        life = self.lives.get(letter.id)
        if life is not None and life.dead_entry == letter.entry:
            del self.lives[letter.id]
