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
        # The soonest of those that were put there since the question that was answered last.
        self._expected_s, self._expected_at_s = math.inf, -math.inf
        #: Until when somebody sleeps in `wait`.
        self.waits_until_s = -math.inf
        self._sooner = anyio.Event()

    def now_s(self) -> float:
        """The moment of a question to the server, for `heard`."""
        return self._clock()

    def heard(self, due_in_ms: int | None, *, asked_s: float = math.inf) -> None:
        """The server has said when the next one is due; None where none waits.

        The answer does not know of what was expected since *asked_s*.
        """
        self._heard_s = self._clock()
        if self._expected_at_s < asked_s:
            self._expected_s = math.inf
        self._due_s = self._expected_s
        if due_in_ms is not None:
            self._due_by(self._clock() + due_in_ms / 1000)

    def expect(self, due_in_ms: int) -> None:
        """One more waits, for so long: somebody has just put it there."""
        self._expected_at_s = self._clock()
        due_s = self._expected_at_s + due_in_ms / 1000
        self._expected_s = min(self._expected_s, due_s)
        self._due_by(due_s)

    def _due_by(self, due_s: float) -> None:
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
