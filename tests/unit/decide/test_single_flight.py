import asyncio

import pytest

from authd.decide.single_flight import SingleFlight


def test_identical_questions_at_the_same_time_are_one_question() -> None:
    asked = 0
    go_on = asyncio.Event()

    async def call() -> int:
        nonlocal asked
        asked += 1
        await go_on.wait()
        return asked

    async def live() -> list[int]:
        flights: SingleFlight[int] = SingleFlight()
        tasks = [asyncio.create_task(flights.share(key, call)) for key in ("a", "a", "b", "a")]
        await asyncio.sleep(0)
        go_on.set()
        answers = await asyncio.gather(*tasks)
        await asyncio.sleep(0)
        return [*answers, await flights.share("a", call)]

    assert asyncio.run(live()) == [2, 2, 2, 2, 3]


def test_the_end_of_one_who_waits_never_ends_the_call() -> None:
    go_on = asyncio.Event()

    async def call() -> str:
        await go_on.wait()
        return "done"

    async def live() -> str:
        flights: SingleFlight[str] = SingleFlight()
        first, second = [asyncio.create_task(flights.share("a", call)) for _ in range(2)]
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.sleep(0)
        go_on.set()
        return await second

    assert asyncio.run(live()) == "done"


@pytest.mark.parametrize("is_cancelled", [True, False])
def test_where_the_call_gives_no_result_each_of_the_others_asks_anew(is_cancelled: bool) -> None:
    asked = 0
    go_on = asyncio.Event()

    async def call() -> int:
        nonlocal asked
        asked += 1
        if asked == 1:
            await go_on.wait()
            raise LookupError
        return asked

    async def live() -> list[int | BaseException]:
        flights: SingleFlight[int] = SingleFlight()
        first, *others = [asyncio.create_task(flights.share("a", call)) for _ in range(3)]
        await asyncio.sleep(0)
        if is_cancelled:
            first.cancel()
        go_on.set()
        assert isinstance((await asyncio.gather(first, return_exceptions=True))[0], BaseException)
        return await asyncio.gather(*others, return_exceptions=True)

    assert asyncio.run(live()) == [2, 3]


def test_what_ends_at_once_needs_no_task() -> None:
    async def call() -> str:
        return "done"

    async def live() -> str:
        before = asyncio.all_tasks()
        answer = await SingleFlight[str]().share("a", call)
        assert asyncio.all_tasks() == before
        return answer

    assert asyncio.run(live()) == "done"
