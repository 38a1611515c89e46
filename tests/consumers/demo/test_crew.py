"""The worker processes of the demo."""

import os
from collections.abc import Mapping
from pathlib import Path

import psutil
import pytest

from consumers.demo.crew import Crew, WorkersGoneError
from tests.support.waiting import wait_until


def environment(tmp_path: Path, **more: str) -> Mapping[str, str]:
    """Settings of a worker whose Redis is not there."""
    return {
        **os.environ,
        "REDIS_URL": "redis://127.0.0.1:1",
        "MILLSTREAM_DATA_DIR": str(tmp_path),
        **more,
    }


async def test_without_any_worker_it_says_what_the_last_one_said(tmp_path: Path) -> None:
    with Crew(["worker-1", "worker-2"], environment(tmp_path), tmp_path) as crew:
        pids = crew.pids
        await wait_until(
            lambda: not any(psutil.pid_exists(pid) and _lives(pid) for pid in pids.values()),
            "both workers end, for want of a Redis",
            60,
        )

        with pytest.raises(WorkersGoneError, match=r"no Redis at redis://127\.0\.0\.1:1"):
            crew.require_alive()


async def test_the_end_of_the_block_is_the_end_of_the_workers(tmp_path: Path) -> None:
    with Crew(["worker-1"], environment(tmp_path), tmp_path) as crew:
        started = psutil.Process(crew.pids["worker-1"])

    assert not started.is_running()


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
