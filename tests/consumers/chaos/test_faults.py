"""What is done to the system follows from the seed, and from nothing else."""

import pytest

from consumers.chaos.faults import (
    FIRST_S,
    WEIGHTS,
    Fault,
    UnknownFaultError,
    parse_faults,
    schedule,
)


def test_the_same_seed_makes_the_same_schedule() -> None:
    assert schedule(7, 60, 2.0, frozenset(Fault)) == schedule(7, 60, 2.0, frozenset(Fault))
    assert schedule(7, 60, 2.0, frozenset(Fault)) != schedule(8, 60, 2.0, frozenset(Fault))


def test_a_schedule_keeps_to_its_faults_and_its_time() -> None:
    planned = schedule(7, 30, 2.0, {Fault.KILL, Fault.FREEZE})

    assert {each.fault for each in planned} == {Fault.KILL, Fault.FREEZE}
    assert planned[0].at_s == FIRST_S
    assert [each.at_s for each in planned] == sorted(each.at_s for each in planned)
    assert all(FIRST_S <= each.at_s < 30 and 0 <= each.pick < 1 for each in planned)


def test_a_freeze_is_longer_than_the_lease_and_a_stall_shorter() -> None:
    for lease_s in (1.0, 10.0):
        for each in schedule(7, 300, lease_s, {Fault.FREEZE, Fault.STALL}):
            assert (each.lasts_s > lease_s) == (each.fault is Fault.FREEZE)


def test_every_fault_happens_in_a_long_run() -> None:
    assert {each.fault for each in schedule(1, 600, 2.0, frozenset(Fault))} == set(Fault)
    assert WEIGHTS.keys() == set(Fault)


def test_faults_are_named_with_commas() -> None:
    assert parse_faults("kill, freeze") == {Fault.KILL, Fault.FREEZE}
    assert parse_faults("") == set(Fault)


def test_an_unknown_fault_is_refused_with_a_suggestion() -> None:
    with pytest.raises(UnknownFaultError, match="'freze': did you mean freeze"):
        parse_faults("kill,freze")
    with pytest.raises(UnknownFaultError, match="known are kill, freeze"):
        parse_faults("earthquake")
