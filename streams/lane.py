"""One connection on which many calls are under way at a time.

A client of redis-py waits for the answer of one call before it sends the next one on the
same connection. Here a call is sent at once, whatever is under way, and answers are handed
out in the order of their calls: what an application asks for at the same time shares one
round trip.
"""

import asyncio
import math
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Self

import anyio
import hiredis
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as LostConnectionError
from redis.exceptions import RedisError, ResponseError
from redis.exceptions import TimeoutError as LateAnswerError

from streams.connection import REPLY_TIMEOUT_S

Part = str | bytes | int


class Lane:
    """Sends commands to the server of *client* over one connection of its pool.

    It connects at the first call, and anew at the first one after a failure. A failure, or
    *reply_timeout_s* without an answer, ends every call that is under way: whether the
    server has carried one out nobody knows, so none is repeated here. Who is cancelled
    while it waits leaves its answer behind, and nobody else gets that.
    """

    def __init__(self, client: Redis, *, reply_timeout_s: float = REPLY_TIMEOUT_S) -> None:
        self._client = client
        self._reply_timeout_s = reply_timeout_s
        self._line: _Line | None = None
        self._connecting = anyio.Lock()
        self._lines: list[_Line] = []
        #: How often it has connected.
        self.connected = 0

    @classmethod
    @asynccontextmanager
    async def open(
        cls, client: Redis, *, reply_timeout_s: float = REPLY_TIMEOUT_S
    ) -> AsyncGenerator[Self]:
        """A lane for as long as the block lasts; what is under way at its end fails."""
        lane = cls(client, reply_timeout_s=reply_timeout_s)
        try:
            yield lane
        finally:
            with anyio.CancelScope(shield=True):
                for line in lane._lines:
                    line.close()
                    await line.served

    async def call(self, parts: Sequence[Part]) -> Any:
        """Send one command, and wait for its answer.

        Raises:
            RedisError: what the server or the network says; `LateAnswerError` where the
                answer did not come in time.
        """
        [answer] = await self.calls(parts)
        return await answer

    async def calls(self, *commands: Sequence[Part]) -> list[asyncio.Future[Any]]:
        """Send commands one right after the other; their answers are to be awaited.

        Raises:
            RedisError: there is no connection to be had.
        """
        line = self._line
        if line is None or not line.is_open:
            line = await self._connect()
        packed: list[Any] = [tuple(each) for each in commands]  # typed for one part only
        return [line.ask(hiredis.pack_command(each)) for each in packed]

    def leave(self) -> None:
        """Connect anew for the next call: the master may be somewhere else now."""
        line, self._line = self._line, None
        if line is not None:
            line.finish()

    async def _connect(self) -> "_Line":
        async with self._connecting:
            if self._line is None or not self._line.is_open:
                pool: Any = self._client.connection_pool
                self._line = _Line(pool, await pool.get_connection(), self._reply_timeout_s)
                # One that has failed may still be giving its connection back.
                self._lines = [each for each in self._lines if not each.served.done()]
                self._lines.append(self._line)
                self.connected += 1
            return self._line


class _Line:
    """One connection, the calls that are under way on it, and the task that serves it."""

    def __init__(self, pool: Any, connection: Any, timeout_s: float) -> None:
        self._pool = pool
        self._connection = connection
        # Written to directly: the library's own way takes three turns of the loop and 30 us.
        # What the kernel does not take at once the transport keeps; it is bounded, because
        # whoever calls waits for the answer. The library forgets it when it disconnects.
        self._writer: asyncio.StreamWriter = connection._writer  # noqa: SLF001 - see above
        self._timeout_s = timeout_s
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[tuple[float, asyncio.Future[Any]]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._is_finishing = False
        self._over: asyncio.Future[Exception] = self._loop.create_future()
        self.is_open = True
        self.served = self._loop.create_task(self._serve())

    def ask(self, packed: bytes) -> asyncio.Future[Any]:
        """Send *packed*; its answer is to come."""
        future: asyncio.Future[Any] = self._loop.create_future()
        now_s = self._loop.time()
        self._writer.write(packed)
        self._waiting.append((now_s, future))
        if self._timer is None:
            self._timer = self._loop.call_at(now_s + self._timeout_s, self._look_at_the_clock)
        return future

    def finish(self) -> None:
        """Take no more calls; close when the last answer has come."""
        self.is_open, self._is_finishing = False, True
        if not self._waiting:
            self.close()

    def close(self, error: Exception | None = None) -> None:
        """Close now, whatever is under way."""
        self.is_open = False
        if not self._over.done():
            self._over.set_result(error or LostConnectionError("the connection was closed"))

    async def _serve(self) -> None:
        receiving = self._loop.create_task(self._receive())
        try:
            done, _ = await asyncio.wait(
                {receiving, self._over}, return_when=asyncio.FIRST_COMPLETED
            )
            self._end_calls(done.pop().result())
        finally:
            self.is_open = False
            receiving.cancel()
            await asyncio.wait({receiving})
            if self._timer is not None:
                self._timer.cancel()
            await self._connection.disconnect(nowait=True)
            with suppress(KeyError, ValueError):  # the pool was closed before
                await self._pool.release(self._connection)

    async def _receive(self) -> Exception:
        while True:
            try:
                answer = await self._connection.read_response(timeout=math.inf)
            except ResponseError as error:
                answer = error
            except Exception as error:  # noqa: BLE001 - or its callers would wait for ever
                self.is_open = False
                return error
            if not self._waiting:
                return LostConnectionError("the server sent an answer that nobody had asked for")
            _, future = self._waiting.popleft()
            _settle(future, answer)
            if self._is_finishing and not self._waiting:
                self.close()

    def _look_at_the_clock(self) -> None:
        self._timer = None
        if not self._waiting:
            return
        since_s, _ = self._waiting[0]
        if self._loop.time() - since_s >= self._timeout_s:
            self.close(LateAnswerError(f"no answer within {self._timeout_s:g} s"))
        else:
            self._timer = self._loop.call_at(since_s + self._timeout_s, self._look_at_the_clock)

    def _end_calls(self, error: Exception) -> None:
        self.is_open = False
        while self._waiting:
            _, future = self._waiting.popleft()
            # Each waiter gets an error of its own: raising adds a traceback to it.
            is_known = isinstance(error, RedisError)
            _settle(future, type(error)(*error.args) if is_known else _lost(error))


def _lost(error: Exception) -> LostConnectionError:
    return LostConnectionError(f"the connection was lost ({type(error).__name__}: {error})")


def _settle(future: asyncio.Future[Any], answer: Any) -> None:
    if future.done():
        return  # whoever waited for it was cancelled
    if isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)
