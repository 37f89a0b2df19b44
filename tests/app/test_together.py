"""Requests that follow each other at once are answered by one call, each with its own answer."""

import asyncio

import pytest

from app.together import MOST, Together


class Doubling:
    """Answers twice the number, and remembers who was asked together."""

    def __init__(self):
        self.calls = []

    def __call__(self, films):
        self.calls.append([film["n"] for film in films])
        if any(film["n"] < 0 for film in films):
            raise ValueError("negative")
        return [{"twice": 2 * film["n"]} for film in films]


def answered(numbers, model):
    """Ask about all numbers in one turn."""

    async def ask():
        together = Together(model)
        asked = [together.ask({"n": n}) for n in numbers]
        return await asyncio.gather(*asked, return_exceptions=True)

    return asyncio.run(ask())


def test_what_comes_in_one_turn_is_one_call_in_order():
    model = Doubling()
    assert answered(range(20), model) == [{"twice": 2 * n} for n in range(20)]
    assert model.calls == [list(range(20))]


def test_what_turn_after_turn_brings_is_one_call():
    model = Doubling()

    async def ask():
        together = Together(model)
        asked = []
        for n in range(5):
            asked.append(together.ask({"n": n}))
            await asyncio.sleep(0)  # the next turn
        return await asyncio.gather(*asked)

    assert asyncio.run(ask()) == [{"twice": 2 * n} for n in range(5)]
    assert model.calls == [list(range(5))]


def test_a_turn_without_anybody_new_is_waited_for_no_longer():
    model = Doubling()

    async def ask():
        together = Together(model)
        first = await together.ask({"n": 1})
        return first, await together.ask({"n": 2})

    assert asyncio.run(ask()) == ({"twice": 2}, {"twice": 4})
    assert model.calls == [[1], [2]]


def test_a_call_is_of_a_bounded_size():
    model = Doubling()
    assert answered(range(2 * MOST + 5), model) == [{"twice": 2 * n} for n in range(2 * MOST + 5)]
    assert [len(call) for call in model.calls] == [MOST, MOST, 5]


def test_an_error_is_only_the_culprits():
    *right, wrong, last = answered([1, 2, -3, 4], Doubling())
    assert right == [{"twice": 2}, {"twice": 4}]
    assert isinstance(wrong, ValueError)
    assert last == {"twice": 8}


def test_who_has_left_harms_nobody():
    model = Doubling()

    async def ask():
        together = Together(model)
        leaving, staying = together.ask({"n": 1}), together.ask({"n": 2})
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        return await staying

    assert asyncio.run(ask()) == {"twice": 4}
    assert model.calls == [[2]]
