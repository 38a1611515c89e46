"""The protocol of deliveries, every interleaving of it, by the model checker spin."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

PROTOCOL = Path(__file__).parent / "protocol.pml"
#: Steps of the longest path; the search says so if one was longer.
DEPTH_MAX = 100_000

MISSING = [name for name in ("spin", "gcc") if shutil.which(name) is None]

pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not on the PATH: {' and '.join(MISSING)}")


def search(folder: Path, *defines: str) -> str:
    """What an exhaustive search of the protocol says."""
    for command in (
        ["spin", *defines, "-a", str(PROTOCOL)],
        ["gcc", "-O1", "-DSAFETY", "-o", "pan", "pan.c"],
    ):
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=60)
    done = subprocess.run(
        ["./pan", f"-m{DEPTH_MAX}", "-n"],
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.stdout


def test_the_fence_keeps_every_promise_in_every_interleaving(tmp_path: Path) -> None:
    said = search(tmp_path)

    assert "errors: 0" in said, said
    assert "max search depth too small" not in said
    states = re.search(r"(\d+) states, stored", said)
    assert states is not None
    assert int(states[1]) > 10_000, "the search was hardly one"


@pytest.mark.parametrize("part", ["UNFENCED", "NO_PLACE", "NO_OWNER", "NO_COUNT"])
def test_each_part_of_the_token_is_needed(tmp_path: Path, part: str) -> None:
    said = search(tmp_path, f"-D{part}")

    assert "assertion violated current[_pid]" in said, said
