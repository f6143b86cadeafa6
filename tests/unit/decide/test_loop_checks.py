import asyncio

from authd.decide.loop_checks import LoopChecks
from authd_backends import Outcome, Request, Secret, Verdict

REQUEST = Request("alice", Secret(b"x"))


def test_no_more_run_at_once_than_were_allowed_and_beyond_the_places_is_an_outage() -> None:
    inside = most = 0
    go_on = asyncio.Event()

    async def check(_: Request) -> Verdict:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        await go_on.wait()
        inside -= 1
        return Verdict(Outcome.ACCEPTED)

    async def ask() -> list[Verdict]:
        checks = LoopChecks(check, max_concurrent=2, max_queued=1, deadline=60.0)
        asked = [asyncio.create_task(checks.ask(REQUEST)) for _ in range(4)]
        await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
        go_on.set()
        return await asyncio.gather(*asked)

    verdicts = asyncio.run(ask())

    assert [verdict.outcome for verdict in verdicts] == [*[Outcome.ACCEPTED] * 3, Outcome.UNAVAILABLE]
    assert verdicts[3].reason == "queue full: 1 are waiting"
    assert most == 2


def test_a_check_that_hangs_is_an_outage_after_the_deadline() -> None:
    async def hang(_: Request) -> Verdict:
        await asyncio.Event().wait()
        raise AssertionError

    async def ask() -> Verdict:
        return await LoopChecks(hang, max_concurrent=1, max_queued=1, deadline=0.02).ask(REQUEST)

    assert asyncio.run(ask()) == Verdict(Outcome.UNAVAILABLE, "no answer within 0.02 s")
