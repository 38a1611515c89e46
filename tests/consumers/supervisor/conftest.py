"""Supervisors for the tests of the supervisor."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.consumers.support.fleet import Fleet
from tests.support.processes import Processes


@pytest.fixture
def fleet(processes: Processes, tmp_path: Path) -> Iterator[Fleet]:
    """Starts supervisors; those that still run at the end are told to end twice.

    Killing them would leave their processes to end by themselves, in their own time.
    """
    fleet = Fleet(processes, tmp_path)
    yield fleet
    fleet.hurry()
