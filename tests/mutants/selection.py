"""Which tests look at which script."""

from functools import cache
from pathlib import Path

from tests.mutants.mutate import SCRIPTS

#: Files and folders of `tests/streams`, the likeliest first. A shared piece has the tests of
#: the scripts that it is a piece of.
TESTS: dict[str, tuple[str, ...]] = {
    "abandon": ("test_abandon", "test_fence", "test_progress"),
    "admit": ("test_backlog",),
    "audit_window": ("audit",),
    "cancel": ("test_cancel", "test_backlog"),
    "census": ("doctor",),
    "claim": ("test_claim", "test_sweep", "test_progress", "test_settle", "test_fence"),
    "claim_window": ("test_claim", "test_sweep", "test_abandon"),
    "due": ("test_delayed",),
    "enqueue": ("test_enqueue", "test_delayed", "test_hurry", "test_expiry", "test_backlog"),
    "fetch": ("test_fetch",),
    "hurry": ("test_hurry", "test_reprioritise"),
    "look": ("test_jobs",),
    "next_turns": ("test_backlog",),
    "places": ("audit",),
    "progress": ("test_progress",),
    "promote": ("test_delayed", "test_expiry"),
    "purge": ("test_dead",),
    "renew": ("test_renew", "test_fence"),
    "replay": ("test_replay", "test_expiry", "test_dead", "test_progress"),
    "restamp": ("test_clock_jump",),
    "retire": ("test_workers",),
    "schedule": ("test_schedules",),
    "settle": (
        "test_settle",
        "test_expiry",
        "test_snooze",
        "test_fence",
        "test_progress",
        "test_cancel",
        "test_replay",
        "test_events",
    ),
    "suspend": ("test_schedules",),
    "tick": ("test_schedules",),
    "timetable": ("test_schedules",),
    "unschedule": ("test_schedules",),
    "why": ("why",),
}
#: After those of its own, what every mutant has to pass: seconds each.
OF_ALL = ("test_model", "test_script_errors", "test_oom")


def places_of_tests(root: Path) -> list[str]:
    """What pytest has to collect: every file and folder that is named here and is there."""
    named = {name for names in TESTS.values() for name in names} | set(OF_ALL)
    found = [
        path
        for path in sorted((root / "tests").glob("*/*"))
        if path.stem in named or path.stem.startswith("test_mutants_")
    ]
    return [str(path.relative_to(root)) for path in found if path.name != "test_mutants.py"]


@cache
def tests_of(script: str) -> tuple[str, ...]:
    """The files that look at *script*, the likeliest first."""
    found = TESTS.get(script, ())
    if script.startswith("_"):
        found = tuple(name for user in _users_of(script) for name in TESTS.get(user, ()))
    return tuple(dict.fromkeys((f"test_mutants_{script}", *found)))


def _users_of(piece: str) -> list[str]:
    header = "-- include:"
    return [
        path.stem
        for path in sorted(SCRIPTS.glob("[a-z]*.lua"))
        for line in path.read_text().splitlines()
        if line.startswith(header) and piece in line.removeprefix(header).split()
    ]
