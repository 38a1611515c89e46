"""The mutator makes every kind of mistake, and a mistake in a script is noticed."""

import asyncio
import os
import signal
from pathlib import Path

import pytest
from redis.asyncio import Redis

from streams.settle import Settled, Verdict
from tests.mutants.explained import explanations, reason_of
from tests.mutants.lua import LuaError, read
from tests.mutants.mutate import OPERATORS, mutants_in, mutants_of, script_names
from tests.mutants.overlay import put_in_place
from tests.support.queues import QueueUnderTest, job

SAMPLE = """
-- one + 1: a comment is left alone
local row = redis.call('XPENDING', stream, GROUP, '-', '+', -1)
for i = 1, #row do
  if not row[i] and i >= 2 then
    redis.call('HSET', key, 'state', 'ready', 'id', id)
    redis.call('XDEL', stream, entry)
  end
end
redis.call('XCLAIM', stream, GROUP, 'a', 0, id, 'IDLE', lease_ms, 'JUSTID')
return { rows = #row + 1 }
"""


def found(operator: str) -> set[tuple[str, str]]:
    return {(x.was, x.now) for x in mutants_in("sample", SAMPLE) if x.operator == operator}


def changed(operator: str, was: str, now: str) -> bool:
    """True where a mutant of this operator turns a part of a line into another one."""
    return any(was in line and line.replace(was, now, 1) == new for line, new in found(operator))


@pytest.mark.parametrize(
    ("operator", "was", "now"),
    [
        ("statement deleted", "redis.call('XDEL', stream, entry)", "do end"),
        ("comparison", "i >= 2", "i > 2"),
        ("logic", "row[i] and i", "row[i] or i"),
        ("arithmetic", "#row + 1", "#row - 1"),
        ("number", "#row + 1", "#row + 2"),
        ("number", "-1)", "-2)"),
        ("not left out", "not row[i]", "row[i]"),
        ("condition negated", "not row[i] and i >= 2 then", "not (not row[i] and i >= 2) then"),
        ("argument dropped", ", 'JUSTID'", ""),
        ("argument dropped", ", 'IDLE', lease_ms", ""),
        ("argument dropped", ", 'state', 'ready'", ""),
    ],
)
def test_each_kind_of_mistake_is_made(operator: str, was: str, now: str) -> None:
    if operator == "not left out":
        assert any("if row[i] and" in new for _, new in found(operator))
    else:
        assert changed(operator, was, now), found(operator)


def test_the_old_place_may_go_first() -> None:
    [(was, now)] = found("old place first")

    assert was.index("HSET") < was.index("XDEL")
    assert now.index("XDEL") < now.index("HSET")


def test_every_kind_of_mistake_has_a_test_here() -> None:
    assert {x.operator for x in mutants_in("sample", SAMPLE)} == set(OPERATORS)


def test_every_script_has_mutants() -> None:
    assert {name: len(mutants_of(name)) for name in script_names() if not mutants_of(name)} == {}


def test_what_is_no_lua_is_refused() -> None:
    with pytest.raises(LuaError, match="line 1: expected 'then'"):
        read("if a the b end")


def test_every_explanation_has_its_mutant_and_a_reason() -> None:
    everything = [mutant for name in script_names() for mutant in mutants_of(name)]

    known = explanations()

    assert [x for x in known if not x.reason.strip()] == []
    assert [x for x in known if not any(x.fits(mutant) for mutant in everything)] == []


def test_an_explanation_fits_one_line_of_one_script() -> None:
    [*mutants] = mutants_in("sample", SAMPLE)
    text = """
        [[mutant]]
        script = "sample"
        was = "for i = 1, #row do"
        now = "for i = 2, #row do"
        reason = "the first one is a heading"
    """

    reasons = {reason_of(mutant, explanations(text)) for mutant in mutants}

    assert reasons == {"", "the first one is a heading"}


@pytest.mark.leaves_jobs
def test_a_fence_that_is_left_out_is_noticed(redis_url: str, tmp_path: Path) -> None:
    """In a process of its own, because a mutant stays in place until the end of it."""
    [unfenced] = [
        mutant for mutant in mutants_of("settle") if "count ~= tonumber(deliveries)" in mutant.now
    ]
    said = tmp_path / "said"
    pid = os.fork()
    if pid == 0:
        put_in_place(unfenced.script, unfenced.text)
        said.write_text(_settle_as_a_zombie(redis_url))
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)

    assert _settle_as_a_zombie(redis_url) == "LOST"
    assert said.read_text() == "RECORDED"


def _settle_as_a_zombie(url: str) -> str:
    """What a consumer hears that settles a delivery after which there was another one."""

    async def run() -> Settled:
        async with Redis.from_url(url) as client:
            await client.flushdb()
            queue = QueueUnderTest(client)
            await queue.open()
            await queue.add(job(id="a"))
            zombie = await queue.fetch_one("one")
            await queue.lapse(zombie)
            await queue.claim("one")
            return await queue.settle(zombie, Verdict.COMPLETED)

    return asyncio.run(run()).name
