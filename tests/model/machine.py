"""Everything that can happen to a queue, in any order, against the model.

Hypothesis draws what happens; a real server and the model carry it out; after each step the
server must hold what the model has. A failing run is shortened and printed as a program.
"""

import copy
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeVar

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from streams.claim import Lapsed
from streams.enqueue import Acceptance
from streams.job import Delivery, NewJob, Token, tenant_of
from streams.priority import LEVELS
from streams.settle import Outcome, Verdict
from tests.model.invariants import check, same
from tests.model.real import Real
from tests.model.world import (
    DELAYED,
    ENDS,
    IN_STREAM,
    LEVEL_NAMES,
    QUEUED,
    VANISHED,
    Ending,
    Life,
    World,
)

IDS, SLOTS, CONSUMERS = ("a", "b", "c", "d", "e", "f"), ("", "u", "v"), ("one", "two", "three")
TENANTS = ("", "x", "y:z")
VERDICTS = tuple(Verdict)
HOUR_MS = 3_600_000
#: Windows of a sweep that a claimer still has before it claims.
SIGHTED_MAX = 20

Value = TypeVar("Value")
#: An event, and how often it is drawn in comparison with others.
Chance = tuple[Callable[["Machine"], None], int]


class Machine(RuleBasedStateMachine):
    """A queue, its model, and all that happens to both."""

    real: ClassVar[Real]
    steps: ClassVar[list[int]]
    """One number: the transitions of all runs together."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.held: list[Delivery] = []
        """Every delivery that ever was, zombies included."""
        self.known: set[Token] = set()
        """Deliveries whose consumer learned of them."""
        self.sighted: list[Lapsed] = []
        self.backup: tuple[Any, World] | None = None
        self.number = 0
        self._data: st.DataObject | None = None

    def pick(self, values: Sequence[Value], label: str) -> Value:
        assert self._data is not None
        return self._data.draw(st.sampled_from(values), label=label)

    def pick_one(self, values: Sequence[Value], label: str) -> Value:
        """One of things that are long to print; a failing program shows its number."""
        return values[self.pick(range(len(values)), label)]

    def flip(self, label: str) -> bool:
        return self.pick((False, True), label)

    def some_of(self, values: Sequence[Value], label: str) -> list[Value]:
        chosen = self.pick(range(1 << min(len(values), 6)), label)
        return [value for at, value in enumerate(values) if chosen >> at & 1]

    @initialize(data=st.data())
    def open(self, data: st.DataObject) -> None:
        """Some jobs are there from the start, so that there is something to happen to."""
        self._data = data
        self.real.empty()
        later = self.pick(range(32), "later")
        # Where all come to one level and few may wait there, the others wait for their turn.
        share(self)
        levels = 1 if self.world.window else len(LEVELS)
        for number, name in enumerate(IDS[1:]):
            job = NewJob(
                kind="test.echo",
                payload=b"{}",
                id=name,
                unique=SLOTS[number % 2] or None,
                priority=LEVELS[number % levels],
                meta={"tenant_id": TENANTS[number % 2]},
                delay_ms=HOUR_MS * (later >> number & 1),
            )
            self.accept(job)

    @rule(data=st.data())
    def something_happens(self, data: st.DataObject) -> None:
        """One rule draws all events: of many, Hypothesis switches some off for a whole run.

        A queue in which nobody fetches has no life.
        """
        self._data = data
        world = self.world
        in_stream = world.some(IN_STREAM)
        running = [life for life in in_stream if life.runs]
        chances: list[Chance] = [
            (enqueue, 2),
            (enqueue_raw, 1 if len(world.lives) < 12 else 0),
            (fetch, 4 if len(in_stream) > len(running) else 0),
            (settle_own, 5 if running else 0),
            (settle_any, 2 if self.held else 0),
            (renew, 1 if self.held else 0),
            (progress, 1 if self.held else 0),
            (restamp, 1),
            (fall_silent, 2 if running else 0),
            (sweep, 1 if running else 0),
            (claim, 3 if in_stream else 0),
            (claim_sighted, 1 if self.sighted else 0),
            (abandon, 2 if running else 0),
            (promote, 2 if world.some(DELAYED) else 0),
            (admit, 6 if world.some(QUEUED) else 0),
            (share, 1 if world.window else 3),
            (cancel, 1),
            (reprioritise, 1),
            (clear, 1),
            (remove, 1),
            (pause, 1),
            (resume, 3 if world.paused else 0),
            (drain, 2 if world.draining else 1),
            (replay, 1 if world.letters else 0),
            (purge, 1 if world.letters else 0),
            (forget, 1 if world.some(*ENDS) else 0),
            (delete_body, 1 if in_stream or world.some(DELAYED, QUEUED) else 0),
            (retire, 1),
            (back_up, 1),
            (fail_over, 1 if self.backup else 0),
            (forget_scripts, 1),
        ]
        by_name = {event.__name__: event for event, _ in chances}
        names = [event.__name__ for event, weight in chances for _ in range(weight)]
        by_name[self.pick(names, "event")](self)
        self.steps[0] += 1

    @invariant()
    def the_server_holds_what_the_model_has(self) -> None:
        check(self.world, self.real.held())

    # What several events share.

    def accept(self, job: NewJob) -> None:
        [answer] = self.real.add(job)
        life = Life(job.id, job.priority.level, job.kind, job.payload.decode(), job.unique or "")
        life.expires = job.expires_ms > 0
        life.tenant = tenant_of(job.meta)
        must_queue = self.world.must_queue(life.level)
        before = self.world.lives.get(job.id)
        expected = self.world.accepts(life)
        if expected == "closed":
            assert answer.acceptance is Acceptance.CLOSED
        elif expected != "new":
            exists = before is not None and before.has_record
            wanted = Acceptance.EXISTS if exists else Acceptance.UNIQUE_TAKEN
            assert (answer.acceptance, answer.id) == (wanted, expected)
            assert answer.raised is self.hurried(expected, job.priority.level)
        elif job.delay_ms:
            assert answer.acceptance is Acceptance.DELAYED
            life.state = DELAYED
        elif must_queue:
            assert answer.acceptance is Acceptance.QUEUED
            self.world.queues(life)
        else:
            assert answer.acceptance is Acceptance.READY
            life.entry = self.last_entry(life.level)

    def hurried(self, name: str, level: int) -> bool:
        """Somebody has asked for a job that is there; True where that made it more urgent."""
        life = self.world.lives.get(name)
        if life is None or level >= life.level:
            return False
        moved = self.world.reprioritises(name, level) == "moved"
        if moved and life.state == IN_STREAM:
            life.entry = self.last_entry(level)
        return moved

    def last_entry(self, level: int) -> str:
        return str(self.real.raw.xrevrange(self.real.stream(level), count=1)[0][0])

    def given(self, deliveries: Sequence[Delivery], *, losses_of_record: bool) -> None:
        for delivery in deliveries:
            life = self.world.starts(delivery.token, delivery.epoch)
            losses = life.losses if losses_of_record else life.entry_losses
            assert delivery.flaw == ""
            assert (delivery.id, delivery.kind, delivery.payload.decode()) == (
                life.id,
                life.kind,
                life.payload,
            )
            told = (delivery.attempt, delivery.losses, delivery.snoozes)
            same("delivery", told, (life.attempt, losses, life.snoozes))
            self.held.append(delivery)

    def buried(self) -> None:
        """The server has chosen the places of new dead letters, in the order of their deaths."""
        names, self.world.buried = self.world.buried, []
        if names:
            rows = self.real.raw.xrevrange(self.real.keys.dead, count=len(names))
            for name, (entry, _) in zip(names, reversed(rows), strict=True):
                self.world.names_letter(name, entry)

    def settle(self, deliveries: Sequence[Delivery]) -> None:
        """End deliveries of one consumer in one call."""
        endings: list[Ending] = []
        for delivery in deliveries:
            self.number += 1
            verdict = self.pick(VERDICTS, "verdict")
            detail = {Verdict.COMPLETED: f'"{self.number}"'}.get(verdict, f"why {self.number}")
            said = ("said", str(self.number)) if self.number % 5 else None
            endings.append(Ending(delivery.token, delivery.id, verdict, detail, said))
        note(f"settle {endings}")
        outcomes = [
            Outcome(
                delivery,
                ending.verdict,
                ending.detail,
                f'{{"n":{ending.said[1]}}}'.encode() if ending.said else b"",
                HOUR_MS,
            )
            for delivery, ending in zip(deliveries, endings, strict=True)
        ]
        answers = self.real.settle(deliveries[0].token.consumer, outcomes)
        same("answers", answers, self.world.settles(endings))
        self.buried()


def enqueue(machine: Machine) -> None:
    unique = machine.pick(SLOTS, "unique")
    machine.accept(
        NewJob(
            kind="test.echo",
            payload=b"{}",
            id=machine.pick(IDS, "id"),
            unique=unique or None,
            meta={"tenant_id": machine.pick(TENANTS, "tenant")},
            priority=machine.pick(LEVELS, "level"),
            delay_ms=HOUR_MS if machine.flip("later") else 0,
            expires_ms=1 if machine.flip("expires") else 0,
        )
    )


def enqueue_raw(machine: Machine) -> None:
    """Another service sends one with a plain XADD: no record, no slot, perhaps no id."""
    machine.number += 1
    level = machine.pick(range(1, 5), "level")
    fields = {"kind": "test.raw", "payload": '{"raw":1}'}
    if named := machine.flip("named"):
        fields |= {"id": f"raw{machine.number}", "unique": "u"}
    entry = machine.real.add_raw(level, fields)
    name = f"raw{machine.number}" if named else f"{LEVEL_NAMES[level - 1]}-{entry}"
    life = Life(name, level, fields["kind"], fields["payload"], fields.get("unique", ""))
    life.entry, life.has_record = entry, False
    machine.world.lives[name] = life


def fetch(machine: Machine) -> None:
    """What was handed back comes first, then the oldest of each level."""
    world = machine.world
    consumer, slots = machine.pick(CONSUMERS, "consumer"), machine.pick(range(1, 5), "slots")
    here = [life for life in world.some(IN_STREAM) if life.level not in world.paused]
    back = [x for x in here if x.owner == "-" and not x.body_gone]
    waiting = [life for life in here if life.waits]

    taken = machine.real.fetch(consumer, slots, machine.pick(range(30), "served"))

    # One that was handed back and has lost its body may hide another, until a claim reports it.
    hidden = sum(x.owner == "-" and x.body_gone for x in here)
    most = min(slots, len(back) + len(waiting))
    assert most - hidden <= len(taken) <= most
    names = {life.id for life in back}
    firsts = sum(each.id in names for each in taken)
    assert firsts >= min(slots, len(back)) - hidden
    assert {each.id for each in taken[:firsts]} <= names
    for level in range(1, 5):
        oldest = sorted((_moment(x.entry), x.id) for x in waiting if x.level == level)
        new = [each.id for each in taken[firsts:] if each.token.level == level]
        assert new == [name for _, name in oldest[: len(new)]]
    machine.given(taken, losses_of_record=False)
    if not machine.flip("answer lost"):
        machine.known |= {each.token for each in taken}


def _moment(entry: str) -> tuple[int, int]:
    ms, _, sequence = entry.partition("-")
    return int(ms), int(sequence)


def settle_own(machine: Machine) -> None:
    """Runs end, several of one consumer together."""
    running = [each for each in machine.held if machine.world.owned(each.token)]
    first = machine.pick_one(running, "run")
    same = [each for each in running if each.token.consumer == first.token.consumer]
    machine.settle([first, *(each for each in machine.some_of(same, "with") if each != first)])


def settle_any(machine: Machine) -> None:
    """Any delivery that ever was is settled: by a repetition, a zombie, or a forger."""
    delivery = machine.pick_one(machine.held, "run")
    forged = machine.pick(("", "consumer", "count", "twice"), "forged")
    if forged == "twice":
        machine.settle([delivery, delivery])
        return
    if forged == "consumer":
        delivery = _with(delivery, consumer=machine.pick(CONSUMERS, "by"))
    elif forged == "count":
        delivery = _with(delivery, deliveries=delivery.token.deliveries + 1)
    life = machine.world.owned(delivery.token)
    if life is None or life.id == delivery.id:
        machine.settle([delivery])


def _with(delivery: Delivery, **changes: Any) -> Delivery:
    return delivery._replace(token=delivery.token._replace(**changes))


def renew(machine: Machine) -> None:
    consumer, world = machine.pick(CONSUMERS, "consumer"), machine.world
    mine = [each for each in machine.held if each.token.consumer == consumer]

    renewal = machine.real.renew(consumer, [(each.token, each.id) for each in mine])

    world.workers.add(consumer)
    kept = {each.token: life for each in mine if (life := world.owned(each.token))}
    assert renewal.lost == {each.token for each in mine} - kept.keys()
    assert renewal.cancel == {token for token in kept if kept[token].id in world.wanted}
    for life in kept.values():
        life.is_idle = life.is_idle and life.body_gone


def progress(machine: Machine) -> None:
    """A handler says how far it is, a zombie too."""
    delivery = machine.pick_one(machine.held, "run")
    life = machine.world.owned(delivery.token)
    if life is not None and life.id != delivery.id:
        return
    assert machine.real.progress(delivery, 0.5) == (life is not None)
    if life is not None:
        life.progress = '{"fraction":0.5,"message":"m"}'
        life.has_record = True


def restamp(machine: Machine) -> None:
    """A repair after a jump of the clock, which did not jump: it may touch, and must not move."""
    assert machine.real.restamp() >= 0


def fall_silent(machine: Machine) -> None:
    running = [life for life in machine.world.running() if not life.body_gone]
    for life in machine.some_of(running, "silent"):
        assert life.token is not None
        machine.real.fall_silent(life.token)
        life.is_idle = True


def sweep(machine: Machine) -> None:
    """A claimer looks, and is slow to claim."""
    found = machine.real.sweep()
    seen = {(each.level, each.entry, each.owner, each.deliveries) for each in found}
    assert seen == {
        (life.level, life.entry, life.owner, life.deliveries)
        for life in machine.world.some(IN_STREAM)
        if life.is_idle and life.level not in machine.world.paused
    }
    machine.sighted = [*machine.sighted, *found][-SIGHTED_MAX:]


def claim(machine: Machine) -> None:
    """A sweep and its claim."""
    running = [x for x in machine.world.running() if not x.body_gone and not x.is_idle]
    for life in machine.some_of(running, "silent"):
        assert life.token is not None
        machine.real.fall_silent(life.token)
        life.is_idle = True
    _claim(machine, machine.real.sweep())


def claim_sighted(machine: Machine) -> None:
    """What a claimer saw a while ago may be somebody's again by now."""
    wanted = machine.some_of(machine.sighted, "rows")
    _claim(machine, list({(each.level, each.entry): each for each in wanted}.values()))


def _claim(machine: Machine, rows: list[Lapsed]) -> None:
    world, consumer = machine.world, machine.pick(CONSUMERS, "claimer")
    if not rows:
        return

    room = machine.pick((100, 1, 0), "suspects")

    claimed = machine.real.claim(consumer, rows, room)

    expected: list[str] = []
    dead: list[Lapsed] = []
    for row in rows:
        life = world.at(row.level, row.entry)
        if life is None or (life.owner, life.deliveries) != (row.owner, row.deliveries):
            continue
        if not life.is_idle or life.level in world.paused:
            continue
        if world.must_run_alone(consumer, life):
            if not room:
                continue
            room -= 1
        if world.claims(consumer, life, row.id):
            expected.append(life.id)
        else:
            dead.append(row)
    machine.buried()
    same("claimed", [each.id for each in claimed.deliveries], expected)
    same("dead", claimed.dead, dead)
    machine.given(claimed.deliveries, losses_of_record=True)
    machine.known |= {each.token for each in claimed.deliveries}


def abandon(machine: Machine) -> None:
    """A supervisor reports a death, or a worker hands back what it does not know of."""
    world, consumer = machine.world, machine.pick(CONSUMERS, "consumer")
    rows = machine.real.owned(consumer)
    mine = {(x.level, x.entry, x.deliveries) for x in world.running() if x.owner == consumer}
    assert {(row.level, row.entry, row.deliveries) for row in rows} == mine
    cause = machine.pick(("", "killed by SIGKILL"), "cause")
    if not cause:
        rows = [
            x for x in rows if Token(x.level, x.entry, consumer, x.deliveries) not in machine.known
        ]
    if machine.flip("late"):
        rows = [
            *rows,
            *(row for row in machine.sighted if row.entry not in {x.entry for x in rows}),
        ]

    answer = machine.real.abandon(consumer, rows, cause)

    lived: list[str] = []
    died: list[str] = []
    for row in rows:
        life = world.owned(Token(row.level, row.entry, consumer, row.deliveries))
        if life is not None:
            (lived if world.abandons(life, row.id, cause) else died).append(row.entry)
    machine.buried()
    same("handed back", [each.entry for each in answer.handed_back], lived)
    same("dead", [each.entry for each in answer.dead], died)


def promote(machine: Machine) -> None:
    delayed = sorted(machine.world.some(DELAYED), key=lambda life: life.id)
    due = machine.some_of(delayed, "due")
    late = machine.world.is_late
    before = {life.id: life.level for life in due if not (life.body_gone or late(life))}

    assert machine.real.promote(*(life.id for life in due)) == len(before)

    places = {fields["id"]: entry for entry, fields in _newest(machine)}
    for life in due:
        machine.world.promotes(life.id, places.get(life.id, ""))
    machine.buried()


def admit(machine: Machine) -> None:
    """Those whose turn has come are let in, as the streams have room."""
    world = machine.world
    chosen = world.next_turns()

    assert machine.real.admit() == len(chosen)

    places = {fields["id"]: entry for entry, fields in _newest(machine)}
    for life in chosen:
        world.admits(life, places.get(life.id, ""))
    machine.buried()


def share(machine: Machine) -> None:
    """Tenants share the queue in turn, or do not any more."""
    window = machine.pick((1, 0, 2), "window")
    assert machine.real.set_window(window) == (window != machine.world.window)
    machine.world.window = window


def _newest(machine: Machine) -> list[tuple[str, dict[str, str]]]:
    """The entries of all levels, those of the same job in the order of their arrival."""
    found: list[tuple[str, dict[str, str]]] = []
    for level in range(1, 5):
        rows = machine.real.raw.xrange(machine.real.stream(level))
        found += [(entry, fields) for entry, fields in rows if "id" in fields]
    return found


def cancel(machine: Machine) -> None:
    name = machine.pick(sorted({*IDS, *machine.world.lives}), "id")
    same("cancel", machine.real.cancel(name), machine.world.cancels(name))


def pause(machine: Machine) -> None:
    levels = machine.some_of(range(1, 5), "levels")
    changed = machine.real.set_paused(levels, paused=True)
    same("paused", changed, {*levels} - machine.world.paused)
    machine.world.paused |= {*levels}


def resume(machine: Machine) -> None:
    changed = machine.real.set_paused(range(1, 5), paused=False)
    same("resumed", changed, machine.world.paused)
    machine.world.paused = set()


def drain(machine: Machine) -> None:
    """Closed to new jobs, or open again, or told so for a second time."""
    draining = machine.flip("draining")
    changed = machine.real.set_draining(draining=draining)
    assert changed == (draining != machine.world.draining)
    machine.world.draining = draining


def clear(machine: Machine) -> None:
    levels = machine.some_of(range(1, 5), "levels")
    running = machine.flip("running too")
    told = machine.real.clear(levels, running=running)
    same("cleared", (told.cancelled, told.asked), machine.world.clears(levels, running=running))


def remove(machine: Machine) -> None:
    name = machine.pick(sorted({*IDS, *machine.world.lives}), "id")
    same("remove", machine.real.remove(name), machine.world.removes(name))


def reprioritise(machine: Machine) -> None:
    name = machine.pick(sorted({*IDS, *machine.world.lives}), "id")
    level = machine.pick(range(1, 5), "level")
    answer = machine.real.reprioritise(name, level)
    same("reprioritise", answer, machine.world.reprioritises(name, level))
    life = machine.world.lives.get(name)
    if answer == "moved" and life is not None and life.state == IN_STREAM:
        life.entry = machine.last_entry(level)


def replay(machine: Machine) -> None:
    entry = machine.pick(sorted(machine.world.letters), "letter")
    letter = machine.world.letters[entry]

    answer = machine.real.replay(machine.real.letters()[entry])

    same("replay", answer, machine.world.replays(letter))
    if answer == "ready":
        machine.world.lives[letter.id].entry = machine.last_entry(letter.level)


def purge(machine: Machine) -> None:
    entry = machine.pick(sorted(machine.world.letters), "letter")

    assert machine.real.purge(machine.real.letters()[entry]) == 1

    machine.world.purges(machine.world.letters[entry])


def forget(machine: Machine) -> None:
    """The record of an ended job expires; its dead letter stays."""
    name = machine.pick(sorted(life.id for life in machine.world.some(*ENDS)), "id")
    keys = machine.real.keys
    machine.real.raw.delete(keys.job(name), keys.history(name))
    del machine.world.lives[name]


def delete_body(machine: Machine) -> None:
    """An administrator deletes an entry, or the body of a delayed job."""
    there = [x for x in machine.world.some(IN_STREAM, DELAYED, QUEUED) if not x.body_gone]
    if not there:
        return
    life = machine.pick_one(sorted(there, key=lambda each: each.id), "job")
    if life.state in {DELAYED, QUEUED}:
        machine.real.raw.delete(machine.real.keys.body(life.id))
        life.body_gone = True
        return
    machine.real.delete_entry(life.level, life.entry)
    life.body_gone = bool(life.owner)
    if not life.body_gone:
        life.state = VANISHED


def retire(machine: Machine) -> None:
    busy = {life.owner for life in machine.world.some(IN_STREAM)}
    leaving = machine.some_of(CONSUMERS, "leaving")
    idle = [consumer for consumer in leaving if consumer not in busy]
    assert machine.real.retire(*leaving) == idle
    machine.world.workers -= set(idle)


def back_up(machine: Machine) -> None:
    """A replica is so far at this moment."""
    machine.backup = machine.real.backup(), copy.deepcopy(machine.world)


def fail_over(machine: Machine) -> None:
    """That replica becomes the master: all that happened since is undone, but not forgotten."""
    assert machine.backup is not None
    kept, world = machine.backup
    machine.real.restore(kept)
    machine.world = copy.deepcopy(world)


def forget_scripts(machine: Machine) -> None:
    machine.real.raw.script_flush()
