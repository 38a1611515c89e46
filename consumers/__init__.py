"""Who does the work, and how it survives.

The names that a program with handlers of its own needs:
"""

from consumers.batch import BatchHandler, BatchJob, PlainBatchHandler, Result
from consumers.errors import ConsumerError, PermanentError, RetryableError
from consumers.handler import Context, Handler, PlainHandler, StoppedError
from consumers.registry import Registry, Runs

__all__ = [
    "BatchHandler",
    "BatchJob",
    "ConsumerError",
    "Context",
    "Handler",
    "PermanentError",
    "PlainBatchHandler",
    "PlainHandler",
    "Registry",
    "Result",
    "RetryableError",
    "Runs",
    "StoppedError",
]
