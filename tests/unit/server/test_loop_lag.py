import asyncio
import time

from authd.server.loop_lag import INTERVAL, TOO_LATE, LoopLag


def test_what_blocks_the_loop_is_counted_with_its_length() -> None:
    async def live() -> LoopLag:
        lag = LoopLag()
        lag.start()
        await asyncio.sleep(1.5 * INTERVAL)
        time.sleep(INTERVAL + 2 * TOO_LATE)  # noqa: ASYNC251  # what nobody should do
        await asyncio.sleep(0.5 * INTERVAL)
        lag.stop()
        return lag

    lag = asyncio.run(live())

    assert lag.counters.looks >= 2
    assert lag.counters.too_late >= 1
    assert lag.counters.longest > TOO_LATE
