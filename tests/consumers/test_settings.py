"""What a worker is told, and what it says when it is told nonsense."""

import re
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from consumers import settings as module
from consumers.settings import ENVIRONMENT, PREFIX, WorkerSettings, worker_settings
from streams.errors import SettingsError
from streams.workers import hostname

CANARY_URL = "redis://user:canary@host:6379/0"


def told(environment: dict[str, str], **arguments: Any) -> WorkerSettings:
    return worker_settings(environment, arguments, queue="tiles")


def complaint(environment: dict[str, str], **arguments: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        told(environment, **arguments)
    return str(caught.value)


def table() -> dict[str, tuple[str, str]]:
    """Variable to argument and default, as the module's docstring says."""
    rows = re.findall(r"^\| ([A-Z_]+) \| (\S*) ?\| (.+) \|$", module.__doc__ or "", re.MULTILINE)
    return {variable: (argument, default) for variable, argument, default in rows}


def test_the_table_has_every_variable_and_no_other() -> None:
    assert table().keys() == ENVIRONMENT.keys()


@pytest.mark.parametrize("variable", ENVIRONMENT)
def test_each_default_of_the_table_is_true(variable: str) -> None:
    default = getattr(told({}), ENVIRONMENT[variable])
    if isinstance(default, SecretStr):
        default = default.get_secret_value()
    in_words = {
        "the host's name": re.sub(r"[^A-Za-z0-9_.-]+", "-", hostname()),
        "the system's name": "tiles",
        "REDIS_URL": "None",
        "none": "None",
        "no": "False",
        "yes": "True",
        "CONCURRENCY, at most the cores": "None",
    }
    said = table()[variable][1]

    assert str(default) == in_words.get(said, said)


@pytest.mark.parametrize("variable", ENVIRONMENT)
def test_each_argument_of_the_table_sets_its_field(variable: str) -> None:
    argument = table()[variable][0]
    if argument:
        assert argument.removeprefix("--").replace("-", "_") == ENVIRONMENT[variable]


def test_an_argument_wins_over_the_environment_and_that_over_the_default() -> None:
    environment = {"CONCURRENCY": "8"}

    assert told({}).concurrency == 4
    assert told(environment, concurrency=None).concurrency == 8
    assert told(environment, concurrency=2).concurrency == 2


def test_an_empty_variable_is_none_at_all() -> None:
    """`CONCURRENCY= millstream-worker tiles` and compose files with `${CONCURRENCY}`."""
    assert told({"CONCURRENCY": "", "REDIS_URL": ""}) == told({})


def test_a_zero_is_a_value() -> None:
    assert told({}, grace_ms=0, metrics_port=0).grace_ms == 0
    assert told({f"{PREFIX}METRICS_PORT": "0"}).metrics_port == 0


def test_a_level_may_be_shouted() -> None:
    assert told({"LOG_LEVEL": "INFO"}).log_level == "info"


def test_other_programs_may_have_variables_of_their_own() -> None:
    told({"PATH": "/bin", "MILLSTREAM_STORE": "x", "WORKER_COLOUR": "red"})


def test_an_unknown_variable_of_ours_is_refused_with_the_one_that_was_meant() -> None:
    said = complaint({f"{PREFIX}LEASEMS": "1000", f"{PREFIX}GRACE": "1"})

    assert f"no setting {PREFIX}LEASEMS: did you mean {PREFIX}LEASE_MS?" in said
    assert f"no setting {PREFIX}GRACE: did you mean {PREFIX}GRACE_MS?" in said


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"CONCURRENCY": "many"}, ["CONCURRENCY", "integer", "'many'"]),
        ({"CONCURRENCY": "0"}, ["CONCURRENCY", "greater than or equal to 1", "'0'"]),
        ({"CONCURRENCY": "1001"}, ["CONCURRENCY", "less than or equal to 1000"]),
        ({"LOG_LEVEL": "loud"}, ["LOG_LEVEL", "'loud'", "debug"]),
        ({f"{PREFIX}LEASE_MS": "999"}, [f"{PREFIX}LEASE_MS", "1000"]),
        ({f"{PREFIX}GRACE_MS": "-1"}, [f"{PREFIX}GRACE_MS", "0"]),
        ({f"{PREFIX}METRICS_PORT": "65536"}, [f"{PREFIX}METRICS_PORT", "65535"]),
        ({f"{PREFIX}QUEUE": "Tiles!"}, [f"{PREFIX}QUEUE", "'Tiles!'"]),
        ({f"{PREFIX}QUEUE": "tiles\n"}, [f"{PREFIX}QUEUE"]),
        ({"WORKER_NAME": "x" * 65}, ["WORKER_NAME", "64"]),
    ],
)
def test_a_wrong_value_is_named_with_its_limit(
    environment: dict[str, str], words: list[str]
) -> None:
    said = complaint(environment)

    assert [word for word in words if word not in said] == []


def test_every_wrong_value_is_named_at_once() -> None:
    said = complaint({"CONCURRENCY": "0", "LOG_LEVEL": "loud"}, grace_ms=-1)

    assert len(said.splitlines()) == 3


@pytest.mark.parametrize("variable", ["REDIS_URL", "CACHE_URL"])
def test_a_url_is_never_shown(variable: str) -> None:
    settings = told({variable: CANARY_URL})

    assert "canary" not in f"{settings!r} {settings} {settings.model_dump()}"
    assert "canary" not in settings.model_dump_json()
    assert "canary" not in complaint({variable: CANARY_URL, "CONCURRENCY": "0"})


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        told({}).__setattr__("concurrency", 5)


@pytest.mark.parametrize("lease_ms", [1_000, 10_000, 3_600_000])
def test_a_lease_has_five_chances_and_the_worker_stops_itself_before_it_ends(
    lease_ms: int,
) -> None:
    settings = told({f"{PREFIX}LEASE_MS": str(lease_ms)})

    assert settings.renew_ms * 5 == lease_ms
    assert settings.renew_ms * 4 <= settings.self_fence_ms < lease_ms


def test_a_worker_process_is_told_what_its_supervisor_was_told() -> None:
    parent = worker_settings(
        {"REDIS_URL": "redis://:secret@host/3", "MILLSTREAM_WORKER_RETRIES_PER_S": "2.5"},
        {"processes": 4, "lease_ms": 2_000, "metrics_port": 9_000, "concurrency": 7},
        queue="tiles",
    )

    child = worker_settings(parent.of_process("w-1", "127.0.0.1"), {}, queue="other")

    assert parent.is_supervised
    assert not child.is_supervised
    own = {"name": "w-1", "processes": 1, "metrics_port": 0}
    assert child == parent.model_copy(update=own)
