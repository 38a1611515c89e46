"""`millstream schema`: what a job of a kind may carry, as JSON Schema."""

from pathlib import Path
from typing import Annotated

import orjson
import typer

from producers.cli.boundary import CommandError
from producers.cli.options import AsJson
from producers.cli.output import cell, new_console, new_table, write_json
from producers.cli.schemafiles import compare, write_all
from producers.cli.text import plain
from producers.payloads.base import Payload
from producers.payloads.known import KNOWN_PAYLOADS
from producers.payloads.schema import packed, schema_of, summary_of


def schema(
    kind: Annotated[
        str | None, typer.Argument(metavar="KIND", help="The schema of this kind.")
    ] = None,
    *,
    every: Annotated[
        bool, typer.Option("--all", help="Write the schemas of all kinds; needs --out.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="The folder for --all: one KIND.json a kind."),
    ] = None,
    check: Annotated[
        Path | None,
        typer.Option(
            "--check",
            metavar="DIR",
            help="Say what no longer accepts what the schemas in this folder accept; "
            "status 1 if anything does.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show which kinds there are, and what a job of each may carry; talks to no server."""
    if sum((kind is not None, every, check is not None)) > 1:
        raise typer.BadParameter("KIND, --all and --check are three questions: ask one")
    if every != (out is not None):
        raise typer.BadParameter("--all and --out DIR belong together")
    if check is not None:
        _check(check, as_json=as_json)
    elif out is not None:
        _write(out, as_json=as_json)
    elif kind is not None:
        # Already JSON, for people too: only the last line end is the writer's.
        write_json(packed(schema_of(_model(kind))).rstrip())
    elif as_json:
        write_json(orjson.dumps([_row(model) for model in KNOWN_PAYLOADS.values()]))
    else:
        _list()


def _model(kind: str) -> type[Payload]:
    try:
        return KNOWN_PAYLOADS[kind]
    except KeyError:
        raise CommandError(
            f"the kind '{kind:.100}' is not one of Millstream's own: {', '.join(KNOWN_PAYLOADS)}"
        ) from None


def _row(model: type[Payload]) -> dict[str, str | int]:
    return {
        "kind": model.kind,
        "schema_version": model.schema_version,
        "summary": summary_of(model),
    }


def _list() -> None:
    table = new_table("Kinds of jobs", ("kind", "version", "what it does"), numbers=("version",))
    for model in KNOWN_PAYLOADS.values():
        table.add_row(cell(model.kind), str(model.schema_version), cell(summary_of(model)))
    new_console().print(table)


def _write(folder: Path, *, as_json: bool) -> None:
    files = write_all(folder)
    if as_json:
        write_json(orjson.dumps([str(file) for file in files]))
    else:
        typer.echo(f"{len(files)} schemas written to {plain(str(folder))}")


def _check(folder: Path, *, as_json: bool) -> None:
    comparisons = compare(folder)
    broken = [each for each in comparisons if each.breaks]
    if as_json:
        write_json(orjson.dumps([each.to_json() for each in comparisons]))
    else:
        for each in comparisons:
            typer.echo(plain(each.told()))
    if broken:
        raise CommandError(
            f"{len(broken)} of {len(comparisons)} kinds no longer accept what these schemas do: "
            "change what sends them, then take the new schemas with --all --out"
        )
