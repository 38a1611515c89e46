"""The race's own sums, without a race."""

import ast
import json
from pathlib import Path

import pytest

from benchmarks.race.contestants import BASE, LIMIT, Contestant, chosen, read_roster
from benchmarks.race.environments import LeftOutError, prepare
from benchmarks.race.order import Order
from benchmarks.race.results import Column, Results
from benchmarks.race.table import number, table
from benchmarks.race.tally import encoded
from benchmarks.race.task import payload

ROSTER = read_roster()
RATE, COST = Column("drain", "32x1"), Column("cost", "bytes queued")


@pytest.fixture
def results() -> Results:
    results = Results()
    for rate in (900.0, 5000.0, 1000.0):
        results.add(BASE, {RATE: rate})
    results.add(LIMIT, {RATE: 4000.0})
    results.add("huey", {RATE: 500.0, COST: 320.0})
    return results


def test_a_value_is_the_median_of_its_rounds(results: Results) -> None:
    assert results.median(BASE, RATE) == 1000.0
    assert results.median(BASE, COST) is None


def test_ratios_are_against_the_median_of_the_other(results: Results) -> None:
    assert results.ratio("huey", RATE, BASE) == 0.5
    assert results.ratio("huey", RATE, LIMIT) == 0.125
    assert results.ratio("huey", COST, BASE) is None


def test_what_was_refused_and_never_counted_is_told(results: Results) -> None:
    results.refuse("saq", RATE, "4001 jobs ran, and 4000 were sent")
    results.refuse("huey", RATE, "a worker has ended")

    assert results.was_refused("saq", RATE)
    assert not results.was_refused("huey", RATE)
    lines = list(table(results, chosen(ROSTER, "saq,huey")))
    assert next(line.split()[1] for line in lines if line.startswith("saq")) == "refused"


def test_the_table_has_each_value_with_its_two_ratios(results: Results) -> None:
    results.nearest.add(("huey", RATE))

    lines = list(table(results, chosen(ROSTER, f"{BASE},huey,{LIMIT}")))

    rows = [line.split() for line in lines]
    assert [BASE, "1,000", "1.00", "0.250"] in rows
    assert ["huey", "500*", "0.500", "0.125"] in rows
    assert [LIMIT, "4,000", "4.00", "1.00"] in rows
    assert ["huey", "320", "-", "-"] in rows
    assert lines[-1].startswith("*")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "-"),
        (12345.6, "12,346"),
        (100.0, "100"),
        (42.12, "42.1"),
        (1.234, "1.23"),
        (0.1234, "0.123"),
        (0.0123, "0.0123"),
        (0.0, "0.0000"),
    ],
)
def test_numbers_have_three_digits_that_count(value: float | None, shown: str) -> None:
    assert number(value) == shown


def test_what_is_measured_can_be_written_as_json(results: Results) -> None:
    written = json.loads(json.dumps(results.as_json()))

    assert written["values"][BASE]["drain: 32x1"]["median"] == 1000.0
    assert written["values"][BASE]["drain: 32x1"]["rounds"] == [900.0, 5000.0, 1000.0]


@pytest.mark.parametrize("contestant", ROSTER, ids=lambda each: each.key)
def test_every_contestant_has_its_script(contestant: Contestant) -> None:
    assert contestant.script.is_file()


@pytest.mark.parametrize("contestant", ROSTER, ids=lambda each: each.key)
def test_every_version_is_pinned(contestant: Contestant) -> None:
    assert all("==" in requirement for requirement in contestant.requirements)
    assert all("@" in package for package in contestant.npm)


@pytest.mark.parametrize(
    "contestant", [each for each in ROSTER if each.requirements], ids=lambda each: each.key
)
def test_no_peer_imports_anything_of_ours_but_the_work(contestant: Contestant) -> None:
    imported = {
        name.split(".")[0] if not name.startswith("benchmarks.") else name
        for node in ast.walk(ast.parse(contestant.script.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [each.name for each in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
        )
    }

    assert not imported & {"streams", "producers", "consumers"}
    assert {name for name in imported if name.startswith("benchmarks.")} <= {
        "benchmarks.race.order",
        "benchmarks.race.peers.faststream",
        "benchmarks.race.producing",
        "benchmarks.race.task",
    }


def test_the_two_that_all_are_set_against_are_there() -> None:
    assert {BASE, LIMIT} <= {each.key for each in ROSTER}


def test_an_unknown_contestant_is_named() -> None:
    with pytest.raises(SystemExit, match="no contestant sidekiq"):
        chosen(ROSTER, "huey,sidekiq")


def test_one_that_does_not_run_says_why(tmp_path: Path) -> None:
    out = Contestant(key="late", title="Late", module="own.millstream", left_out="not written")

    with pytest.raises(LeftOutError, match="not written"):
        prepare(out, tmp_path)


def test_more_jobs_at_a_time_than_it_knows_become_the_nearest() -> None:
    single = Contestant(key="rq", title="RQ", module="peers.rq", slots_max=1)

    assert [single.slots(wanted) for wanted in (1, 32)] == [1, 1]


def test_an_order_arrives_as_it_was_given() -> None:
    order = Order("redis://127.0.0.1:1/0", work="cpu", slots=32, jobs=7, in_bulk=False)

    assert Order.received(order.environment()) == order


def test_a_payload_is_200_bytes() -> None:
    assert len(json.dumps(payload(), separators=(",", ":"))) == 200


def test_a_command_is_written_as_redis_reads_it() -> None:
    assert encoded("INCRBY", "key", 12) == b"*3\r\n$6\r\nINCRBY\r\n$3\r\nkey\r\n$2\r\n12\r\n"
