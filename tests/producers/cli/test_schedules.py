"""`millstream schedules` and `millstream scheduler` against a real server."""

import re
import signal

import orjson
import pytest

from streams.keys import Keys
from streams.settle import Verdict
from tests.producers.cli.conftest import Command
from tests.support.processes import Processes
from tests.support.queues import QueueUnderTest
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.leaves_jobs, pytest.mark.usefixtures("on_the_server")]

ADD = ("schedules", "add", "-q", "tiles")


async def test_a_schedule_is_added_and_shown_with_its_next_runs(command: Command) -> None:
    added = await command(
        *(*ADD, "nightly", "30 2 * * *", "greet", "--zone", "Asia/Tokyo"),
        *("--payload", '{"name": "Ada"}', "--priority", "high", "--missed", "skip"),
        *("--grace", "5m", "--jitter", "90s", "--overlap", "skip", "--timeout", "2h"),
        *("--unique", "slot", "--attempts", "7"),
    )
    shown = await command("schedules", "show", "nightly", "--queue", "tiles", "--next", "3")

    assert (added.status, added.err) == (0, "")
    assert "Schedule nightly" in added.out
    for words in (
        "30 2 * * *, Asia/Tokyo",
        "greet, high, 7 attempts",
        "skip what is later than 5m",
        "up to 1m 30s",
        "slot",
        '"name": "Ada"',
    ):
        assert words in shown.out
    assert len(re.findall(r"\d\d\d\d-\d\d-\d\d 17:3[01]:\d\d UTC", shown.out)) == 3
    assert len(re.findall(r" 02:3[01]:\d\d \+0900", shown.out)) == 3


async def test_json_tells_everything_of_a_schedule(command: Command) -> None:
    await command(*ADD, "hourly", "@hourly", "greet", "--paused", "--missed", "all")

    shown = orjson.loads(
        (await command("schedules", "show", "hourly", "-q", "tiles", "--json")).out
    )
    [listed] = orjson.loads((await command("schedules", "list", "-q", "tiles", "--json")).out)

    assert shown == listed
    assert shown["last_ms"] > 0
    assert (shown["queue"], shown["name"], shown["cron"]) == ("tiles", "hourly", "@hourly")
    assert (shown["zone"], shown["kind"], shown["payload"]) == ("UTC", "greet", {})
    assert (shown["missed"], shown["missed_max"], shown["grace"]) == ("all", 100, 60.0)
    assert (shown["paused"], shown["next_ms"], shown["flaw"]) == (True, [], None)
    assert (shown["fired"], shown["left_out"], shown["last_job"]) == (0, 0, None)


async def test_the_list_has_a_row_a_schedule(command: Command, queue: QueueUnderTest) -> None:
    await command(*ADD, "a", "@hourly", "greet")
    await command(*ADD, "b", "@daily", "greet", "--paused")
    await command(*ADD, "c", "@daily", "greet")
    await queue.client.hset(queue.keys.schedule("c"), "definition", '{"moon": "full"}')

    out = (await command("schedules", "list", "-q", "tiles")).out

    first, second, third = [line for line in out.splitlines() if re.match(r" +[abc] ", line)]
    assert re.search(r"@hourly +UTC +greet +\d{4}-\d\d-\d\d \d\d:00:00 UTC +\S", first)
    assert "paused" in second
    assert "moon" in third
    shown = await command("schedules", "show", "c", "-q", "tiles")
    assert "cannot be read" in shown.out


async def test_a_queue_without_schedules_says_so(command: Command) -> None:
    result = await command("schedules", "list", "-q", "tiles")

    assert (result.status, result.out) == (0, "The queue 'tiles' has no schedules.\n")


async def test_a_schedule_is_paused_resumed_and_removed(command: Command) -> None:
    await command(*ADD, "a", "@hourly", "greet")

    said = [
        (await command("schedules", verb, "a", "-q", "tiles")).out
        for verb in ("pause", "pause", "show", "resume", "resume", "remove")
    ]
    gone = await command("schedules", "show", "a", "-q", "tiles")

    assert said[:2] == ["a: paused\n", "a: was paused before\n"]
    assert "It is paused" in said[2]
    assert said[3:] == ["a: resumed\n", "a: was not paused\n", "a: removed\n"]
    assert gone.status == 1
    assert "the queue 'tiles' has no schedule 'a'" in gone.err


async def test_a_run_now_is_a_job_whose_id_is_told(command: Command, queue: QueueUnderTest) -> None:
    await command(*ADD, "a", "@hourly", "greet", "--overlap", "skip")

    first = await command("schedules", "run-now", "a", "-q", "tiles")
    refused = await command("schedules", "run-now", "a", "-q", "tiles")
    delivery = await queue.fetch_one()
    await queue.settle(delivery, Verdict.COMPLETED)
    again = await command("schedules", "run-now", "a", "-q", "tiles", "--json")

    assert first.out == f"a: enqueued {delivery.id}\n"
    assert refused.status == 1
    assert f"its job '{delivery.id}' has not ended" in refused.err
    told = orjson.loads(again.out)
    assert (told["name"], told["done"]) == ("a", "enqueued")
    assert told["job"] == (await queue.fetch_one()).id


async def test_a_payload_may_come_from_standard_input(command: Command) -> None:
    result = await command(
        *ADD, "a", "@hourly", "greet", "--payload", "-", "--json", typed='{"n": 1}'
    )

    assert orjson.loads(result.out)["payload"] == {"n": 1}


async def test_replacing_has_to_be_asked_for(command: Command) -> None:
    await command(*ADD, "a", "@hourly", "greet")

    refused = await command(*ADD, "a", "@daily", "greet")
    replaced = await command(*ADD, "a", "@daily", "greet", "--replace")

    assert (refused.status, replaced.status) == (1, 0)
    assert "has a schedule 'a' already" in refused.err
    assert "@daily" in replaced.out


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("a b", "@daily", "greet"), 1, "a schedule's name has 1 to 64 characters"),
        (("a", "@often", "greet"), 1, "one of @annually"),
        (("a", "0 0 31 2 *", "greet"), 1, "cannot be read"),
        (("a", "@daily", "greet", "--zone", "Mars/Olympus"), 1, "no time zone 'Mars/Olympus'"),
        (("a", "@daily", "1"), 1, "a kind starts with a letter"),
        (("a", "@daily", "greet", "--payload", "{x}"), 1, "the payload is no JSON"),
        (("a", "@daily", "greet", "--payload", "no-such-file"), 1, "cannot read no-such-file"),
        (("a", "@daily", "tiles.render"), 1, "does not fit 'tiles.render'"),
        (("a", "@daily", "greet", "--priority", "some"), 1, "priority: "),
        (("a", "@daily", "greet", "--jitter", "2h"), 1, "jitter: "),
        (("a", "@daily", "greet", "--jitter", "soon"), 1, "a span of time is written like"),
        (("a", "@daily", "greet", "--missed", "some"), 2, "--missed"),
        (("a", "@daily", "greet", "--missed-max", "0"), 2, "--missed-max"),
    ],
)
async def test_what_is_wrong_is_said_in_one_line(
    command: Command, arguments: tuple[str, ...], status: int, said: str
) -> None:
    result = await command(*ADD, *arguments)

    assert result.status == status
    assert said in result.err
    assert len(result.err.splitlines()) == 1
    assert (await command("schedules", "list", "-q", "tiles", "--json")).out == "[]\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_scheduler_fires_until_it_is_told_to_end(
    command: Command, queue: QueueUnderTest, processes: Processes, number: signal.Signals
) -> None:
    await command(*ADD, "a", "@yearly", "greet")
    await queue.client.hset(Keys("tiles").schedule("a"), "last_ms", "1")

    scheduler = processes.start(
        "python", "-m", "producers.cli.main", "scheduler", "--queue", "tiles"
    )
    await wait_until(queue.entries, "the missed tick is a job", 30)
    await wait_until(lambda: "enqueued" in scheduler.output(), "it has said so")
    scheduler.send(number)

    assert scheduler.wait() == 0
    lines = scheduler.output().splitlines()
    assert lines[0] == "scheduler: fires the schedules of tiles"
    assert re.fullmatch(r"scheduler: a: cron:a:\d{4}0101T0000Z enqueued", lines[1])
    assert lines[2:] == ["scheduler: ended"]


async def test_a_scheduler_that_is_refused_ends_with_one_line(
    queue: QueueUnderTest, processes: Processes
) -> None:
    await queue.client.set(queue.keys.schedules, "no set")

    scheduler = processes.start(
        "python", "-m", "producers.cli.main", "scheduler", "--queue", "tiles"
    )

    assert scheduler.wait(30) == 1
    assert "WRONGTYPE" in scheduler.output()
    assert "Traceback" not in scheduler.output()
