"""A job in a child process: what comes back, what it survives, and what is left of it."""

import io
import os
import sys
from pathlib import Path
from typing import Any

import anyio
import orjson
import psutil
import pytest

from consumers.execution import PARKED_MS
from consumers.inflight import Stop
from streams.settle import Outcome, Verdict
from tests.consumers.children.conftest import Bench, Benches
from tests.support.waiting import wait_until


def row(outcome: Outcome) -> dict[str, Any]:
    """The row that the outcome adds to the history."""
    read: dict[str, Any] = orjson.loads(outcome.attempt)
    return read


def result(outcome: Outcome) -> dict[str, Any]:
    assert outcome.verdict is Verdict.COMPLETED, outcome
    read: dict[str, Any] = orjson.loads(outcome.detail)
    return read


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def test_every_ending_of_a_handler_comes_back_from_one_warm_child(bench: Bench) -> None:
    first = result(await bench.run("return", text="ä\u0000"))
    assert first["text"] == "ä\u0000"
    assert first["pid"] != os.getpid()

    raised = await bench.run("raise")
    assert (raised.verdict, raised.delay_ms) == (Verdict.RETRY, 2_000)
    assert row(raised)["error"] == "ValueError"
    assert row(raised)["message"] == "no luck with redis://***@host"
    assert "in _do" in row(raised)["traceback"]
    permanent = await bench.run("permanent")
    assert (permanent.verdict, permanent.detail) == (Verdict.DEAD, "permanent error")
    assert row(permanent)["error"] == "PermanentError"
    later = await bench.run("later")
    assert (later.verdict, later.delay_ms) == (Verdict.RETRY, 60_000)
    left = await bench.run("leave")
    assert (left.verdict, row(left)["error"]) == (Verdict.RETRY, "SystemExit")
    large = await bench.run("large")
    assert (large.verdict, large.detail) == (Verdict.DEAD, "permanent error")
    invalid = await bench.run("no such deed")
    assert (invalid.verdict, invalid.detail) == (Verdict.DEAD, "invalid payload")
    assert row(invalid)["error"] == "InvalidPayload"

    assert result(await bench.run("return"))["pid"] == first["pid"]


async def test_a_plain_handler_runs_in_a_thread_of_its_child(bench: Bench) -> None:
    ended = result(await bench.run("return", "danger.plain-child"))

    assert ended["pid"] != os.getpid()
    assert ended["thread"] == "handler"
    assert 0 < ended["remaining_s"] <= 600


CRASHES = [
    ("danger.child", "segfault", "killed by SIGSEGV"),
    ("danger.plain-child", "exit", "exit status 3"),
    ("danger.child", "hog", "memory limit"),
    ("danger.plain-child", "hog", "memory limit"),
    ("danger.child", "babble", "said what it may not say"),
]


@pytest.mark.parametrize(("kind", "deed", "cause"), CRASHES)
async def test_a_child_that_dies_ends_its_attempt_in_words_and_the_next_job_has_another(
    bench: Bench, kind: str, deed: str, cause: str
) -> None:
    outcome = await bench.run(deed, kind)

    assert (outcome.verdict, outcome.detail) == (Verdict.CRASHED, cause)
    assert outcome.delay_ms == 2_000
    assert row(outcome)["outcome"] == "crashed"
    assert row(outcome)["message"] == f"the child process that ran it: {cause}"
    if deed == "segfault":
        assert "Fatal Python error: Segmentation fault" in row(outcome)["traceback"]
        assert "in string_at" in row(outcome)["traceback"]
    assert result(await bench.run("return"))["text"] == ""


@pytest.mark.parametrize("deed", ["hang", "block"])
async def test_a_handler_that_hangs_for_ever_ends_as_timeout_and_its_process_with_it(
    bench: Bench, deed: str
) -> None:
    """Even one that holds the interpreter's lock, or does not look at its context."""
    pid = result(await bench.run("return", "danger.plain-child"))["pid"]

    outcome = await bench.run(deed, "danger.plain-child", timeout_ms=100)

    assert (outcome.verdict, row(outcome)["outcome"]) == (Verdict.RETRY, "timeout")
    assert "took longer than 0.1 s" in row(outcome)["message"]
    await wait_until(lambda: is_gone(pid), "the child is gone")


async def test_what_a_child_writes_is_in_the_log_up_to_a_bound_and_never_blocks_it(
    benches: Benches, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(output))
    async with benches.open() as bench:
        assert result(await bench.run("flood"))

    events = [orjson.loads(line) for line in output.getvalue().splitlines()]
    lines = [event["line"] for event in events if event["event"] == "child_output"]
    assert lines[0] == "x" * 200
    assert len(lines[1]) == 500
    assert len(lines) == 100
    [cut] = [event for event in events if event["event"] == "child_output_cut"]
    assert cut["dropped_bytes"] > 300_000


@pytest.mark.parametrize(
    ("reason", "verdict"),
    [(Stop.CANCELLED, Verdict.CANCELLED), (Stop.SHUTDOWN, Verdict.RELEASED), (Stop.LOST, None)],
)
async def test_a_child_that_ignores_its_cancellation_is_killed(
    bench: Bench, reason: Stop, verdict: Verdict | None
) -> None:
    running, ended = bench.taken("refuse"), list[Outcome | None]()

    async def execute() -> None:
        ended.append(await bench.run_as(running))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(execute)
        await wait_until(lambda: bench.effects.rows("start"), "the handler runs")
        running.end(reason)

    [pid] = [int(str(each["pid"])) for each in bench.effects.rows("start")]
    await wait_until(lambda: is_gone(pid), "the child is gone")
    assert [outcome and outcome.verdict for outcome in ended] == [verdict]
    assert bench.effects.rows("end") == []


@pytest.mark.parametrize(
    ("kind", "deed"), [("danger.plain-child", "obey"), ("danger.child", "hang")]
)
async def test_a_handler_that_ends_when_it_is_asked_to_leaves_its_child_to_the_next_job(
    bench: Bench, kind: str, deed: str
) -> None:
    running, ended = bench.taken(deed, kind), list[Outcome | None]()

    async def execute() -> None:
        ended.append(await bench.run_as(running))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(execute)
        await wait_until(lambda: bench.effects.rows("start"), "the handler runs")
        running.end(Stop.CANCELLED)

    [outcome] = ended
    assert outcome is not None
    assert outcome.verdict is Verdict.CANCELLED
    [pid] = [each["pid"] for each in bench.effects.rows("start")]
    assert result(await bench.run("return"))["pid"] == pid


async def test_a_child_is_replaced_after_its_number_of_jobs(benches: Benches) -> None:
    async with benches.open(jobs_max=2) as bench:
        pids = [result(await bench.run("return"))["pid"] for _ in range(3)]

    assert pids[0] == pids[1] != pids[2]
    assert all(is_gone(pid) for pid in pids)


async def test_a_suspect_has_a_process_to_itself_whatever_it_is(bench: Bench) -> None:
    warm = result(await bench.run("return"))["pid"]

    alone = result(await bench.run("return", "danger.loop", losses=2))["pid"]
    crashed = await bench.run("segfault", "danger.loop", losses=2)

    assert alone not in {warm, os.getpid()}
    assert (crashed.verdict, crashed.detail) == (Verdict.CRASHED, "killed by SIGSEGV")
    await wait_until(lambda: is_gone(alone), "its process is gone")
    assert result(await bench.run("return"))["pid"] == warm


async def test_a_suspect_that_finds_another_one_running_is_handed_back(bench: Bench) -> None:
    running = bench.taken("return", "danger.loop", losses=2)
    running.has_solo = False

    outcome = await bench.run_as(running)

    assert outcome is not None
    assert outcome.verdict is Verdict.RELEASED
    assert bench.effects.rows() == []


async def test_what_a_crashed_handler_has_started_ends_with_it(
    bench: Bench, tmp_path: Path
) -> None:
    note = tmp_path / "pid"

    outcome = await bench.run("spawn", text=str(note))

    assert outcome.detail == "exit status 5"
    await wait_until(lambda: is_gone(int(note.read_text())), "the sleeper is gone")


async def test_a_child_has_its_limits_and_no_core_file(bench: Bench) -> None:
    assert result(await bench.run("limits")) == {
        "memory": 512 * 1024 * 1024,
        "core": 0,
        "group": True,
    }


@pytest.mark.parametrize(
    ("factory", "words"),
    [
        ("tests.consumers.support.dangers:open_broken", "RuntimeError: no such luck"),
        ("tests.consumers.support.dangers:open_nothing", "must return a Registry"),
        ("tests.consumers.support.dangers:nowhere", "has no function 'nowhere'"),
        ("tests.no_such_module:open", "cannot be imported"),
    ],
)
async def test_a_job_whose_child_cannot_be_opened_waits_for_a_worker_that_can(
    benches: Benches, factory: str, words: str
) -> None:
    async with benches.open(factory=factory) as bench:
        outcome = await bench.run("return")

    assert (outcome.verdict, outcome.delay_ms) == (Verdict.PARKED, PARKED_MS)
    assert words in str(outcome.detail)


async def test_a_child_that_has_too_little_memory_to_start_says_so(benches: Benches) -> None:
    async with benches.open(memory_mb=16) as bench:
        outcome = await bench.run("return")

    assert outcome.verdict is Verdict.PARKED
    assert "ended before its handlers were open" in str(outcome.detail)
    assert "16 MiB" in str(outcome.detail)


async def test_metadata_too_deep_for_the_way_to_a_child_ends_the_job_and_not_the_worker(
    bench: Bench,
) -> None:
    outcome = await bench.run("return", meta='{"a":' + "[" * 500 + "]" * 500 + "}")

    assert (outcome.verdict, outcome.detail) == (Verdict.DEAD, "invalid payload")
    assert row(outcome)["error"] == "InvalidMeta"
