"""One run of one handler in this process: validate, run with a deadline, say how it ended.

The worker and its child processes share it. Nothing here decides what becomes of a job.
"""

import inspect

import anyio
import orjson
from pydantic import ValidationError

from consumers.attempt import Failure
from consumers.calling import Called, Failed, Value, call_in_loop, call_in_thread
from consumers.deadlines import Deadlines
from consumers.ending import Ending, Invalid, Raised, Returned
from consumers.errors import PermanentError, RetryableError, Snooze
from consumers.handler import Context
from consumers.redaction import redacted
from consumers.registry import Binding
from consumers.threads import Threads
from producers.payloads.base import Payload
from streams.settle import RESULT_BYTES_MAX


async def handle(
    binding: Binding,
    raw: bytes,
    context: Context,
    scope: anyio.CancelScope,
    threads: Threads,
    deadlines: Deadlines,
) -> Ending:
    """Run the handler of *binding* on the payload *raw* until it ends or its time is over.

    *scope* is cancelled to end it from outside, or by *deadlines*. A cancellation from
    further out goes through, as does the end of the program; nothing else that a handler does.
    """
    payload = validated(binding, raw)
    if isinstance(payload, Invalid):
        return payload
    if binding.is_async:
        called = await call_in_loop(
            lambda: binding.handler(payload, context), context.deadline_s, scope, deadlines
        )
    else:
        called = await call_in_thread(
            lambda: binding.handler(payload, context), context.deadline_s, scope, threads
        )
    return ending_of(called, binding)


def validated(binding: Binding, raw: bytes) -> Payload | Invalid:
    """The payload *raw* as its model, or what is wrong with it."""
    try:
        return binding.payload_type.model_validate_json(raw)
    except ValidationError as error:
        return Invalid(Failure.said("InvalidPayload", _explained(error)))
    except Exception as error:  # noqa: BLE001 - a model's own validator may raise anything
        return Invalid(Failure.of(error))


def ending_of(called: Called, binding: Binding) -> Ending:
    """How a call of the handler of *binding* ended, with its value as JSON."""
    match called:
        case Value(value):
            return returned(value, binding)
        case Failed(error):
            return raised(error, binding)
        case _:
            return called


def returned(value: object, binding: Binding) -> Ending:
    """What a handler has returned, if JSON can hold it."""
    try:
        return Returned(_packed(value if binding.is_async else _no_awaitable(value, binding)))
    except PermanentError as error:
        return raised(error, binding)


def raised(error: BaseException, binding: Binding) -> Raised:
    """What the handler raised; for the decision, permanent where its class was said to be.

    Where a base of all errors is permanent, the handler's own word still counts.
    """
    failure = Failure.of(error)
    said = isinstance(error, RetryableError | Snooze)
    if isinstance(error, binding.permanent) and not said:
        return Raised(failure, PermanentError(failure.message))
    return Raised(failure, error)


def _no_awaitable(value: object, binding: Binding) -> object:
    if not inspect.isawaitable(value):
        return value
    if inspect.iscoroutine(value):
        value.close()
    raise PermanentError(
        f"the handler of '{binding.payload_type.kind}' is no `async def` and returned an "
        'awaitable: bind it with runs="loop"'
    )


def _packed(value: object) -> bytes:
    """A handler's result as JSON.

    Raises:
        PermanentError: it is no JSON value, or too large; another attempt would be too.
    """
    try:
        packed = orjson.dumps(value)
    except TypeError as error:
        raise PermanentError(f"the handler returned what JSON cannot hold: {error}") from error
    if len(packed) > RESULT_BYTES_MAX:
        raise PermanentError(
            f"a result may have {RESULT_BYTES_MAX} bytes, got {len(packed)}: store it and "
            "return its name"
        )
    return packed


def _explained(error: ValidationError) -> str:
    """Every flaw of a payload in one line: the field, what is wrong, what it got."""
    return "; ".join(
        f"{'.'.join(str(part) for part in each['loc']) or 'payload'}: {each['msg']}"
        + (f", got {redacted(repr(each['input'])):.80}" if each["loc"] else "")
        for each in error.errors(include_url=False)
    )
