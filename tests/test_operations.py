"""The commands in `docs/operations.md` and `docs/security.md` run as they stand there."""

import shlex
from pathlib import Path

import pytest

from streams.acl import ROLES
from streams.audit.places import Breakage
from streams.why.explanation import Reason
from tests.producers.cli.conftest import Command, command, on_the_server, queue
from tests.support.pages import blocks
from tests.support.queues import QueueUnderTest, job

__all__ = ["command", "on_the_server", "queue"]

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "operations.md").read_text()
PAGES = PAGE + (DOCS / "security.md").read_text()
EXAMPLES = [
    line.removeprefix("$ millstream ")
    for block in blocks(PAGES, "console")
    for line in block.splitlines()
    if line.startswith("$ millstream ")
]


def test_the_pages_have_an_example_of_each_command() -> None:
    assert {"why", "doctor", "audit", "acl"} <= {example.split()[0] for example in EXAMPLES}


@pytest.mark.leaves_jobs
@pytest.mark.parametrize("example", EXAMPLES)
async def test_an_example_runs(example: str, command: Command, queue: QueueUnderTest) -> None:
    """A doctor may find that the server of the tests is none for production."""
    await queue.add(job(id="nightly-0-0-0"))

    result = await command(*shlex.split(example))

    assert result.err == ""
    assert result.out
    assert result.status in ({0, 1, 2} if example.startswith("doctor") else {0})


def test_every_reason_is_explained() -> None:

    section = PAGE.partition("## Why is it not done")[2].partition("\n## ")[0]
    assert [each for each in Reason if f"`{each.value}`" not in section] == []


def test_every_breakage_is_explained() -> None:

    section = PAGE.partition("## Audit")[2].partition("\n## ")[0]
    assert [each for each in Breakage if f"`{each.value}`" not in section] == []


def test_every_role_is_explained() -> None:
    page = (DOCS / "security.md").read_text()

    assert [name for name in ROLES if f"| `{name}` |" not in page] == []
