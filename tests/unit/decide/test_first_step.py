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
