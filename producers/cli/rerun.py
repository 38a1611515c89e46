"""Running dead letters again one by one, at a pace, and saying what became of each."""

import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import anyio
import orjson
import typer

from producers.cli.letters import Found
from producers.cli.output import write_json
from producers.cli.text import age, one_line, plain
from producers.pace import Pace
from streams.replay import FORESEEN_MAX, Edit, Replayed, foresee_replay, replay
from streams.server import Server

#: Between two words about the progress of many.
PROGRESS_S = 2.0
#: What is shown of an edited payload in a rehearsal.
PAYLOAD_CHARS_MAX = 500

_SAYS = {
    Replayed.READY: "runs again",
    Replayed.UNKNOWN: "was replayed or purged by somebody else meanwhile",
    Replayed.LIVE: "left alone: a job with this id lives already",
    Replayed.BODY_LOST: "cannot run: its entry was deleted before it died",
    Replayed.TAKEN: "left alone: another job holds its unique key",
}


@dataclass(slots=True)
class Tally:
    """How many run again, and how many could not."""

    done: int = 0
    left: int = 0

    def count(self, result: Replayed) -> None:
        """Count one."""
        if result is Replayed.READY:
            self.done += 1
        else:
            self.left += 1


class Rerun:
    """Replays letters under one name and with one edit."""

    def __init__(self, server: Server, edit: Edit, *, by: str, host: str, as_json: bool) -> None:
        self._server = server
        self._edit = edit
        self._by = by
        self._host = host
        self._as_json = as_json

    async def all(self, letters: AsyncIterator[Found], expected: int, pace: Pace | None) -> Tally:
        """Replay *letters*; one that cannot run is said and does not stop the rest."""
        tally = Tally()
        last_s: float | None = None
        told_s = time.monotonic()
        async for found in letters:
            if pace is not None:
                await anyio.sleep(pace.wait_s(last_s, time.monotonic()))
            last_s = time.monotonic()
            result = await replay(
                self._server,
                found.keys,
                found.letter,
                by=self._by,
                host=self._host,
                edit=self._edit,
            )
            tally.count(result)
            _tell(found, result, _SAYS[result], as_json=self._as_json)
            if last_s - told_s >= PROGRESS_S:
                told_s = last_s
                _tell_progress(tally, expected, pace)
        return tally


async def rehearse(
    server: Server, letters: AsyncIterator[Found], edit: Edit, *, as_json: bool
) -> Tally:
    """Say what a replay of *letters* would do now; changes nothing."""
    tally = Tally()
    page: list[Found] = []
    async for found in letters:
        if page and (len(page) == FORESEEN_MAX or page[0].keys != found.keys):
            await _foresee(server, page, tally, as_json=as_json)
            page = []
        page.append(found)
    if page:
        await _foresee(server, page, tally, as_json=as_json)
    if edit.names and not as_json:
        typer.echo(f"with another {', '.join(edit.names)}")
        if edit.payload is not None:
            text = edit.payload.decode(errors="backslashreplace")
            typer.echo(f"  {one_line(text, chars_max=PAYLOAD_CHARS_MAX)}")
    return tally


async def _foresee(server: Server, page: list[Found], tally: Tally, *, as_json: bool) -> None:
    letters = [found.letter for found in page]
    results = await foresee_replay(server.client, page[0].keys, letters)
    for found, result in zip(page, results, strict=True):
        tally.count(result)
        title = found.letter.fingerprint.title
        said = f"would run again: {title}" if result is Replayed.READY else _SAYS[result]
        _tell(found, result, said, as_json=as_json)


def _tell(found: Found, result: Replayed, said: str, *, as_json: bool) -> None:
    letter = found.letter
    if as_json:
        row = {
            "queue": found.keys.queue,
            "partition": found.keys.partition,
            "dead_entry": letter.dead_entry,
            "id": letter.id,
            "result": result.name.lower(),
        }
        write_json(orjson.dumps(row))
    else:
        typer.echo(f"{plain(letter.id)}: {one_line(said, chars_max=400)}")


def _tell_progress(tally: Tally, expected: int, pace: Pace | None) -> None:
    done = tally.done + tally.left
    left = max(0, expected - done)
    rest = f", {age(round(pace.left_s(left) * 1000))} left" if pace is not None else ""
    sys.stderr.write(f"{done} of {expected}{rest}\n")
    sys.stderr.flush()
