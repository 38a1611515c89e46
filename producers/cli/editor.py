"""A payload in the operator's editor, or from a file, checked before anything is sent."""

import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import orjson

from producers.cli.boundary import CommandError
from producers.cli.text import one_line
from producers.payloads.known import misfit
from streams.job import PAYLOAD_BYTES_MAX


def edited_payload(payload: bytes, environment: Mapping[str, str]) -> bytes:
    """*payload* as the operator leaves it in `$VISUAL` or `$EDITOR` (else `vi`).

    Raises:
        CommandError: there is no such editor, it failed, or nothing was changed.
    """
    editor = environment.get("VISUAL") or environment.get("EDITOR") or "vi"
    shown = _indented(payload)
    with tempfile.TemporaryDirectory(prefix="millstream-") as folder:
        file = Path(folder) / "payload.json"
        file.write_bytes(shown)
        try:
            # The operator's own setting, as git and crontab run it.
            done = subprocess.run([*shlex.split(editor), str(file)], check=False)  # noqa: S603 - above
        except (OSError, ValueError) as error:
            raise CommandError(
                f"cannot start the editor '{one_line(editor, chars_max=80)}' ({error}): set "
                "EDITOR, or give the payload with --payload FILE"
            ) from error
        if done.returncode != 0:
            raise CommandError(f"the editor ended with status {done.returncode}")
        edited = file.read_bytes()
    if edited == shown:
        raise CommandError("the payload was not changed: leave out --edit to run it as it is")
    return edited


def payload_from(name: str) -> bytes:
    """The payload in the file *name*, or on standard input for `-`; bounded.

    Raises:
        CommandError: it cannot be read.
    """
    if name == "-":
        return sys.stdin.read(PAYLOAD_BYTES_MAX + 1).encode()
    try:
        with Path(name).open("rb") as file:
            return file.read(PAYLOAD_BYTES_MAX + 1)
    except OSError as error:
        raise CommandError(f"cannot read {name}: {error.strerror}") from error


def checked(kind: str, payload: bytes) -> bytes:
    """*payload* as compact JSON, if it is JSON and fits the model of *kind*, where one is known.

    Raises:
        CommandError: it does not; says what is wrong with it.
    """
    if len(payload) > PAYLOAD_BYTES_MAX:
        raise CommandError(
            f"a payload may have {PAYLOAD_BYTES_MAX} bytes, and this one has more: put the data "
            "into an object store and its name into the payload"
        )
    try:
        compact = orjson.dumps(orjson.loads(payload))
    except orjson.JSONDecodeError as error:
        raise CommandError(f"the payload is no JSON ({error})") from error
    if flaw := misfit(kind, compact):
        raise CommandError(flaw)
    return compact


def _indented(payload: bytes) -> bytes:
    """*payload* for reading; as it is, where it is no JSON."""
    try:
        return orjson.dumps(orjson.loads(payload), option=orjson.OPT_INDENT_2) + b"\n"
    except orjson.JSONDecodeError:
        return payload
