"""When the next delayed job is due, as the server's answers to other questions say."""

import math
from collections.abc import Callable

import anyio

#: Nobody has said anything for so long: it is time to ask.
ASK_S = 2.0
#: The shortest sleep while something is about to be due.
PAUSE_S = 0.005


class Dues:
    """Told of the next due time by whoever hears of it; the promoter waits for it here."""

    def __init__(self, clock: Callable[[], float] = anyio.current_time) -> None:
        self._clock = clock
        self._due_s = math.inf
        self._heard_s = -math.inf
        #: Until when somebody sleeps in `wait`.
        self.waits_until_s = -math.inf
        self._sooner = anyio.Event()

    def heard(self, due_in_ms: int | None) -> None:
        """The server has said when the next one is due; None where none waits."""
        self._heard_s = self._clock()
        self._due_s = math.inf
        if due_in_ms is not None:
            self.expect(due_in_ms)

    def expect(self, due_in_ms: int) -> None:
        """One more waits, for so long: this worker has put it there itself."""
        due_s = self._clock() + due_in_ms / 1000
        self._due_s = min(self._due_s, due_s)
        if due_s < self.waits_until_s:
            self._sooner.set()

    async def wait(self) -> None:
        """Wait until a job is due, or until nothing has been heard for `ASK_S`."""
        await anyio.sleep(PAUSE_S)
        while (wait_s := self.until_s() - self._clock()) > 0:
            self._sooner = anyio.Event()
            self.waits_until_s = self._clock() + wait_s
            with anyio.move_on_after(wait_s):
                await self._sooner.wait()

    def until_s(self) -> float:
        """When a job is due or the question is, whichever comes first."""
        return min(self._due_s, self._heard_s + ASK_S)
