"""A worker's line to its supervisor."""

import os
import time
from collections.abc import Iterator

import anyio
import pytest

from consumers.health import Health
from consumers.inflight import Inflight
from consumers.supervisor.link import VARIABLE, Link, take_link
from consumers.supervisor.tells import Beat, Hello, Run, TellReader
from consumers.supervisor.told import Told
from tests.consumers.support.deliveries import delivery


class Line:
    """Both ends of it."""

    def __init__(self) -> None:
        self.told, tell_in = os.pipe()
        hear_out, self.says = os.pipe()
        self.link = Link(tell_in, hear_out, lease_s=10.0)
        self.open = {self.told, self.says, tell_in, hear_out}

    def close(self, *fds: int) -> None:
        for fd in fds or tuple(self.open):
            os.close(fd)
            self.open.discard(fd)


@pytest.fixture
def line() -> Iterator[Line]:
    line = Line()
    yield line
    line.close()


def beat(link: Link) -> None:
    link.beat(Inflight(1), Health(), renewed_s=5.0, metrics_port=9)


def test_what_a_worker_says_arrives(line: Line) -> None:
    line.link.hello("w:1:aa", "{}")
    line.link.runs("a.b", 60.0)
    beat(line.link)

    hello, run, last = TellReader().feed(os.read(line.told, 65_536))

    assert hello == Hello("w:1:aa", "{}")
    assert isinstance(run, Run)
    assert isinstance(last, Beat)
    assert (last.until_s, last.renewed_s, last.metrics_port) == (0.0, 5.0, 9)
    assert last.unready == "starting"


def test_a_handler_that_has_not_begun_is_not_told_to_end_sooner_than_was_promised(
    line: Line,
) -> None:
    """The heartbeat may look between the word that a job begins and its first moment."""
    inflight, told = Inflight(1), Told()
    running = inflight.add(delivery())

    def look() -> float:
        line.link.beat(inflight, Health(), renewed_s=5.0, metrics_port=9)
        for tell in TellReader().feed(os.read(line.told, 65_536)):
            told.take(tell, time.monotonic())
        return told.until_s

    promised_s = running.promised_until_s = time.monotonic() + 300.0
    line.link.runs(running.delivery.kind, promised_s)

    assert look() == promised_s
    running.renew_until_s = promised_s - 100.0
    assert look() == promised_s - 100.0
    inflight.handler_ended(running)
    assert look() < promised_s - 100.0


def test_a_supervisor_that_does_not_read_keeps_nobody_waiting(line: Line) -> None:
    for _ in range(10_000):
        beat(line.link)

    assert not line.link.is_alone


def test_renewals_by_the_supervisor_are_heard_however_they_are_cut(line: Line) -> None:
    assert line.link.renewed_s() < 0
    os.write(line.says, b"100.5\n9")
    assert line.link.renewed_s() == 100.5
    os.write(line.says, b"0.25\n120.125\n")

    assert line.link.renewed_s() == 120.125
    assert not line.link.is_alone


def test_a_supervisor_that_is_gone_is_noticed_by_who_speaks(line: Line) -> None:
    line.close(line.told)
    beat(line.link)

    assert line.link.is_alone


async def test_a_supervisor_that_is_gone_is_noticed_by_who_waits(line: Line) -> None:
    async with anyio.create_task_group() as waiting:
        waiting.start_soon(line.link.wait_until_alone)
        await anyio.lowlevel.checkpoint()
        assert not line.link.is_alone
        line.close(line.says)

    assert line.link.is_alone


def test_the_line_is_taken_out_of_the_environment_once(line: Line) -> None:
    ends = f"{os.dup(line.told)},{os.dup(line.says)}"
    environment = {VARIABLE: ends, "HOME": "/"}

    assert take_link(environment, lease_ms=1_000) is not None
    assert environment == {"HOME": "/"}
    assert take_link(environment, lease_ms=1_000) is None
    line.open |= set(map(int, ends.split(",")))
