"""`millstream dead replay`: making dead jobs run again."""

import os
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import anyio
import orjson
import typer

from producers.cli.boundary import CommandError
from producers.cli.deadoptions import (
    Causes,
    Digests,
    DryRun,
    Errors,
    Everything,
    Kinds,
    Names,
    Since,
    Until,
    Words,
    letter_filter,
    require_choice,
)
from producers.cli.editor import checked, edited_payload, payload_from
from producers.cli.letters import Choice, Found, choose
from producers.cli.options import DEFAULT_URL, AsJson, QueueName, RedisUrl, Yes, level_of
from producers.cli.output import write_json
from producers.cli.rerun import Rerun, Tally, rehearse
from producers.cli.session import visit
from producers.cli.times import rate_per_s
from producers.pace import Pace
from streams.letterfilter import LetterFilter
from streams.priority import Priority
from streams.replay import Edit
from streams.server import Server
from streams.workers import hostname


@dataclass(frozen=True, slots=True, kw_only=True)
class _Order:
    """What the operator has asked for."""

    url: str
    queue: str | None
    names: Sequence[str] | None
    wanted: LetterFilter
    limit: int | None
    open_editor: bool
    payload: str | None
    priority: Priority | None
    attempts: int | None
    pace: Pace | None
    by: str
    dry_run: bool
    yes: bool
    as_json: bool


def replay_(
    names: Names = None,
    *,
    everything: Everything = False,
    kinds: Kinds = None,
    causes: Causes = None,
    errors: Errors = None,
    digests: Digests = None,
    since: Since = None,
    until: Until = None,
    text: Words = "",
    limit: Annotated[int | None, typer.Option(min=1, help="The oldest so many.")] = None,
    edit: Annotated[bool, typer.Option("--edit", help="Change the payload in $EDITOR.")] = False,
    payload: Annotated[
        str | None, typer.Option(metavar="FILE", help="Run it with this payload; - for the input.")
    ] = None,
    priority: Annotated[str | None, typer.Option(help="critical, high, normal or low.")] = None,
    attempts: Annotated[int | None, typer.Option(min=1, help="Attempts that it gets.")] = None,
    rate: Annotated[str | None, typer.Option(help="No faster than this: `50/s`, `600/m`.")] = None,
    by: Annotated[
        str, typer.Option(envvar="USER", help="Who replays: stands in the history.")
    ] = "unknown",
    queue: QueueName = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    redis_url: RedisUrl = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Make dead jobs run again, from their first attempt and with their history."""
    wanted = letter_filter(kinds, causes, errors, digests, since, until, text)
    require_choice(names, wanted, everything=everything)
    if edit and payload is not None:
        raise typer.BadParameter("--edit and --payload are two ways to the same thing: take one")
    order = _Order(
        url=redis_url,
        queue=queue,
        names=names,
        wanted=wanted,
        limit=limit,
        open_editor=edit,
        payload=payload,
        priority=None if priority is None else level_of(priority),
        attempts=attempts,
        pace=Pace(rate_per_s(rate)) if rate is not None else None,
        by=by,
        dry_run=dry_run,
        yes=yes,
        as_json=as_json,
    )
    tally = anyio.run(_carry_out, order)
    would = "would be " if dry_run else ""
    were = "would be" if dry_run else "were"
    if as_json:
        write_json(orjson.dumps({"replayed": tally.done, "left": tally.left, "dry_run": dry_run}))
    else:
        typer.echo(f"{tally.done} {would}replayed{'; nothing was changed' if dry_run else ''}")
    if tally.left:
        raise CommandError(f"{tally.left} of the dead letters {were} left as they are; see above")


async def _carry_out(order: _Order) -> Tally:
    async with visit(order.url) as server:
        choice = await choose(server, order.queue, order.names, order.wanted)
        edit = await _edit(server, choice, order)
        letters = _limited(choice.letters(server), order.limit)
        if order.dry_run:
            return await rehearse(server, letters, edit, as_json=order.as_json)
        count = await choice.count(server, order.limit)
        if count > 1 and not order.yes:
            question = f"Replay {count} dead letters?"
            await anyio.to_thread.run_sync(
                lambda: typer.confirm(question, abort=True, err=order.as_json)
            )
        rerun = Rerun(server, edit, by=order.by, host=hostname(), as_json=order.as_json)
        return await rerun.all(letters, count, order.pace)


async def _limited(letters: AsyncIterator[Found], limit: int | None) -> AsyncIterator[Found]:
    left = limit
    async for found in letters:
        if left == 0:
            return
        yield found
        left = None if left is None else left - 1


async def _edit(server: Server, choice: Choice, order: _Order) -> Edit:
    """What is to be changed; the new payload is asked for and checked now.

    Raises:
        CommandError: a payload for several jobs, or one that does not fit.
        InvalidJobError: a payload that is too large, or too many attempts.
    """
    payload = None
    if order.open_editor or order.payload is not None:
        found = [each async for each in _limited(choice.letters(server), min(order.limit or 2, 2))]
        if len(found) != 1:
            how_many = "none" if not found else "several"
            raise CommandError(f"a new payload is for one dead letter, and {how_many} are meant")
        letter = found[0].letter
        given = (
            edited_payload(letter.payload, os.environ)
            if order.payload is None
            else payload_from(order.payload)
        )
        payload = checked(letter.kind, given)
    return Edit(payload=payload, priority=order.priority, attempts_max=order.attempts)
