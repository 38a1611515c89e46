"""Schemas in a folder, one `KIND.json` a kind: written, and compared with the models."""

from dataclasses import dataclass
from pathlib import Path

import orjson

from producers.cli.boundary import CommandError
from producers.payloads.contract import breaks, is_revised
from producers.payloads.known import KNOWN_PAYLOADS
from producers.payloads.schema import KIND, Schema, packed, schema_of

#: The largest schema that is read; those of Millstream have a few KiB.
FILE_BYTES_MAX = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Comparison:
    """How the model of a kind stands to a schema in a file.

    Attributes:
        kind: The kind that the file is about.
        breaks: What the model no longer accepts, each as a sentence.
        is_revised: Whether the model's schema version is higher than the file's.
        is_same: Whether the file is, byte for byte, what would be written today.
    """

    kind: str
    breaks: tuple[str, ...]
    is_revised: bool
    is_same: bool

    def told(self) -> str:
        """The comparison in lines: the kind with the verdict, and each break below it."""
        verdict = "as it was" if self.is_same else "accepts all that it did, and has changed"
        if self.breaks:
            verdict = "BROKEN, under a new schema version" if self.is_revised else "BROKEN"
        return "\n  ".join([f"{self.kind}: {verdict}", *self.breaks])

    def to_json(self) -> dict[str, object]:
        """The comparison for programs."""
        return {
            "kind": self.kind,
            "breaks": self.breaks,
            "is_revised": self.is_revised,
            "is_same": self.is_same,
        }


def write_all(folder: Path) -> list[Path]:
    """Write the schema of every kind into *folder*, which is made if need be.

    Raises:
        CommandError: it cannot be written.
    """
    files: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for kind, model in KNOWN_PAYLOADS.items():
            file = folder / f"{kind}.json"
            file.write_bytes(packed(schema_of(model)))
            files.append(file)
    except OSError as error:
        raise CommandError(f"cannot write into {folder}: {error.strerror}") from error
    return files


def compare(folder: Path) -> list[Comparison]:
    """Each schema in *folder* against the model of its kind today.

    Raises:
        CommandError: there are none, or one of them is no schema of a payload.
    """
    try:
        files = sorted(folder.glob("*.json"))
        comparisons = [_compared(file) for file in files]
    except OSError as error:
        raise CommandError(f"cannot read {folder}: {error.strerror}") from error
    if not comparisons:
        raise CommandError(
            f"{folder} holds no schemas: write them with millstream schema --all --out DIR"
        )
    return comparisons


def _compared(file: Path) -> Comparison:
    with file.open("rb") as opened:
        content = opened.read(FILE_BYTES_MAX + 1)
    pinned = _schema(file, content)
    kind = str(pinned[KIND])
    model = KNOWN_PAYLOADS.get(kind)
    if model is None:
        gone = f"the kind is gone; there are {', '.join(KNOWN_PAYLOADS)}"
        return Comparison(kind, (gone,), is_revised=False, is_same=False)
    today = schema_of(model)
    try:
        found = breaks(pinned, today)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CommandError(f"{file} is no JSON Schema that can be read: {error}") from error
    return Comparison(kind, tuple(found), is_revised(pinned, today), content == packed(today))


def _schema(file: Path, content: bytes) -> Schema:
    if len(content) > FILE_BYTES_MAX:
        raise CommandError(f"{file} has more than {FILE_BYTES_MAX} bytes")
    try:
        found = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise CommandError(f"{file} is no JSON: {error}") from error
    if not isinstance(found, dict) or not isinstance(found.get(KIND), str):
        raise CommandError(f"{file} is no schema of a payload: it has no '{KIND}'")
    return found
