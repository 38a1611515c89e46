"""Finding the dead letters that a command is about."""

from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from producers.cli.boundary import CommandError
from producers.cli.session import chosen_queues
from streams.dead import DeadLetter, dead_letters
from streams.inspection import inspect_queue
from streams.keys import Keys
from streams.server import Server


@dataclass(frozen=True, slots=True)
class Found:
    """A dead letter and the partition that it lies in."""

    keys: Keys
    letter: DeadLetter


async def all_letters(server: Server, queue: str | None) -> AsyncIterator[Found]:
    """Every dead letter there is now, oldest first, queue by queue.

    Those that are added meanwhile are left out: a replayed job may die again at once, and
    would be met again and again.
    """
    for keys in await chosen_queues(server, queue):
        left = (await inspect_queue(server.client, keys)).dead
        if left == 0:
            continue
        async for letter in dead_letters(server.client, keys):
            yield Found(keys, letter)
            left -= 1
            if left == 0:
                break


async def newest_letters(
    server: Server, queue: str | None, count_max: int
) -> tuple[list[Found], int]:
    """The newest *count_max* dead letters of each look, and how many there are in all."""
    kept: deque[Found] = deque(maxlen=count_max)
    total = 0
    async for found in all_letters(server, queue):
        kept.append(found)
        total += 1
    return list(kept), total


async def named_letters(server: Server, queue: str | None, names: Sequence[str]) -> list[Found]:
    """The dead letters with these names: their own, or their job's (then the newest).

    Raises:
        CommandError: one of them is not there.
    """
    wanted = dict.fromkeys(names)
    found: dict[str, Found] = {}
    async for each in all_letters(server, queue):
        for name in (each.letter.dead_entry, each.letter.id):
            if name in wanted:
                found[name] = each
    missing = [name for name in wanted if name not in found]
    if missing:
        where = f"the queue '{queue}'" if queue else "any queue"
        raise CommandError(
            f"there is no dead letter {' or '.join(map(repr, missing))} in {where}: "
            "`millstream dead list` shows those that there are"
        )
    # A letter may be named twice, by its own name and by its job's.
    return list({(each.keys, each.letter.dead_entry): each for each in found.values()}.values())
