"""Requests that arrive together are answered together.

A model takes little longer for the films of many requests than for one, so requests that arrive in
successive turns of the event loop are answered in one call (dynamic batching). As soon as a turn
brings no new one, or enough are waiting, they are answered: nobody waits while nothing happens.
"""

import asyncio
from collections.abc import Callable
from typing import Any

MOST = 64  # requests in one call, so that none of them waits long


class Together:
    """Ask about one film, and be answered with those that came in the same turns.

    `answer_all` takes a list of films and gives their answers in order.
    """

    def __init__(self, answer_all: Callable[[list[dict]], list[dict[str, Any]]]):
        self._answer_all = answer_all
        self._waiting: list[tuple[dict, asyncio.Future]] = []

    def ask(self, film: dict) -> asyncio.Future:
        """The answer, when nobody else comes; an error is only that film's own."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._answer, loop, 0)
        future = loop.create_future()
        self._waiting.append((film, future))
        return future

    def _answer(self, loop: asyncio.AbstractEventLoop, before: int) -> None:
        """Answer those who wait, unless they have become more since the turn `before`."""
        if before < len(self._waiting) < MOST:
            loop.call_soon(self._answer, loop, len(self._waiting))
            return
        asked, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
        if self._waiting:
            loop.call_soon(self._answer, loop, 0)
        self._settle([each for each in asked if not each[1].done()])  # some have left

    def _settle(self, asked: list[tuple[dict, asyncio.Future]]) -> None:
        try:
            answers = self._answer_all([film for film, _ in asked])
        except Exception as error:
            if len(asked) == 1:
                asked[0][1].set_exception(error)
            else:
                for each in asked:
                    self._settle([each])
            return
        for (_, future), answer in zip(asked, answers, strict=True):
            future.set_result(answer)
