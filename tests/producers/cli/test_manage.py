"""Stopping, emptying and listing queues, and changing jobs, by command."""

import orjson
import pytest

from streams.gate import read_gate
from streams.priority import LEVELS, Priority
from streams.settle import Outcome, Verdict
from streams.state import State
from tests.producers.cli.conftest import Command
from tests.producers.cli.test_queues import row_of
from tests.support.queues import QueueUnderTest, job

pytestmark = pytest.mark.leaves_jobs


async def test_a_pause_is_said_kept_and_shown_until_it_ends(
    command: Command, queue: QueueUnderTest
) -> None:
    await queue.add(job(id="a"))

    paused = await command("queues", "pause", "tiles", "--by", "ada", "--reason", "new disk")
    again = await command("queues", "pause", "tiles", "--by", "bob")
    table = await command("queues")
    why = await command("why", "a")
    report = await command("queues", "tiles", "--json")
    resumed = await command("queues", "resume", "tiles")

    assert paused.status == 0
    assert paused.out.startswith("tiles: paused since 20")
    assert paused.out.endswith("by ada (new disk)\n")
    assert again.out.endswith("(as before)\n")
    assert "paused since 20" in table.out
    assert "by ada (new disk)" in why.out
    assert orjson.loads(report.out)[0]["paused"]["high"]["by"] == "ada"
    assert resumed.out == "tiles: nothing is stopped\n"
    assert (await queue.fetch_one()).id == "a"


async def test_levels_are_paused_alone_and_json_says_what_is_stopped(
    command: Command, queue: QueueUnderTest
) -> None:
    said = await command("queues", "pause", "tiles", "-p", "low", "-p", "230", "--json")

    row = orjson.loads(said.out)
    assert ({*row["paused"]}, row["changed"], row["draining"]) == ({"low", "high"}, True, None)
    assert set((await read_gate(queue.client, queue.keys)).paused) == {Priority.LOW, Priority.HIGH}


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (("pause", "tiles", "-p", "soon"), 2, "a priority is critical, high, normal, low"),
        (("pause", "tiles", "--reason", "x" * 201), 1, "reason has up to 200"),
        (("pause", "tails"), 1, "there is no queue 'tails'"),
        (("clear", "tiles", "--state", "dead", "--yes"), 2, "cannot be cleared"),
        (("clear", "tiles", "--state", "gone", "--yes"), 2, "there is no state 'gone'"),
        (("drain", "tiles", "--wait", "--timeout", "soon"), 1, "a span of time"),
        (("stats", "tiles", "--minutes", "61"), 2, "less than or equal to 60"),
    ],
)
async def test_what_is_wrong_is_said_and_nothing_changed(
    command: Command, queue: QueueUnderTest, arguments: tuple[str, ...], status: int, told: str
) -> None:
    await queue.add(job())
    before = await queue.contents()

    said = await command("queues", *arguments)

    assert (said.status, said.out) == (status, "")
    assert told in said.err
    assert await queue.contents() == before


async def test_a_queue_that_is_called_like_a_command_is_shown_by_name(
    command: Command, queue: QueueUnderTest
) -> None:
    assert row_of((await command("queues", "show", "tiles")).out, "tiles")
    assert row_of((await command("queues", "show")).out, "tiles")
    assert "pause" in (await command("queues", "--help")).out
    assert (await command("queues", "nosuch")).status == 1
    assert await queue.entries() == []


async def test_draining_waits_until_the_queue_is_empty_and_says_how_far_it_is(
    command: Command, queue: QueueUnderTest
) -> None:
    await queue.add(job(id="a"), job(delay_ms=3_600_000))

    late = await command("queues", "drain", "tiles", "--wait", "--timeout", "1ms")
    paused = await command("queues", "pause", "tiles")
    hinted = await command("queues", "drain", "tiles", "--wait", "--timeout", "1ms")
    await command("queues", "resume", "tiles")
    await queue.settle(await queue.fetch_one(), Verdict.COMPLETED)
    done = await command("queues", "drain", "tiles", "--wait", "--ignore-delayed")
    opened = await command("queues", "reopen", "tiles")

    assert late.status == 1
    assert "tiles is not empty after 1ms (1 waiting, 0 running, 1 delayed)" in late.err
    assert paused.status == 0
    assert "it is paused: nothing will be taken" in hinted.err
    assert (done.status, done.out.splitlines()[-1]) == (0, "tiles is empty, but for 1 delayed")
    assert opened.out == "tiles: nothing is stopped\n"


async def test_clearing_asks_first_with_its_numbers(
    command: Command, queue: QueueUnderTest
) -> None:
    await queue.add(job(id="runs"))
    await queue.fetch_one()
    await queue.add(
        job(id="low", priority=Priority.LOW), job(id="normal"), job(id="later", delay_ms=60_000)
    )

    no = await command("queues", "clear", "tiles", typed="n\n")
    low = await command("queues", "clear", "tiles", "-p", "low", "--yes", "--json")
    rest = await command("queues", "clear", "tiles", typed="y\n")
    running = await command("queues", "clear", "tiles", "--state", "running", "-y")

    assert "End 2 waiting and 1 delayed jobs of the queue 'tiles'?" in no.out
    assert no.status == 1
    assert orjson.loads(low.out) == {"queue": "tiles", "cancelled": 1, "asked": 0, "left": 0}
    assert rest.out.endswith("2 cancelled\n")
    assert running.out == "0 cancelled, 1 asked to end\n"
    assert (await queue.look("later")).state is State.CANCELLED
    assert (await queue.look("runs")).state is State.RUNNING


async def test_statistics_in_a_table_and_for_programs(
    command: Command, queue: QueueUnderTest
) -> None:
    await queue.add(*(job() for _ in range(10)))
    held = await queue.fetch()
    await queue.settle_all(
        [Outcome(each, Verdict.COMPLETED, ran_ms=20) for each in held[:6]]
        + [Outcome(each, Verdict.DEAD, "x", ran_ms=2000) for each in held[6:8]]
    )
    await queue.add(job(priority=Priority.LOW))

    table = await command("queues", "stats")
    packed = await command("queues", "stats", "tiles", "--minutes", "2", "--json")

    assert row_of(table.out, "tiles")[1:] == ["all", "1", "2", "0", "6", "2", "2"]
    assert row_of(table.out, "low")[1:3] == ["1", "0"]
    assert "75.0%" in table.out
    assert "Percentiles may be off by 19%" in table.out
    [row] = orjson.loads(packed.out)
    assert (row["waiting"], row["active"], row["dead"]) == (1, 2, 2)
    assert (row["levels"]["low"], row["totals"]["completed"]) == ({"waiting": 1, "active": 0}, 6)
    assert (row["runs"]["completed"], row["runs"]["success_rate"]) == (6, 0.75)
    assert row["runs"]["mean_ms"] == 515


@pytest.mark.usefixtures("on_the_server")
async def test_statistics_of_an_empty_server(command: Command) -> None:
    assert (await command("queues", "stats")).out == "There are no queues on this Redis yet.\n"


@pytest.mark.parametrize("state", ["waiting", "running", "delayed", "dead", "failed", "active"])
async def test_jobs_are_listed_page_by_page(
    command: Command, queue: QueueUnderTest, state: str
) -> None:
    await queue.add(*(job(id=f"{n}", priority=LEVELS[n % 4]) for n in range(6)))
    if state in {"running", "active", "dead", "failed"}:
        held = await queue.fetch()
        if state in {"dead", "failed"}:
            await queue.settle_all([Outcome(each, Verdict.DEAD, "x") for each in held])
    if state == "delayed":
        await queue.clear()
        await queue.add(*(job(id=f"d{n}", delay_ms=60_000) for n in range(6)))

    first = await command("jobs", "list", "tiles", "--state", state, "--limit", "4", "--json")
    cursor = first.err.removeprefix("next page: --cursor ").strip()
    rest = await command("jobs", "list", "tiles", "-s", state, "--cursor", cursor, "--json")
    table = await command("jobs", "list", "tiles", "-s", state, "--limit", "4")

    rows = [orjson.loads(line) for line in (first.out + rest.out).splitlines()]
    assert len({row["id"] for row in rows}) == len(rows) == 6
    assert len(first.out.splitlines()) == 4
    assert f"next page: --cursor {cursor}" in table.out
    assert rest.err == ""


async def test_a_list_of_one_level(command: Command, queue: QueueUnderTest) -> None:
    await queue.add(*(job(id=f"{level}", priority=level) for level in LEVELS))

    said = await command("jobs", "list", "tiles", "-p", "high", "--json")

    assert [orjson.loads(line)["id"] for line in said.out.splitlines()] == ["high"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--state", "completed"), "there is no list of completed jobs"),
        (("--state", "gone"), "there is no state 'gone'"),
        (("--cursor", "x"), "a cursor is what the page before says"),
        (("--cursor", "0:x"), "a cursor is what the page before says"),
        (("--cursor", "7:"), "a cursor is what the page before says"),
    ],
)
async def test_a_list_that_is_none_is_refused(
    command: Command, queue: QueueUnderTest, arguments: tuple[str, ...], told: str
) -> None:
    await queue.open()

    said = await command("jobs", "list", "tiles", *arguments)

    assert said.status > 0
    assert told in said.err


async def test_one_job_is_moved_cancelled_and_removed(
    command: Command, queue: QueueUnderTest
) -> None:
    await queue.add(job(id="runs"))
    held = await queue.fetch_one()
    await queue.add(job(id="a"), job(id="b"))

    moved = await command("jobs", "reprioritise", "a", "high")
    begun = await command("jobs", "reprioritise", "runs", "high", "--json")
    refused = await command("jobs", "remove", "runs", "--yes")
    asked = await command("jobs", "cancel", "runs", "-q", "tiles")
    cancelled = await command("jobs", "cancel", "b", "--json")
    no = await command("jobs", "remove", "a", typed="n\n")
    gone = await command("jobs", "remove", "a", typed="y\n")
    unknown = await command("jobs", "remove", "a", "--yes")

    assert moved.out == "a waits at its new level\n"
    assert (begun.status, orjson.loads(begun.out)["result"]) == (1, "begun")
    assert refused.status == 1
    assert "cancel it first (millstream jobs cancel)" in refused.err
    assert asked.out == "runs runs; its worker was asked to end it\n"
    assert orjson.loads(cancelled.out) == {"id": "b", "result": "cancelled"}
    assert (no.status, "nothing was changed" in no.err) == (1, True)
    assert gone.out.endswith("a is removed\n")
    assert "no queue has a record of the job 'a'" in unknown.err
    assert (await queue.renew(held)).cancel == {held.token}
