"""Workers: jobs are held to their memory and time, and turns are shared among clients."""

import asyncio
import os
import time
from functools import partial

import psutil
import pytest
from serving import PATIENCE, eventually

from app.workers import Busy, OutOfMemory, OutOfTime, Workers

MIB = 2**20


def made():
    """Jobs for a worker, by name."""

    def do(name, *values):
        yield from {
            "count": count,
            "sleep": sleep,
            "allocate": allocate,
            "fail": fail,
            "abort": abort,
        }[name](*values)

    return do


def count(most):
    for number in range(most):
        yield os.getpid(), number


def sleep(seconds):
    time.sleep(seconds)
    yield os.getpid()


def allocate(size):
    yield len(bytes(size))


def fail(message):
    yield 1
    raise ValueError(message)


def abort():
    yield os.getpid()
    os.abort()


def workers(most=1, memory=100 * MIB, timeout=PATIENCE, patience=PATIENCE):
    return Workers(made, most, memory, timeout, patience)


async def answers(pool, *job, client="a"):
    async with pool.turn(client) as worker:
        return [answer async for answer in worker.ask(*job)]


def test_answers_come_in_order_and_the_process_stays_for_the_next_job():
    pool = workers()
    first, second = (asyncio.run(answers(pool, "count", 3)) for _ in range(2))
    assert [number for _, number in first] == [0, 1, 2]
    assert first == second
    assert first[0][0] != os.getpid()


def test_an_error_is_told_and_harms_no_next_job():
    pool = workers()
    (before, _) = asyncio.run(answers(pool, "count", 1))[0]
    with pytest.raises(ValueError, match="no good"):
        asyncio.run(answers(pool, "fail", "no good"))
    assert asyncio.run(answers(pool, "count", 1)) == [(before, 0)]


def test_a_job_gets_so_much_memory_and_the_next_as_much():
    pool = workers()
    for _ in range(3):
        assert asyncio.run(answers(pool, "allocate", 80 * MIB)) == [80 * MIB]
        with pytest.raises(OutOfMemory):
            asyncio.run(answers(pool, "allocate", 120 * MIB))


def test_a_process_that_dies_is_replaced():
    pool = workers()
    with pytest.raises(OutOfMemory):
        asyncio.run(answers(pool, "abort"))
    assert asyncio.run(answers(pool, "sleep", 0)) != []


def test_a_job_that_takes_too_long_is_killed_and_its_turn_is_free():
    pool = workers(timeout=0.5)
    (process,) = asyncio.run(answers(pool, "sleep", 0))
    with pytest.raises(OutOfTime, match=r"no answer within 0\.5 seconds"):
        asyncio.run(answers(pool, "sleep", PATIENCE))
    assert eventually(lambda: not psutil.pid_exists(process))
    assert asyncio.run(answers(pool, "sleep", 0)) != [process]


def test_a_job_that_nobody_waits_for_is_killed_and_its_turn_is_free():
    pool = workers()

    async def leave():
        async with asyncio.timeout(0.5):
            await answers(pool, "sleep", PATIENCE)

    (process,) = asyncio.run(answers(pool, "sleep", 0))
    with pytest.raises(TimeoutError):
        asyncio.run(leave())
    assert eventually(lambda: not psutil.pid_exists(process))
    assert asyncio.run(answers(pool, "sleep", 0)) != [process]


def test_one_client_can_not_hold_all_turns():
    pool = workers(most=4, patience=2)

    async def share():
        async with pool.turn("a"), pool.turn("a"):
            with pytest.raises(Busy, match="try again later"):
                await answers(pool, "sleep", 0)
            await answers(pool, "sleep", 0, client="b")
        await answers(pool, "sleep", 0)

    asyncio.run(share())


def test_who_waits_gets_the_turn_that_comes_free():
    pool = workers(most=1)

    async def two():
        return await asyncio.gather(*(answers(pool, "sleep", 0.2, client=each) for each in "ab"))

    first, second = asyncio.run(two())
    assert first == second


def test_loading_is_not_the_time_of_a_job():
    pool = Workers(partial(slowly, 2), 1, 100 * MIB, 1, PATIENCE)
    assert asyncio.run(answers(pool, "sleep", 0)) != []


def slowly(seconds):
    time.sleep(seconds)
    return made()
