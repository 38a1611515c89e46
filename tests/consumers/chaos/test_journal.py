"""What a process writes down is there after its SIGKILL, and the outside store refuses the old."""

import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import anyio

from consumers.chaos.journal import Journal, read_journals
from consumers.chaos.sink import Sink

KILLED_WHILE_WRITING = """
import sys
from pathlib import Path
from consumers.chaos.journal import Journal
with Journal(Path(sys.argv[1]), "member") as journal:
    number = 0
    while True:
        journal.write("step", {"number": number})
        number += 1
        if number == 1000:
            print("go", flush=True)
"""


def test_a_killed_process_leaves_every_event_that_it_had_written(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", KILLED_WHILE_WRITING, str(tmp_path)], stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"go\n"
        writer.send_signal(signal.SIGKILL)

    events = list(read_journals(tmp_path))

    assert [each["number"] for each in events] == list(range(len(events)))
    assert len(events) >= 1000
    assert {each["pid"] for each in events} == {writer.pid}


def test_a_line_that_a_full_disk_has_cut_is_left_out(tmp_path: Path) -> None:
    with Journal(tmp_path, "kit") as journal:
        journal.write("one", {})
        journal.write("two", {})
    [path] = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-5])

    assert [each["event"] for each in read_journals(tmp_path)] == ["one"]


async def test_the_sink_refuses_who_comes_with_an_older_fence(tmp_path: Path) -> None:
    sink = Sink(tmp_path)

    assert await sink.apply("job", 2)
    assert not await sink.apply("job", 1)
    assert await sink.apply("job", 3)
    assert await sink.apply("other", 1)

    assert (sink.fences("job"), sink.fences("other"), sink.fences("none")) == ([2, 3], [1], [])


async def test_the_sink_waits_for_a_frozen_writer_without_blocking_the_loop(
    tmp_path: Path,
) -> None:
    sink = Sink(tmp_path)
    assert await sink.apply("job", 1)
    file = os.open(sink._path("job"), os.O_RDWR)
    fcntl.flock(file, fcntl.LOCK_EX)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(sink.apply, "job", 2)
        await sink.apply("other", 1)
        assert sink.fences("job") == [1]
        os.close(file)

    assert sink.fences("job") == [1, 2]
