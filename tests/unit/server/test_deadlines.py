import asyncio

from authd.server.deadlines import TICK, Deadlines


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def next_look() -> None:
    await asyncio.sleep(1.5 * TICK)


def test_each_item_ends_once_and_never_late() -> None:
    clock = Clock()
    ended: list[str] = []

    async def live() -> list[list[str]]:
        deadlines = Deadlines(5.0, ended.append, clock)
        seen = []
        deadlines.add("a", 100.0)
        deadlines.add("b", 101.0)
        deadlines.add("c", 101.0)
        deadlines.discard("c")
        for clock.now in (104.0, 104.95, 105.5, 105.95, 200.0):
            await next_look()
            seen.append(list(ended))
        assert len(deadlines) == 0
        return seen

    seen = asyncio.run(live())

    assert seen == [[], ["a"], ["a"], ["a", "b"], ["a", "b"]]


def test_what_comes_after_all_have_ended_is_watched_too() -> None:
    clock = Clock()
    ended: list[str] = []

    async def live() -> None:
        deadlines = Deadlines(5.0, ended.append, clock)
        deadlines.add("a", 100.0)
        clock.now = 105.0
        await next_look()
        deadlines.add("b", 105.0)
        clock.now = 110.0
        await next_look()

    asyncio.run(live())

    assert ended == ["a", "b"]


def test_who_ends_may_begin_anew_or_end_others() -> None:
    clock = Clock()
    ended: list[str] = []

    async def live() -> None:
        def expire(item: str) -> None:
            ended.append(item)
            deadlines.discard("b")
            if len(ended) == 1:
                deadlines.add("c", clock.now)

        deadlines = Deadlines(5.0, expire, clock)
        deadlines.add("a", 100.0)
        deadlines.add("b", 100.0)
        clock.now = 105.0
        await next_look()
        assert ended == ["a"]
        assert deadlines.oldest() == "c"
        clock.now = 110.0
        await next_look()

    asyncio.run(live())

    assert ended == ["a", "c"]
