"""The life of jobs under any order of events, against a model of a few dictionaries.

Hypothesis draws the events (with any token that was ever given out), a real server carries
them out, and after each of them every job must be in the one place where the model has it.
A failing run is shortened and printed as a program. `MILLSTREAM_LIFECYCLE_RUNS` asks for
more runs than the few of every day.
"""

import asyncio
import os
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import ClassVar, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from streams.cancel import Cancellation
from streams.dead import purge
from streams.enqueue import Acceptance
from streams.job import ALONE_LOSSES_MAX, SOLO_LOSSES_MAX, SUSPECT_LOSSES, Delivery, Token
from streams.keys import NOBODIES, NOBODY_SUSPECT
from streams.letter import DeadLetter
from streams.priority import LEVELS, Priority
from streams.replay import Replayed
from streams.settle import Settled, Verdict
from streams.state import ENDS, State
from tests.support.queues import QueueUnderTest, job
from tests.support.snapshots import snapshot

RUNS = int(os.environ.get("MILLSTREAM_LIFECYCLE_RUNS", "20"))
STEPS = 50
IDS, SLOTS, CONSUMERS = ("a", "b", "c", "d", "e", "f"), ("", "u", "v"), ("one", "two", "three")
#: What a verdict adds to the history, which is what the attempt's row says.
SAID = "error"
COMING_BACK = {*Verdict} - {Verdict.COMPLETED, Verdict.DEAD, Verdict.CANCELLED}

Answer = TypeVar("Answer")


@dataclass
class Life:
    """A job as the model has it."""

    id: str
    priority: Priority
    unique: str = ""
    state: State = State.READY
    handed_back: bool = False
    token: Token | None = None
    """Of the delivery that runs."""
    recorded: Token | None = None
    """Of the last outcome that its record knows."""
    fence: int = 0
    attempt: int = 1
    losses: int = 0
    solo: int = 0
    released: int = 0
    replays: int = 0
    wanted: bool = False
    """Somebody asked for its end while it ran."""
    history: list[str] = field(default_factory=list)
    letter: str = ""

    @property
    def is_kept_for_claimers(self) -> bool:
        """It was handed back as a suspect: no fetch takes it."""
        return self.handed_back and self.losses >= SUSPECT_LOSSES

    def is_lost(self) -> None:
        """Its consumer is gone; what is a suspect ran alone."""
        self.solo += self.losses >= SUSPECT_LOSSES
        self.losses += 1

    def ends(self, state: State) -> None:
        self.state, self.token, self.handed_back, self.wanted = state, None, False, False


class Lifecycle(RuleBasedStateMachine):
    """A queue, its model, and everything that can happen to both."""

    url: ClassVar[str]

    def __init__(self) -> None:
        super().__init__()
        self._runner = asyncio.Runner()
        self._client = Redis.from_url(self.url, retry=Retry(NoBackoff(), 0))
        self.queue = QueueUnderTest(self._client)
        self.jobs: dict[str, Life] = {}
        self.slots: dict[str, str] = {}
        self.letters: dict[str, DeadLetter] = {}
        self.given: set[Token] = set()
        self.held: list[Delivery] = []
        self.counts: dict[str, int] = {}

    def teardown(self) -> None:
        self.do(self._client.aclose())
        self._runner.close()

    def do(self, awaitable: Awaitable[Answer]) -> Answer:
        async def run() -> Answer:
            return await awaitable

        return self._runner.run(run())

    def count(self, name: str, number: int = 1) -> None:
        if number:
            self.counts[name] = self.counts.get(name, 0) + number

    @initialize(later=st.sets(st.sampled_from(IDS)))
    def open(self, later: set[str]) -> None:
        """Some jobs are there from the start, so that there is something to happen to."""
        self.do(self._client.flushdb())
        self.do(self.queue.open())
        for number, name in enumerate(IDS[1:]):
            self.enqueue(name, SLOTS[number % 2], LEVELS[number % 4], later=name in later)

    def some(self, *states: State) -> list[Life]:
        """The jobs in these states."""
        return [life for life in self.jobs.values() if life.state in states]

    @rule(data=st.data())
    def something_happens(self, data: st.DataObject) -> None:
        """One rule draws all events: of many, Hypothesis switches some off for a whole run.

        A queue in which nobody fetches has no life.
        """
        possible = {
            self.enqueue_something: 2,
            self.fetch: 4 if self.some(State.READY) else 0,
            self.settle: 5 if self.some(State.RUNNING) else 0,
            self.settle_again: 2 if self.held else 0,
            self.renew: 1 if self.held else 0,
            self.claim: 4 if self.some(State.RUNNING) or self.waiting_back() else 0,
            self.abandon: 2 if self.some(State.RUNNING) else 0,
            self.promote: 2 if self.some(State.DELAYED) else 0,
            self.cancel: 1,
            self.replay: 1 if self.letters else 0,
            self.purge: 1 if self.letters else 0,
            self.forget: 1 if self.some(*ENDS) else 0,
        }
        names = [event.__name__ for event, weight in possible.items() for _ in range(weight)]
        getattr(self, data.draw(st.sampled_from(names), label="event"))(data)

    def enqueue_something(self, data: st.DataObject) -> None:
        self.enqueue(
            data.draw(st.sampled_from(IDS)),
            data.draw(st.sampled_from(SLOTS)),
            data.draw(st.sampled_from(LEVELS)),
            later=data.draw(st.booleans()),
        )

    def enqueue(self, name: str, slot: str, priority: Priority, *, later: bool) -> None:
        delay_ms = 3_600_000 if later else 0
        sent = job(id=name, unique=slot or None, priority=priority, delay_ms=delay_ms)

        [answer] = self.do(self.queue.add(sent))

        if name in self.jobs:
            assert (answer.id, answer.acceptance) == (name, Acceptance.EXISTS)
            return
        if slot in self.slots:
            assert (answer.id, answer.acceptance) == (self.slots[slot], Acceptance.UNIQUE_TAKEN)
            return
        assert answer.acceptance is (Acceptance.DELAYED if later else Acceptance.READY)
        state = State.DELAYED if later else State.READY
        self.jobs[name] = Life(name, priority, slot, state)
        if slot:
            self.slots[slot] = name
        self.count("enqueued")

    def fetch(self, data: st.DataObject) -> None:
        waiting = [each for each in self.some(State.READY) if not each.is_kept_for_claimers]
        back = {each.id for each in waiting if each.handed_back}
        consumer, slots = data.draw(st.sampled_from(CONSUMERS)), data.draw(st.integers(1, 4))
        served = data.draw(st.integers(0, 30))

        taken = self.do(self.queue.fetch(consumer, slots=slots, served=served))

        assert len(taken) == min(slots, len(waiting))
        assert {each.id for each in taken} <= {each.id for each in waiting}
        assert sum(each.id in back for each in taken) == min(slots, len(back))
        for delivery in taken:
            self.starts(delivery)

    def starts(self, delivery: Delivery) -> None:
        life = self.jobs[delivery.id]
        assert delivery.flaw == ""
        assert delivery.token not in self.given
        assert delivery.fence > life.fence or life.fence == 0
        assert (delivery.attempt, delivery.token.level) == (life.attempt, life.priority.level)
        self.given.add(delivery.token)
        self.held.append(delivery)
        life.state, life.handed_back = State.RUNNING, False
        life.token, life.fence = delivery.token, delivery.fence

    def settle(self, data: st.DataObject) -> None:
        """A run ends."""
        running = [each for each in self.held if self.runs(each)]
        self.settles(data.draw(st.sampled_from(running)), data.draw(st.sampled_from(Verdict)))

    def settle_again(self, data: st.DataObject) -> None:
        """Any delivery that ever was is settled: by a repetition, or by a zombie."""
        self.settles(data.draw(st.sampled_from(self.held)), data.draw(st.sampled_from(Verdict)))

    def settles(self, delivery: Delivery, verdict: Verdict) -> None:
        life = self.jobs.get(delivery.id)

        answer = self.do(self.queue.settle(delivery, verdict, detail=b'"x"', delay_ms=3_600_000))

        if life is None or life.token != delivery.token:
            repeated = life is not None and life.recorded == delivery.token
            assert answer is (Settled.REPEATED if repeated else Settled.LOST)
            self.count("fenced", 0 if repeated else 1)
            return
        assert answer is Settled.RECORDED
        if life.wanted and verdict in COMING_BACK:
            verdict = Verdict.CANCELLED
        if verdict is Verdict.CRASHED:
            life.losses += 1
            life.solo += 1
            verdict = Verdict.DEAD if life.solo >= SOLO_LOSSES_MAX else verdict
        life.recorded = delivery.token
        if verdict is not Verdict.PARKED:
            life.history.append(SAID)
        self.count({"retry": "retried"}.get(verdict.value, verdict.value))
        if verdict is Verdict.RELEASED:
            life.ends(State.READY)
            life.handed_back = True
            life.released += 1
        elif verdict in COMING_BACK:
            life.ends(State.DELAYED)
            life.attempt += verdict is Verdict.RETRY
        else:
            self.ended(life, State(verdict.value))

    def ended(self, life: Life, state: State) -> None:
        life.ends(state)
        if self.slots.get(life.unique) == life.id:
            del self.slots[life.unique]
        if state is State.DEAD:
            letter = self.do(self.queue.letter(life.id))
            assert letter.dead_entry not in self.letters
            assert [each["outcome"] for each in letter.history] == life.history
            assert (letter.payload, letter.priority) == (b"{}", life.priority)
            life.letter = letter.dead_entry
            self.letters[letter.dead_entry] = letter

    def renew(self, data: st.DataObject) -> None:
        consumer = data.draw(st.sampled_from(CONSUMERS))
        mine = [each for each in self.held if each.token.consumer == consumer]

        renewal = self.do(self.queue.renew(*mine, consumer=consumer))

        current = {life.token: life for life in self.jobs.values() if life.token}
        assert renewal.lost == {each.token for each in mine} - current.keys()
        assert renewal.cancel == {
            each.token for each in mine if each.token in current and current[each.token].wanted
        }

    def claim(self, data: st.DataObject) -> None:
        """Some of those who run fall silent; a sweep takes over, and what was handed back too."""
        running = [each for each in self.held if self.runs(each)]
        silent = [each for each in running if data.draw(st.booleans())]
        back, consumer = self.waiting_back(), data.draw(st.sampled_from(CONSUMERS))
        self.do(self.queue.lapse(*silent))

        claimed = self.do(self.queue.claim(consumer))

        died = self.lost([each for each in silent if each.token.consumer != consumer])
        assert {each.id for each in claimed.dead} == died
        assert {each.id for each in claimed.deliveries} == ({*back} | {x.id for x in silent}) - died
        for delivery in claimed.deliveries:
            assert delivery.losses == self.jobs[delivery.id].losses
            self.starts(delivery)

    def abandon(self, data: st.DataObject) -> None:
        """A consumer is seen to die, or finds what it never learned that it has."""
        running = [each for each in self.held if self.runs(each)]
        consumer = data.draw(st.sampled_from(sorted({each.token.consumer for each in running})))
        cause = data.draw(st.sampled_from(["", "killed by SIGKILL"]))
        gone = [each for each in running if each.token.consumer == consumer]

        abandoned = self.do(self.queue.abandon(consumer, cause=cause))

        died = self.lost(gone) if cause else set[str]()
        assert {each.id for each in abandoned.dead} == died
        assert {each.id for each in abandoned.handed_back} == {each.id for each in gone} - died
        for each in abandoned.handed_back:
            life = self.jobs[each.id]
            life.state, life.token, life.handed_back = State.READY, None, True
        self.count("abandoned", len(abandoned.handed_back))

    def lost(self, deliveries: list[Delivery]) -> set[str]:
        """Their consumers died; returns the jobs for which that was one loss too many."""
        died: set[str] = set()
        for delivery in deliveries:
            life = self.jobs[delivery.id]
            alone = life.losses >= SUSPECT_LOSSES
            life.is_lost()
            life.history.append("lost")
            self.count("lost")
            if alone and life.solo >= ALONE_LOSSES_MAX:
                died.add(life.id)
                self.count("dead")
                self.ended(life, State.DEAD)
        return died

    def waiting_back(self) -> list[str]:
        return [life.id for life in self.jobs.values() if life.handed_back]

    def runs(self, delivery: Delivery) -> bool:
        life = self.jobs.get(delivery.id)
        return life is not None and life.token == delivery.token

    def promote(self, data: st.DataObject) -> None:
        due = [life.id for life in self.some(State.DELAYED) if data.draw(st.booleans())]
        self.do(self.queue.make_due(*due))

        moved, _ = self.do(self.queue.promote())

        assert moved == len(due)
        self.count("promoted", moved)
        for name in due:
            self.jobs[name].state = State.READY

    def cancel(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(IDS))
        life = self.jobs.get(name)

        answer = self.do(self.queue.cancel(name))

        if life is None:
            assert answer is Cancellation.UNKNOWN
        elif life.state in ENDS:
            assert answer is Cancellation.ENDED
        elif life.state is State.RUNNING:
            assert answer is Cancellation.ASKED
            life.wanted = True
        else:
            assert answer is Cancellation.CANCELLED
            self.count("cancelled")
            self.ended(life, State.CANCELLED)

    def replay(self, data: st.DataObject) -> None:
        letter = data.draw(st.sampled_from(list(self.letters.values())))
        life = self.jobs.get(letter.id)

        answer = self.do(self.queue.replay(letter))

        if life and life.state not in ENDS:
            assert answer is Replayed.LIVE
            return
        slot = letter.fields.get("unique", b"").decode()
        if self.slots.get(slot, letter.id) != letter.id:
            assert answer is Replayed.TAKEN
            return
        assert answer is Replayed.READY
        del self.letters[letter.dead_entry]
        self.count("replayed")
        again = Life(letter.id, letter.priority, slot)
        again.history = [str(each["outcome"]) for each in letter.history]
        if life:
            again.history = life.history or again.history
            again.released, again.replays = life.released, life.replays
            again.fence = life.fence if life.letter == letter.dead_entry else 0
        again.replays += 1
        if slot:
            self.slots[slot] = letter.id
        again.history.append("replayed")
        self.jobs[letter.id] = again

    def purge(self, data: st.DataObject) -> None:
        letter = data.draw(st.sampled_from(list(self.letters.values())))

        assert self.do(purge(self.queue.server, self.queue.keys, [letter])) == 1

        del self.letters[letter.dead_entry]
        self.count("purged")
        life = self.jobs.get(letter.id)
        if life and life.letter == letter.dead_entry and life.state is State.DEAD:
            del self.jobs[letter.id]

    def forget(self, data: st.DataObject) -> None:
        """The record of an ended job expires; its dead letter stays."""
        name = data.draw(st.sampled_from([life.id for life in self.some(*ENDS)]))
        keys = self.queue.keys
        self.do(self._client.delete(keys.job(name), keys.history(name)))
        del self.jobs[name]

    @invariant()
    def every_job_is_in_exactly_one_place(self) -> None:
        found = self.do(snapshot(self._client, self.queue.keys))

        def of(*states: State) -> list[str]:
            return sorted(life.id for life in self.jobs.values() if life.state in states)

        assert sorted(found.streams) == of(State.READY, State.RUNNING)
        assert sorted(found.delayed) == sorted(found.bodies) == of(State.DELAYED)
        assert found.records == {
            life.id: State.READY if life.state is State.RUNNING else life.state
            for life in self.jobs.values()
        }
        assert {row for row in found.pending if row[2] not in NOBODIES} == {
            (token.level, token.entry, token.consumer, token.deliveries)
            for life in self.jobs.values()
            if (token := life.token)
        }
        assert sum(row[2] in NOBODIES for row in found.pending) == len(self.waiting_back())
        assert sum(row[2] == NOBODY_SUSPECT for row in found.pending) == sum(
            life.is_kept_for_claimers for life in self.jobs.values()
        )
        assert found.letters == self.letters.keys()
        assert found.slots == self.slots
        assert found.wanted == {life.id for life in self.jobs.values() if life.wanted}
        assert found.counters == self.counts

    @invariant()
    def each_record_tells_what_has_happened(self) -> None:
        for life in self.jobs.values():
            view = self.do(self.queue.look(life.id))
            counts = (life.attempt, life.losses, life.solo, life.released, life.replays)
            assert view.state is life.state
            assert (view.attempt, view.losses, view.solo, view.released, view.replays) == counts
            assert [each["outcome"] for each in view.history] == life.history
            assert view.owner == (life.token.consumer if life.token else "")
            assert (view.state is State.DEAD) == bool(view.dead_entry)


@pytest.mark.leaves_jobs
def test_every_order_of_events_leaves_each_job_in_one_place(redis_url: str) -> None:
    Lifecycle.url = redis_url
    run_state_machine_as_test(
        Lifecycle,
        settings=settings(
            max_examples=RUNS,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
            # Tracing every line to explain a failure takes minutes here.
            phases=set(Phase) - {Phase.explain},
        ),
    )
