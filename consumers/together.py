"""Several workers in one process: queues side by side, each with slots of its own.

Long jobs of one queue take none of the slots of another, so that they never starve its
short ones. What the workers share is the event loop and the interpreter.
"""

import signal
from collections.abc import Sequence

import anyio

from consumers.shutdown import signals_seen
from consumers.worker import Worker


async def run_together(workers: Sequence[Worker]) -> None:
    """Run *workers* until all have ended; a signal is for each of them.

    When one ends by an error the others are told to stop, as at SIGTERM, and finish what
    they have. Each worker must have been made with `heeds_signals=False`, a queue of its
    own, and a port of its own for its metrics, if it serves any.

    Raises:
        ExceptionGroup: what the workers have raised, once all have ended.
    """
    errors: list[Exception] = []

    async def run(worker: Worker) -> None:
        try:
            await worker.run()
        except Exception as error:  # noqa: BLE001 - raised again below, when the others have ended
            errors.append(error)
            for other in workers:
                if other is not worker:
                    other.stop()

    def signalled(number: signal.Signals) -> None:
        for worker in workers:
            worker.signalled(number)

    with signals_seen(signalled):
        async with anyio.create_task_group() as tasks:
            for worker in workers:
                tasks.start_soon(run, worker)
    if errors:
        raise ExceptionGroup("workers have failed", errors)
