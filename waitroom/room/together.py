"""Puts those who ask at the same time into one call.

While a call is under way, whoever asks waits for it to return and goes with the next one. Nobody
waits for company: with nothing under way the call leaves at once. So a busy process makes few
large calls and an idle one small quick ones, with nothing to tune. While Redis hangs, each call
lasts its time-out; whoever had to wait for longer than one is refused at once, so the number of
those who ask does not add to their wait.
"""

import asyncio
from bisect import bisect_left
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from waitroom.clock import monotonic_s
from waitroom.errors import StoreError

#: Longest wait for one's turn, seconds. A call that fails takes as long (see ``store.TIMEOUT_S``).
PATIENCE_S = 2.0

_Ask = TypeVar("_Ask")
_Answer = TypeVar("_Answer")


class Together(Generic[_Ask, _Answer]):
    """Turns a call for many into one for each.

    Args:
        call: Answers many, in the same order.
        most: Most in one call.
    """

    def __init__(
        self, call: Callable[[Sequence[_Ask]], Awaitable[Sequence[_Answer]]], most: int
    ) -> None:
        self._call = call
        self._most = most
        #: Question, answer, and until when its turn has to come.
        self._queue: list[tuple[_Ask, asyncio.Future[_Answer], float]] = []
        self._caller: asyncio.Task[None] | None = None

    async def ask(self, question: _Ask) -> _Answer:
        """Return the answer to one question; whoever asks first is answered first.

        A caller that is cancelled is left out, or was asked for in vain; the others notice
        nothing.

        Args:
            question: One of the call's.

        Raises:
            StoreError: If its turn did not come in time. It was not asked.
            Exception: What the call raised; everybody who went with it hears of it.
        """
        answer: asyncio.Future[_Answer] = asyncio.get_running_loop().create_future()
        self._queue.append((question, answer, monotonic_s() + PATIENCE_S))
        if self._caller is None:
            self._caller = asyncio.create_task(self._work())
        return await answer

    async def _work(self) -> None:
        group: list[tuple[_Ask, asyncio.Future[_Answer], float]] = []
        try:
            while self._queue:
                self._refuse_late()
                group, self._queue = self._queue[: self._most], self._queue[self._most :]
                group = [each for each in group if not each[1].done()]
                if group:
                    await self._answer(group)
        finally:
            # Left over only when the loop ends: nobody is to wait for ever.
            for _, answer, _ in group + self._queue:
                answer.cancel()
            self._queue = []
            self._caller = None

    def _refuse_late(self) -> None:
        now_s = monotonic_s()
        late = bisect_left(self._queue, now_s, key=lambda each: each[2])
        for _, answer, _ in self._queue[:late]:
            _refuse(answer, StoreError("Redis did not answer in time."))
        del self._queue[:late]

    async def _answer(self, group: list[tuple[_Ask, "asyncio.Future[_Answer]", float]]) -> None:
        try:
            found = await self._call([question for question, _, _ in group])
        except Exception as e:
            for _, answer, _ in group:
                _refuse(answer, e)
        else:
            for (_, answer, _), value in zip(group, found, strict=True):
                if not answer.done():
                    answer.set_result(value)


def _refuse(answer: "asyncio.Future[_Answer]", error: Exception) -> None:
    if not answer.done():
        answer.set_exception(error)
        # One who is cancelled just now does not look; that is no fault to log.
        answer.exception()
