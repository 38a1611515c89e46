"""One JSON object a line on standard output.

The names of the events are part of the interface: dashboards and alarms look for them.
`worker_started`, `job_processing_started`, `job_completed`, `job_retry_scheduled`,
`job_failed`, `job_parked`, `job_released`, `job_cancelled`, `job_lost`,
`worker_shutdown_started`, `worker_shutdown_complete`; `docs/operations.md` has them all.
"""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import orjson
import structlog
from structlog.typing import FilteringBoundLogger

from consumers.redaction import redacted

#: A value is cut here: a log line is for reading, the dead letter has everything.
VALUE_CHARS_MAX = 2_000
#: Larger numbers are written as text: JSON readers have 64 bits.
_INTEGER_END = 2**63

Logger = FilteringBoundLogger


def open_logger(level: str, **bound: str) -> Logger:
    """A logger of its own, bound to who speaks; nothing global is configured."""
    logger: Logger = structlog.wrap_logger(
        structlog.BytesLogger(sys.stdout.buffer),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _clean,
            structlog.processors.JSONRenderer(serializer=_dumps),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[level.upper()]
        ),
    ).bind(**bound)
    return logger


def _clean(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Make each value something that JSON can hold, bound it, and take passwords out of it."""
    for name, value in event.items():
        event[name] = _shown(value)
    return event


def _shown(value: Any) -> Any:
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int) and abs(value) < _INTEGER_END:
        return value
    if isinstance(value, list | tuple):
        return [_shown(each) for each in value]
    return redacted(value if isinstance(value, str) else repr(value))[:VALUE_CHARS_MAX]


def _dumps(event: Any, **_options: Any) -> bytes:
    return orjson.dumps(event)
