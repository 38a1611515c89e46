"""What the gradient system is told, by the names that its users know."""

import re
from pathlib import Path

import pytest

from consumers.handlers.gradients.errors import GradientSettingsError
from consumers.handlers.gradients.settings import VARIABLES, GradientSettings
from consumers.settings import worker_settings
from consumers.systems import SYSTEMS
from streams.errors import SettingsError

S3 = {
    "S3_ENDPOINT": "http://minio:9000",
    "S3_ACCESS_KEY": "minioadmin",
    "S3_SECRET_KEY": "canary-secret",
    "MASTER_BUCKET_NAME": "galleries",
}


def complaint(environment: dict[str, str]) -> str:
    with pytest.raises(GradientSettingsError) as told:
        GradientSettings.from_environment(environment)
    return str(told.value)


def test_the_defaults_are_those_of_the_seed() -> None:
    settings = GradientSettings.from_environment(S3)

    assert (settings.concurrency, settings.retries_max, settings.poll_interval_ms) == (2, 3, 1000)
    assert (settings.bucket, settings.s3_endpoint) == ("galleries", "http://minio:9000")


@pytest.mark.parametrize("name", S3)
def test_each_part_of_the_store_is_required(name: str) -> None:
    assert complaint({**S3, name: ""}).startswith(
        f"{name} must be set, or MILLSTREAM_GRADIENTS_DIR"
    )


def test_all_that_is_missing_is_named_at_once() -> None:
    assert complaint({}).startswith(", ".join(S3))


def test_with_a_directory_nothing_of_s3_is_required() -> None:
    settings = GradientSettings.from_environment({"MILLSTREAM_GRADIENTS_DIR": "/data"})

    assert settings.pictures_dir == Path("/data")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("S3_ENDPOINT", "minio:9000"),
        ("MASTER_BUCKET_NAME", "Not A Bucket"),
        ("GRADIENT_WORKER_CONCURRENCY", "0"),
        ("GRADIENT_WORKER_CONCURRENCY", "many"),
        ("GRADIENT_JOB_MAX_RETRIES", "-1"),
        ("GRADIENT_WORKER_POLL_INTERVAL_MS", "99"),
    ],
)
def test_a_value_that_cannot_be_is_named_and_never_repeated(name: str, value: str) -> None:
    said = complaint({**S3, name: value})

    assert said.startswith(f"{name}: ")
    assert "canary" not in said


def test_a_name_that_nobody_reads_is_a_mistake() -> None:
    assert complaint({**S3, "GRADIENT_JOB_MAX_RETRYS": "3"}) == (
        "unknown setting GRADIENT_JOB_MAX_RETRYS: did you mean GRADIENT_JOB_MAX_RETRIES?"
    )


def test_no_secret_is_shown() -> None:
    settings = GradientSettings.from_environment(S3)

    assert "canary" not in repr(settings)


def worker(environment: dict[str, str], **arguments: int) -> int:
    system = SYSTEMS["gradients"]
    return worker_settings(
        environment,
        arguments,
        queue=system.name,
        variables=system.variables,
        defaults=system.defaults,
    ).concurrency


def test_the_worker_heeds_the_concurrency_of_the_system() -> None:
    assert worker({}) == 2
    assert worker({"CONCURRENCY": "5"}) == 5
    assert worker({"CONCURRENCY": "5", "GRADIENT_WORKER_CONCURRENCY": "3"}) == 3
    assert worker({"GRADIENT_WORKER_CONCURRENCY": "3"}, concurrency=8) == 8


def test_a_wrong_concurrency_is_told_by_the_name_that_was_used() -> None:
    with pytest.raises(SettingsError, match=r"GRADIENT_WORKER_CONCURRENCY: .*got '0'"):
        worker({"GRADIENT_WORKER_CONCURRENCY": "0"})


@pytest.mark.parametrize(
    ("said", "meant"),
    [("trace", "debug"), ("warn", "warning"), ("fatal", "critical"), ("WARN", "warning")],
)
def test_the_log_levels_of_the_seed_are_known(said: str, meant: str) -> None:
    assert worker_settings({"LOG_LEVEL": said}, {}, queue="gradients").log_level == meant


def test_the_page_lists_every_variable_and_no_other() -> None:
    page = (Path(__file__).parents[3] / "docs" / "gradients.md").read_text()
    section = page.partition("## Settings")[2].partition("\n## ")[0]
    listed = set(re.findall(r"^\| `([A-Z][A-Z0-9_]+)` \|", section, re.MULTILINE))

    assert listed == {*VARIABLES, "REDIS_URL", "CACHE_URL", "LOG_LEVEL"}
