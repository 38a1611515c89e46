"""`millstream gradients`: by hand, without a queue and with one."""

from pathlib import Path

import orjson
import pytest
from PIL import Image
from redis.asyncio import Redis

from streams.inspection import inspect_queue
from streams.keys import Keys
from tests.support.pictures import plain, saved
from tests.support.processes import Processes, RunningProgram


def run(processes: Processes, *words: str | Path, **environment: str) -> RunningProgram:
    program = processes.start("millstream", "gradients", *words, environment=environment)
    program.wait(60)
    return program


def test_one_file_is_shown_as_json(processes: Processes, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(saved(plain((49, 55, 136))))

    said = orjson.loads(run(processes, "show", tmp_path / "a.png").output())

    assert said["primary"] == "#313788"
    assert said["contrast"] > 4.5


@pytest.mark.parametrize(
    ("name", "reason"), [("none.png", "there is no picture"), ("text.png", "not_an_image")]
)
def test_what_is_no_picture_is_told_in_a_line(
    processes: Processes, tmp_path: Path, name: str, reason: str
) -> None:
    (tmp_path / "text.png").write_text("text")

    program = run(processes, "show", tmp_path / name)

    assert program.wait() != 0
    [line] = program.output().splitlines()
    assert reason in line


def test_a_folder_becomes_a_sheet(processes: Processes, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.png").write_bytes(saved(plain((49, 55, 136))))
    (folder / "b.txt").write_text("text")

    said = run(processes, "sheet", folder, "--out", tmp_path / "sheet.png").output()

    assert "1 images, 1 files that are none" in said
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width > 800


@pytest.mark.leaves_jobs
async def test_images_are_enqueued(client: Redis, redis_url: str, processes: Processes) -> None:
    words = ("enqueue", "a.png", "b/c.png", "--guild", "1", "--gallery", "g")

    said = run(processes, *words, REDIS_URL=redis_url).output()

    assert "2 jobs enqueued" in said
    assert (await inspect_queue(client, Keys("gradients"))).undelivered == 2
