"""What must be true after every step: the server holds what the model has, and no more."""

from collections.abc import Mapping
from typing import Any

import orjson

from tests.model.real import RETENTION, Held, said_in
from tests.model.world import DELAYED, ENDS, HISTORY_MAX, IN_STREAM, VANISHED, Life, World

#: Part of the fields of a record; the others are moments, which the model does not know.
COMPARED = (
    *("state", "kind", "priority", "entry", "attempt", "losses", "solo", "released", "replays"),
    *("unique", "token", "last_attempt", "result", "cause", "dead_entry", "progress"),
)
#: Numbers of an entry, and what they are where it does not say.
NUMBERS = {"attempt": 1, "epoch": 0, "losses": 0, "snoozes": 0}
DEFAULTS = {"attempt": "1", "losses": "0", "solo": "0", "released": "0", "replays": "0"}


def same(what: str, got: Any, expected: Any) -> None:
    """Fails with what differs and nothing else."""
    if got == expected:
        return
    if isinstance(got, Mapping) and isinstance(expected, Mapping):
        for name in sorted({*got, *expected}, key=str):
            same(f"{what} {name}", got.get(name), expected.get(name))
    raise AssertionError(f"{what}: the server has {got!r}, the model {expected!r}")


def check(world: World, held: Held) -> None:
    """Compare everything; fails at the first difference, and shows both sides."""
    _places(world, held)
    _bodies(world, held)
    _records(world, held)
    _letters(world, held)
    _beside(world, held)


def _places(world: World, held: Held) -> None:
    """Every accepted job is in exactly one place, with the owner that the model has."""
    places = {
        place: (each.owner, each.deliveries, each.fields is None)
        for place, each in held.entries.items()
    }
    expected = {
        (life.level, life.entry): (life.owner, life.deliveries, life.body_gone)
        for life in world.some(IN_STREAM)
    }
    same("place", places, expected)
    for life in world.some(IN_STREAM):
        idle_ms = held.entries[life.level, life.entry].idle_ms
        assert (idle_ms >= RETENTION.lease_ms) == life.is_idle, f"{life.id} is idle for {idle_ms}"
    same("delayed", held.delayed, sorted(life.id for life in world.some(DELAYED)))


def _bodies(world: World, held: Held) -> None:
    bodies = {
        life.id: held.entries[life.level, life.entry].fields
        for life in world.some(IN_STREAM)
        if not life.body_gone
    }
    there = {life.id for life in world.some(DELAYED) if not life.body_gone}
    same("bodies", set(held.bodies), there)
    for job_id, fields in (bodies | held.bodies).items():
        life = world.lives[job_id]
        assert fields is not None
        told = (
            fields.get("id", job_id),
            fields["kind"],
            fields["payload"],
            fields.get("unique", ""),
            *(int(fields.get(name, least)) for name, least in NUMBERS.items()),
        )
        meant = (
            job_id,
            life.kind,
            life.payload,
            life.unique,
            life.attempt,
            life.epoch,
            life.entry_losses,
            life.snoozes,
        )
        same(f"entry of {job_id}", told, meant)


def _records(world: World, held: Held) -> None:
    """The record says what happened; ended jobs have an end, live ones have none."""
    expected = {life.id: _record(life) for life in world.lives.values() if life.has_record}
    records = {
        job_id: {name: _plain(name, record.get(name, DEFAULTS.get(name, ""))) for name in COMPARED}
        for job_id, record in held.records.items()
    }
    same("record", records, expected)
    for life in world.lives.values():
        if not life.has_record:
            continue
        record = held.records[life.id]
        assert record["id"] == life.id
        assert life.state != DELAYED or record.get("parked", "") == life.parked
        assert (life.state in ENDS) == ("ended_ms" in record)
        assert (f"job:{life.id}" in held.endless) == (life.state not in ENDS)
        if life.history:
            assert (f"history:{life.id}" in held.endless) == (life.state not in ENDS)
    histories = {life.id: life.history for life in world.lives.values() if life.history}
    same("history", held.histories, histories)
    assert all(len(rows) <= HISTORY_MAX for rows in held.histories.values())


def _record(life: Life) -> Mapping[str, Any]:
    in_stream = life.state in {IN_STREAM, VANISHED}
    return {
        "state": "ready" if in_stream else life.state,
        "kind": life.kind,
        "priority": ("critical", "high", "normal", "low")[life.level - 1],
        "entry": life.entry if in_stream else "",
        "attempt": str(life.attempt),
        "losses": str(life.losses),
        "solo": str(life.solo),
        "released": str(life.released),
        "replays": str(life.replays),
        "unique": life.record_unique,
        "token": life.recorded,
        "last_attempt": life.last,
        "result": life.result,
        "cause": life.cause,
        "dead_entry": life.dead_entry,
        "progress": life.progress,
    }


def _plain(name: str, value: str) -> Any:
    if name == "last_attempt":
        return said_in(value) if value else None
    return value


def _letters(world: World, held: Held) -> None:
    """A dead letter alone tells the whole story."""
    letters = {
        entry: (
            fields["id"],
            fields.get("kind", ""),
            fields.get("payload", ""),
            fields["priority"],
            fields["cause"],
            int(fields["losses"]),
            [said_in(orjson.dumps(row)) for row in orjson.loads(fields["history"])],
        )
        for entry, fields in held.letters.items()
    }
    expected = {
        entry: (
            letter.id,
            letter.kind,
            letter.payload,
            ("critical", "high", "normal", "low")[letter.level - 1],
            letter.cause,
            letter.losses,
            list(letter.history),
        )
        for entry, letter in world.letters.items()
    }
    same("dead letter", letters, expected)


def _beside(world: World, held: Held) -> None:
    same("slot", held.slots, world.slots)
    same("cancel", held.wanted, world.wanted)
    same("workers", held.workers, world.workers)
    same("paused", held.paused, world.paused)
    same("draining", held.draining, world.draining)
    same("counter", held.counts, world.counts)
