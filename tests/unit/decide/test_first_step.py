import asyncio

import pytest

from authd.decide.first_step import Begun, begin


async def at_once() -> int:
    return 1


async def after(event: asyncio.Event, ended: list[str]) -> int:
    try:
        await event.wait()
        await asyncio.sleep(0)
    finally:
        ended.append("ended")
    return 2


def test_what_ends_with_its_first_step_gives_its_result() -> None:
    assert begin(at_once()) == 1


def test_what_waits_goes_on_in_a_task() -> None:
    async def live() -> int:
        event = asyncio.Event()
        begun = begin(after(event, []))
        assert isinstance(begun, Begun)
        task = asyncio.create_task(begun.finish())
        await asyncio.sleep(0)
        event.set()
        return await task

    assert asyncio.run(live()) == 2


@pytest.mark.parametrize("begun_in_task", [False, True])
def test_what_is_given_up_is_closed(begun_in_task: bool) -> None:
    ended: list[str] = []

    async def live() -> None:
        begun = begin(after(asyncio.Event(), ended))
        assert isinstance(begun, Begun)
        if not begun_in_task:
            begun.close()
            return
        task = asyncio.create_task(begun.finish())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    asyncio.run(live())

    assert ended == ["ended"]


def test_what_is_raised_where_it_waits_is_its_own_to_catch() -> None:
    """Or a backend that raises would end the chain at the first wait of a request, and only there."""

    async def patient(first: "asyncio.Future[int]", second: "asyncio.Future[int]") -> int:
        found = 0
        for each in (first, second, first):
            try:
                found += await each
            except LookupError:
                found += 10
        return found

    async def live() -> int:
        first, second = (asyncio.get_running_loop().create_future() for _ in range(2))
        begun = begin(patient(first, second))
        assert isinstance(begun, Begun)
        task = asyncio.create_task(begun.finish())
        await asyncio.sleep(0)
        first.set_exception(LookupError())
        await asyncio.sleep(0)
        second.set_exception(LookupError())
        return await task

    assert asyncio.run(live()) == 30


@pytest.mark.parametrize("catches", [False, True])
def test_what_it_raises_itself_comes_out(catches: bool) -> None:
    async def impatient(event: "asyncio.Future[None]") -> int:
        try:
            await event
        except LookupError:
            if catches:
                return 3
            raise
        return 0

    async def live() -> int:
        event: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        begun = begin(impatient(event))
        assert isinstance(begun, Begun)
        event.set_exception(LookupError())
        return await begun.finish()

    if catches:
        assert asyncio.run(live()) == 3
    else:
        with pytest.raises(LookupError):
            asyncio.run(live())
