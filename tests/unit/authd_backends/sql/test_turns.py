"""Who computes next."""

import asyncio

from authd_backends.sql.turns import Turns


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_the_urgent_pass_all_who_wait_and_nobody_is_passed_otherwise() -> None:
    async def told() -> None:
        turns, order = Turns(1), list[str]()

        async def take(name: str, *, is_urgent: bool = False) -> None:
            async with turns.taken(is_urgent=is_urgent):
                order.append(name)
                await settled()

        names = ("a", "b", "c", "owner 1", "owner 2")
        await asyncio.gather(*(take(name, is_urgent="owner" in name) for name in names))
        assert order == ["a", "owner 1", "owner 2", "b", "c"]

    asyncio.run(told())


def test_no_more_than_so_many_are_at_work_at_once_whoever_gives_up() -> None:
    async def told() -> None:
        turns, at_work, most = Turns(2), 0, 0

        async def take() -> None:
            nonlocal at_work, most
            async with turns.taken(is_urgent=False):
                at_work += 1
                most = max(most, at_work)
                try:
                    await settled()
                finally:
                    at_work -= 1

        tasks = [asyncio.create_task(take()) for _ in range(50)]
        for number, task in enumerate(tasks):
            if number % 3 == 0:
                await asyncio.sleep(0)
                task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert ended.count(None) == 33
        assert most == 2
        await asyncio.wait_for(asyncio.gather(take(), take()), 30)  # no turn was lost

    asyncio.run(told())
