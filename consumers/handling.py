"""One run of one handler in this process: validate, run with a deadline, say how it ended.

The worker and its child processes share it. Nothing here decides what becomes of a job.
"""

import inspect
import math
import time

import anyio
import orjson
from pydantic import ValidationError

from consumers.attempt import Failure
from consumers.deadlines import Deadlines
from consumers.ending import Ending, Interrupted, Invalid, Raised, Returned, TimedOut
from consumers.errors import PermanentError, RetryableError, Snooze
from consumers.handler import Context, StoppedError
from consumers.redaction import redacted
from consumers.registry import Binding
from consumers.threads import ThreadCall, Threads
from producers.payloads.base import Payload
from streams.settle import RESULT_BYTES_MAX

#: A thread whose time is over gets so long to notice. Less than the shortest lease, which
#: is renewed until the deadline and not after it.
PATIENCE_S = 0.5


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
    try:
        payload = binding.payload_type.model_validate_json(raw)
    except ValidationError as error:
        return Invalid(Failure.said("InvalidPayload", _explained(error)))
    except Exception as error:  # noqa: BLE001 - a model's own validator may raise anything
        return Invalid(Failure.of(error))
    if binding.is_async:
        return await _in_loop(binding, payload, context, scope, deadlines)
    return await _in_thread(binding, payload, context, scope, threads)


async def _in_loop(
    binding: Binding,
    payload: Payload,
    context: Context,
    scope: anyio.CancelScope,
    deadlines: Deadlines,
) -> Ending:
    failed: BaseException | None = None
    result = b""
    deadlines.watch(scope, context.deadline_s)
    try:
        with scope:
            try:
                result = _packed(await binding.handler(payload, context))
            except BaseException as error:
                if _is_from_outside(error):
                    raise
                failed = error
    finally:
        is_late = deadlines.end(scope)
    # A handler may turn its cancellation into an error of its own: that is no failure.
    if scope.cancel_called and (scope.cancelled_caught or failed is not None):
        return TimedOut() if is_late else Interrupted()
    return Returned(result) if failed is None else _raised(failed, binding)


async def _in_thread(
    binding: Binding,
    payload: Payload,
    context: Context,
    scope: anyio.CancelScope,
    threads: Threads,
) -> Ending:
    """Wait for the thread; it sees by itself that it is to stop (`Context.cancelled`).

    The lease of a thread that goes on is kept until its deadline, whoever wants it to end:
    as long as it may write, nobody else may start.
    """
    call: ThreadCall | None = None
    with scope, anyio.move_on_after(context.deadline_s - time.monotonic()):
        try:
            call = await threads.start(lambda: binding.handler(payload, context))
        except RuntimeError as error:
            return _raised(error, binding)
        await call.done.wait()
    if call is None:
        return Interrupted() if scope.cancel_called else TimedOut()
    if not call.done.is_set():
        with anyio.move_on_after(context.deadline_s - time.monotonic() + PATIENCE_S):
            await call.done.wait()
    if not call.done.is_set():
        threads.abandon(call)
        return Interrupted() if scope.cancel_called else TimedOut()
    return _ending_of(call, binding, ended_from_outside=scope.cancel_called)


def _ending_of(call: ThreadCall, binding: Binding, *, ended_from_outside: bool) -> Ending:
    failed, result = call.error, b""
    if failed is None:
        try:
            result = _packed(_no_awaitable(call.value, binding))
        except PermanentError as error:
            failed = error
    if failed is None:
        return Returned(result)
    if ended_from_outside:
        return Interrupted()
    return TimedOut() if isinstance(failed, StoppedError) else _raised(failed, binding)


def _raised(error: BaseException, binding: Binding) -> Raised:
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


def _is_from_outside(error: BaseException) -> bool:
    """True for what is not the handler's own doing: its cancellation, or the program's end.

    A handler that calls `sys.exit`, or waits for something that was cancelled elsewhere,
    has failed like any other; its neighbours go on.
    """
    if isinstance(error, anyio.get_cancelled_exc_class()):
        return anyio.current_effective_deadline() == -math.inf
    return isinstance(error, KeyboardInterrupt | GeneratorExit)


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
