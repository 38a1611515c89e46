"""A worker opens one system, and says what is missing for it."""

import importlib
import sys

import pytest

from consumers.errors import ConsumerError, MissingExtraError
from consumers.systems import SYSTEMS, UnknownSystemError, find_system

#: A package of the tile system that nothing else here needs.
PACKAGE = "pyproj"


@pytest.fixture
def without_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the extra were not installed."""
    for name in list(sys.modules):
        if name.split(".")[0] == PACKAGE or name.startswith("consumers.handlers.tiles"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, PACKAGE, None)


@pytest.mark.usefixtures("without_package")
def test_a_missing_extra_names_the_line_that_installs_it() -> None:
    with pytest.raises(MissingExtraError) as caught:
        find_system("tiles")

    assert caught.value.system == "tiles"
    assert caught.value.missing == PACKAGE
    assert 'pip install "millstream[tiles]"' in str(caught.value)


def test_an_unknown_system_is_answered_with_those_that_there_are() -> None:
    with pytest.raises(UnknownSystemError, match=r"there is no system 'tile': known are .*tiles"):
        find_system("tile")


def test_an_unknown_system_is_a_mistake_of_the_user() -> None:
    """The command shows it as one line."""
    assert issubclass(UnknownSystemError, ConsumerError)
    assert issubclass(MissingExtraError, ConsumerError)


@pytest.mark.parametrize("name", SYSTEMS)
def test_each_system_can_be_opened_and_says_what_it_is_for(name: str) -> None:
    system = SYSTEMS[name]

    assert system.name == name
    assert system.summary
    assert find_system(name) is importlib.import_module(system.module).open_system


def test_looking_at_the_systems_imports_none_of_their_packages() -> None:
    """A tile worker imports no HTTP client, and `--help` is quick."""
    import subprocess  # noqa: PLC0415 - only here

    said = subprocess.run(
        [sys.executable, "-c", "import consumers.cli, sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert not {"numpy", "pyproj", "PIL", "sqlalchemy", "aiobotocore"} & set(said.stdout.split())
