"""Copies of the program that stand for an older and a newer release of it."""

import re
import shutil
from pathlib import Path

ROOT = Path(__file__).parents[3]

_NEWER_KIND = '''

class Newer(Payload):
    """A kind that the older release does not know."""

    kind: ClassVar[str] = "test.newer"


def add_newer_kinds(registry: Registry, handlers: Handlers) -> None:
    """What this release has learned."""

    async def newer(payload: Newer, context: Context) -> JsonValue:
        handlers._effects.add(context, "start")
        return handlers._end(context)

    registry.add(Newer, newer)
'''


def make_release(directory: Path, version: str, *, is_newer: bool = False) -> dict[str, str]:
    """Write a release into *directory*; returns the environment that runs it.

    The text of every script differs, and so does its hash. What a release cannot run waits
    for a moment only, or tests would wait for half a minute. The newer one knows one kind
    more, and version 2 of another.
    """
    for folder in ("streams", "producers", "consumers", "tests/support", "tests/consumers/support"):
        shutil.copytree(
            ROOT / folder, directory / folder, ignore=shutil.ignore_patterns("__pycache__")
        )
    for script in (directory / "streams").rglob("*.lua"):
        script.write_text(f"{script.read_text()}\n-- release {version}\n")
    _edit(
        directory / "consumers/version.py",
        r"def millstream_version\(\) -> str:\n",
        f'def millstream_version() -> str:\n    return "{version}"\n\n\ndef _unused() -> str:\n',
    )
    _edit(directory / "consumers/execution.py", r"PARKED_MS = [\d_]+", "PARKED_MS = 300")
    if is_newer:
        kinds = directory / "tests/consumers/support/kinds.py"
        _edit(kinds, r'("test\.note"\n)', r"\1    schema_version: ClassVar[int] = 2\n")
        _edit(
            kinds,
            r"    return registry\n",
            "    add_newer_kinds(registry, handlers)\n    return registry\n",
        )
        kinds.write_text(kinds.read_text() + _NEWER_KIND)
    return {"PYTHONPATH": str(directory), "PYTHONSAFEPATH": "1"}


def _edit(path: Path, pattern: str, replacement: str) -> None:
    text, count = re.subn(pattern, replacement, path.read_text())
    assert count == 1, f"{pattern} is {count} times in {path}"
    path.write_text(text)
