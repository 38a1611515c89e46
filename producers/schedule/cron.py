"""When a recurring job is due: a cron expression in a time zone, and its ticks in UTC.

What happens when clocks change follows Debian's cron: a job at a fixed time runs once on
every day that it names, also on the day whose clock skips that time (then at the first
moment after the gap) and on the day whose clock shows it twice (then the first time). A
job whose minute or hour begins with `*` follows real time: every ten minutes is every
ten minutes, whatever the clock on the wall does.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from itertools import islice
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from producers.errors import ScheduleError

ALIASES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}

_FIELDS = 5


@dataclass(frozen=True)
class Cron:
    """Five fields (minute, hour, day, month, weekday) or an alias, in an IANA time zone.

    Raises:
        ScheduleError: the expression or the zone cannot be read, or never comes true.
    """

    expression: str
    zone: str = field(default="UTC")

    def __post_init__(self) -> None:
        fields = self._fields.split()
        if self._fields.startswith("@") or len(fields) != _FIELDS:
            raise ScheduleError(
                f"a cron expression has five fields (minute hour day month weekday) or is one "
                f"of {', '.join(sorted(ALIASES))}; got {self.expression!r:.80}"
            )
        try:
            next(CronSim(self._fields, datetime.now(self._zone)))
        except CronSimError as error:
            raise ScheduleError(
                f"the cron expression {self.expression!r:.80} cannot be read ({error}): write "
                "numbers, names (MON, JAN), ranges 1-5, lists 1,2 and steps */10"
            ) from error
        except StopIteration as error:
            raise ScheduleError(
                f"the cron expression {self.expression!r:.80} names a day that never comes"
            ) from error

    def after(self, moment: datetime) -> Iterator[datetime]:
        """The ticks after *moment*, in UTC, each once and in order.

        Two times of one clock gap fall on the same moment; that is one tick.
        """
        last = moment.astimezone(UTC)
        for local in CronSim(self._fields, moment.astimezone(self._zone)):
            tick = local.astimezone(UTC)
            if tick > last:
                last = tick
                yield tick

    def between(self, moment: datetime, until: datetime, *, limit: int) -> list[datetime]:
        """At most *limit* ticks after *moment* and not after *until*, the earliest ones."""
        found: list[datetime] = []
        for tick in islice(self.after(moment), limit):
            if tick > until:
                break
            found.append(tick)
        return found

    @cached_property
    def _fields(self) -> str:
        return ALIASES.get(self.expression.strip().lower(), self.expression)

    @cached_property
    def _zone(self) -> ZoneInfo:
        try:
            return ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ScheduleError(
                f"there is no time zone {self.zone!r:.80}: use an IANA name such as "
                "Europe/Berlin, or UTC"
            ) from error


def tick_id(name: str, tick: datetime) -> str:
    """The id of the job of one tick: whoever enqueues it, it is one job.

    So any number of schedulers may run, and none has to be elected.
    """
    return f"cron:{name}:{tick.astimezone(UTC):%Y%m%dT%H%MZ}"
