"""`millstream chaos`: break everything, and see whether the promises hold."""

import os
import random
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import anyio
import typer

from consumers.chaos.checker import Violation, check
from consumers.chaos.faults import EVERY_S, Fault, parse_faults
from consumers.chaos.figures import Figures, figures, together
from consumers.chaos.history import History
from consumers.chaos.plan import Plan
from consumers.chaos.play import play
from consumers.chaos.report import as_json, as_table
from consumers.errors import ConsumerError
from producers.cli.boundary import CommandError
from producers.cli.output import new_console, write_json
from producers.errors import ProducerError
from streams.errors import StreamsError
from streams.finding import find_server

app = typer.Typer(add_completion=False)

#: Exit status where a promise was not kept, or the unfenced run kept all of them.
EXIT_BROKEN = 1


@app.command()
def chaos(
    *,
    seed: Annotated[
        int | None, typer.Option(help="The first seed.  [default: a random one]")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, max=1000, help="Runs, each with the next seed.")] = 1,
    minutes: Annotated[
        float, typer.Option(min=0.05, max=1440, help="Time of faults, over all seeds.")
    ] = 1.0,
    jobs: Annotated[int, typer.Option(min=1, max=10_000_000, help="Jobs, over all seeds.")] = 2_000,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Workers on their own.")] = 4,
    supervised: Annotated[
        int, typer.Option(min=0, max=64, help="Workers below one supervisor.")
    ] = 2,
    lease_ms: Annotated[int, typer.Option(min=1000, max=60_000, help="Lease of a job.")] = 2_000,
    faults: Annotated[
        str, typer.Option(help="Only these, with commas, as in kill,freeze.  [default: all]")
    ] = "",
    every_s: Annotated[
        float, typer.Option(min=0.1, max=600, help="Seconds between two faults, on average.")
    ] = EVERY_S,
    handlers: Annotated[
        str,
        typer.Option(
            "--handler",
            help="Your handlers: a system, or package.module:factory.  [default: the kit's own]",
        ),
    ] = "",
    payloads: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Jobs for them: one JSON object a line."),
    ] = None,
    server: Annotated[
        Path | None,
        typer.Option(
            exists=True, dir_okay=False, help="The redis-server to start.  [default: as in demo]"
        ),
    ] = None,
    unfenced: Annotated[
        bool, typer.Option("--unfenced", help="Without the fence: the checker must find it.")
    ] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the journals of good runs too.")] = (
        False
    ),
    out: Annotated[Path, typer.Option(file_okay=False, help="For journals and logs.")] = Path(
        "out/chaos"
    ),
    as_json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Kill, freeze and cut off workers and their Redis, and check what came of every job.

    Starts a Redis of its own (append-only file, fsync always), a fleet and a producer.
    Exit status 0 when every promise held.
    """
    if handlers and payloads is None:
        raise CommandError("--handler needs --payloads: the jobs that your handlers are to run")
    first = random.randrange(1_000_000) if seed is None else seed
    plan = Plan(
        seed=first,
        seconds=minutes * 60 / seeds,
        jobs=-(-jobs // seeds),
        directory=out,
        lease_ms=lease_ms,
        workers=workers,
        supervised=supervised,
        faults=_checked_faults(faults),
        every_s=every_s,
        fenced=not unfenced,
        handlers=handlers,
        payloads=payloads,
    )
    parts: list[Figures] = []
    found: list[Violation] = []
    binary = server or _binary()
    all_seeds = range(first, first + seeds)
    for each in all_seeds:
        part = replace(plan, seed=each, directory=out / f"seed-{each}")
        result, violations = _run(part, binary, keep=keep, quiet=as_json_)
        parts.append(result)
        found += violations
    if as_json_:
        write_json(as_json(together(parts), found, seeds=all_seeds))
    else:
        new_console().print(as_table(together(parts), found))
    if unfenced and not found:
        raise CommandError("without the fence nothing was found: the checker does not see")
    raise typer.Exit(EXIT_BROKEN if found and not unfenced else 0)


def _run(plan: Plan, binary: Path, *, keep: bool, quiet: bool) -> tuple[Figures, list[Violation]]:
    """One seed; its folder stays where something was found."""
    console = new_console(stderr=True)
    if not quiet:
        console.print(f"seed {plan.seed}: {plan.jobs} jobs, {plan.seconds:.0f} s of faults ...")
    shutil.rmtree(plan.directory, ignore_errors=True)
    history = _played(plan, binary)
    violations = check(history)
    if violations and plan.fenced:
        console.print(
            f"seed {plan.seed}: {len(violations)} violations; journals and logs are in "
            f"{plan.directory}; again with: millstream chaos --seed {plan.seed} "
            f"--minutes {plan.seconds / 60:g} --jobs {plan.jobs}"
        )
    elif not keep:
        shutil.rmtree(plan.directory, ignore_errors=True)
    result = figures(history, violations)
    if not quiet:
        console.print(
            f"seed {plan.seed}: {result.jobs} jobs ended in {result.seconds:.0f} s under "
            f"{sum(result.faults.values())} faults, {len(violations)} violations"
        )
    return result, violations


def _played(plan: Plan, binary: Path) -> History:
    mistakes: list[BaseException] = []
    found: list[History] = []
    try:
        found.append(anyio.run(play, plan, binary))
    except* (StreamsError, ProducerError, ConsumerError) as group:
        mistakes = list(_leaves(group))
    if mistakes:
        raise CommandError("; ".join(dict.fromkeys(str(each) for each in mistakes)))
    return found[0]


def _binary() -> Path:
    """A server of our own, whatever REDIS_URL says: it is going to be killed."""
    environment = {name: value for name, value in os.environ.items() if name != "REDIS_URL"}
    found = find_server(environment).binary
    if found is None:  # pragma: no cover - without REDIS_URL there is a binary or an error
        raise CommandError("no redis-server was found to be killed")
    return found


def _checked_faults(text: str) -> frozenset[Fault]:
    try:
        return parse_faults(text)
    except ConsumerError as error:
        raise CommandError(str(error)) from error


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
