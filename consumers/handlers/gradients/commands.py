"""`millstream gradients`: pictures in, colours out."""

from pathlib import Path
from typing import Annotated

import anyio
import orjson
import typer
from pydantic import ValidationError

from consumers.errors import ConsumerError
from consumers.handlers.gradients.gradient import gradient_of
from consumers.handlers.gradients.handler import result_name
from consumers.handlers.gradients.pictures import LocalPictures
from consumers.handlers.gradients.sheet import ROWS_MAX, row_of, sheet
from producers.batch import BatchReport
from producers.cli.boundary import CommandError
from producers.cli.options import DEFAULT_URL, RedisUrl
from producers.cli.output import new_console, write_json
from producers.client import Producer
from producers.order import new_job
from producers.payloads.flaws import told
from producers.payloads.gradients import GradientJob

#: The queue that the workers of the gradient system read.
QUEUE = "gradients"

app = typer.Typer(help="Gallery images: palettes, gradients, placeholders.", add_completion=False)


@app.callback()
def gradients() -> None:
    """Gallery images: palettes, gradients, placeholders."""


@app.command()
def show(file: Annotated[Path, typer.Argument(help="An image.")]) -> None:
    """Print what is made of one file, here and now, as JSON."""
    try:
        data = anyio.run(LocalPictures(file.parent).get, file.name)
        gradient = gradient_of(data)
    except ConsumerError as error:
        raise CommandError(str(error)) from error
    shown = {
        **gradient.to_json(),
        "contrast": gradient.contrast,
        "warnings": list(gradient.warnings),
    }
    write_json(orjson.dumps(shown, option=orjson.OPT_INDENT_2))


@app.command(name="sheet")
def make_sheet(
    folder: Annotated[Path, typer.Argument(help="A folder with images.")],
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="The PNG file to write.")],
) -> None:
    """Draw images beside their palette, placeholder and gradient, for people to judge."""
    try:
        files = sorted(each for each in folder.iterdir() if each.is_file())[:ROWS_MAX]
        rows = [row_of(each) for each in files]
        sheet(rows).save(out)
    except OSError as error:
        raise CommandError(f"cannot draw {folder} into {out}: {error.strerror}") from error
    failed = sum(row.gradient is None for row in rows)
    new_console().print(f"{out}: {len(rows) - failed} images, {failed} files that are none.")


@app.command()
def enqueue(
    keys: Annotated[list[str], typer.Argument(help="Names of images in the store.")],
    *,
    guild: Annotated[str, typer.Option(help="Whose gallery it is.")],
    gallery: Annotated[str, typer.Option(help="The gallery.")],
    redis_url: RedisUrl = DEFAULT_URL,
) -> None:
    """Ask the workers for the gradients of images."""
    try:
        jobs = [
            GradientJob(guild_id=guild, gallery_name=gallery, storage_key=key, item_id=key[-200:])
            for key in keys
        ]
    except ValidationError as error:
        raise CommandError(told(error, whole="job")) from error
    report = anyio.run(_enqueue, jobs, redis_url)
    new_console().print(
        f"{report.accepted} jobs enqueued; results come under {result_name(keys[0])} and so on."
    )


async def _enqueue(jobs: list[GradientJob], redis_url: str) -> BatchReport:
    async with Producer.connect(redis_url, queue=QUEUE) as producer:
        return await producer.enqueue_many(new_job(each) for each in jobs)
