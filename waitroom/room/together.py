"""Puts those who ask at the same time into one call.

While a call is under way, whoever asks waits for it to return and goes with the next one. Nobody
waits for company: with nothing under way the call leaves at once. So a busy process makes few
large calls and an idle one small quick ones, with nothing to tune.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

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
        self._queue: list[tuple[_Ask, asyncio.Future[_Answer]]] = []
        self._caller: asyncio.Task[None] | None = None

    async def ask(self, question: _Ask) -> _Answer:
        """Return the answer to one question; whoever asks first is answered first.

        A caller that is cancelled is left out, or was asked for in vain; the others notice
        nothing.

        Args:
            question: One of the call's.

        Raises:
            Exception: What the call raised; everybody who went with it hears of it.
        """
        answer: asyncio.Future[_Answer] = asyncio.get_running_loop().create_future()
        self._queue.append((question, answer))
        if self._caller is None:
            self._caller = asyncio.create_task(self._work())
        return await answer

    async def _work(self) -> None:
        group: list[tuple[_Ask, asyncio.Future[_Answer]]] = []
        try:
            while self._queue:
                group, self._queue = self._queue[: self._most], self._queue[self._most :]
                group = [each for each in group if not each[1].done()]
                if group:
                    await self._answer(group)
        finally:
            # Left over only when the loop ends: nobody is to wait for ever.
            for _, answer in group + self._queue:
                answer.cancel()
            self._queue = []
            self._caller = None

    async def _answer(self, group: list[tuple[_Ask, "asyncio.Future[_Answer]"]]) -> None:
        try:
            found = await self._call([question for question, _ in group])
        except Exception as e:
            for _, answer in group:
                if not answer.done():
                    answer.set_exception(e)
                    # One who is cancelled just now does not look; that is no fault to log.
                    answer.exception()
        else:
            for (_, answer), value in zip(group, found, strict=True):
                if not answer.done():
                    answer.set_result(value)
