"""What docs/gradients.md says is so."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest
from redis.asyncio import Redis

from consumers.gradients import GradientWorker, Stats
from consumers.handlers.gradients import errors
from consumers.handlers.gradients.decode import FORMATS, PIXELS_MAX
from consumers.handlers.gradients.gradient import GradientJson
from consumers.handlers.gradients.handler import RESULT_TTL, ResultJson
from consumers.handlers.gradients.pictures import BYTES_MAX
from producers.payloads.gradients import GradientJob
from streams.keys import Keys
from tests.support.pages import blocks
from tests.support.pictures import plain, saved
from tests.support.waiting import wait_until

PAGE = (Path(__file__).parents[3] / "docs" / "gradients.md").read_text()


def test_the_example_of_a_result_has_the_names_of_the_result() -> None:
    example = orjson.loads(blocks(PAGE, "json")[0])

    assert list(example) == list(ResultJson.__annotations__)
    assert list(example["gradient"]) == list(GradientJson.__annotations__)


def test_the_job_typed_by_hand_is_one() -> None:
    [payload] = re.findall(r"payload '(.*)'$", PAGE, re.MULTILINE)

    assert GradientJob.model_validate_json(payload).gallery_name == "my-gallery"


def test_every_figure_of_the_seed_has_its_name() -> None:
    assert [name for name in Stats.__annotations__ if f"`{name}`" not in PAGE] == []


def test_every_list_and_key_of_the_seed_has_a_successor() -> None:
    rows = dict(
        re.findall(r"^\| (.+?) \| (.+) \|$", PAGE.partition("## From lists")[2], re.MULTILINE)
    )
    keys = Keys("gradients")

    assert keys.delayed in rows["`gradient:delayed` (sorted set)"]
    assert keys.streams["critical"] in rows["`gradient:queue` (list)"]
    assert "pending" in rows["`gradient:processing` (list)"]
    assert keys.job("<id>") in rows["`gradient:job:{jobId}` (24 hours)"]
    assert rows["`gradient:{storageKey}` (30 days)"].startswith("the same")


def test_every_error_and_every_limit_is_named() -> None:
    found = {
        name
        for name, each in vars(errors).items()
        if isinstance(each, type) and each.__module__ == errors.__name__
    }
    bases = {"GradientError", "GradientSettingsError"}

    assert [name for name in sorted(found - bases) if f"`{name}`" not in PAGE] == []
    assert f"{BYTES_MAX // 2**20} MiB" in PAGE
    assert f"{PIXELS_MAX // 10**6} megapixels" in PAGE
    assert f"for {RESULT_TTL.days} days" in PAGE
    names = PAGE.upper()
    assert all(name in names for name in FORMATS)


async def test_the_example_for_another_program_runs(
    client: Redis, redis_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "path" / "to").mkdir(parents=True)
    (tmp_path / "path" / "to" / "image.jpg").write_bytes(saved(plain((1, 2, 3)), "JPEG"))
    [example] = [each for each in blocks(PAGE, "python") if "GradientWorker" in each]
    names: dict[str, Any] = {}
    exec(example, names)  # noqa: S102 - the page's own example
    environment: Mapping[str, str] = {
        "REDIS_URL": redis_url,
        "MILLSTREAM_GRADIENTS_DIR": str(tmp_path),
        "MILLSTREAM_WORKER_REQUIRE_AOF": "no",
    }

    await names["serve"](environment)

    assert "'jobsProcessed': " in capsys.readouterr().out
    # The page stops at once; what it has enqueued is done by the next one.
    async with GradientWorker(environment):
        await wait_until(lambda: client.exists("gradient:path/to/image.jpg"), "it is done", 40)
