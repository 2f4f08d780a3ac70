"""Two changes never arrive in the wrong order, and many at once are told as one."""

import asyncio

import pytest

from ringwall.core.calls.switch.latest import Latest


async def test_many_changes_that_come_while_one_is_told_are_told_at_once_and_last() -> None:
    latest, state, told = Latest(), 0, []
    gate = asyncio.Event()

    async def work() -> None:
        seen = state
        await gate.wait()
        told.append(seen)

    tasks = []
    for state in range(1, 6):  # noqa: B007 - `work` reads it
        tasks.append(asyncio.create_task(latest.tell("room", work)))
        await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(*tasks)
    assert told == [1, 5]
    assert not len(latest)


async def test_an_error_reaches_whoever_told_and_the_next_one_tells_again() -> None:
    latest, told = Latest(), []

    async def fails() -> None:
        await asyncio.sleep(0)
        raise OSError("gone")

    async def works() -> None:
        told.append(1)

    first = asyncio.create_task(latest.tell("room", fails))
    await asyncio.sleep(0)
    second = asyncio.create_task(latest.tell("room", works))
    with pytest.raises(OSError, match="gone"):
        await first
    await second
    assert told == [1]
    assert not len(latest)
