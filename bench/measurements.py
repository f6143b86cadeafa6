"""What all measurements share: how much of each there is, and two daemons in turns."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NotRequired, TypedDict

from bench.contenders import Contenders
from bench.generator import Sample, load
from bench.report import Compared, Row
from bench.rounds import interleaved


@dataclass(frozen=True, slots=True)
class Plan:
    """How much of it."""

    rounds: int = 5
    milliseconds: int = 1000  # of each run of the generator
    many: int = 1_000_000  # users
    requests: int = 100_000  # before the memory is looked at
    cached: int = 100_000  # users
    addresses: int = 1_000_000  # of guessers
    idle: int = 10_000  # connections
    starts: int = 7
    guessers: int = 200
    logins: int = 20  # beside guessers, one every half second


QUICK = Plan(
    rounds=2,
    milliseconds=50,
    many=2000,
    requests=500,
    cached=500,
    addresses=1000,
    idle=200,
    starts=1,
    guessers=20,
    logins=1,
)  # shows that the bench works, measures nothing


class Users(TypedDict):
    """Who logs in: `user0` to `user{users - 1}`."""

    users: int
    password: str
    service: NotRequired[str]


def beside_saslauthd(
    contenders: Contenders,
    plan: Plan,
    work: str,
    users: Users,
    *,
    at_least: float,
    p99_at_most: float | None = 1.0,
    crowds: Sequence[int] = (1, 4, 16, 64),
) -> Iterator[Row]:
    """Measure the logins of so many clients at once, and their slowest in a hundred."""
    for clients in crowds:
        ours, theirs = (
            partial(load, socket, clients=clients, milliseconds=plan.milliseconds, **users)
            for socket in (contenders.socket_of_authd(), contenders.socket_of_saslauthd())
        )
        one, other = warm(ours, theirs, plan)
        name = f"{work}, {clients} {'client' if clients == 1 else 'clients'}"
        yield Compared(name, "logins/s", [each.rate for each in one], [each.rate for each in other], at_least=at_least)
        ours_p99, theirs_p99 = ([each.p99 for each in samples] for samples in (one, other))
        yield Compared(f"{name}: p99", "µs", ours_p99, theirs_p99, at_most=p99_at_most, less_is_better=True)


def warm(ours: Callable[[], Sample], theirs: Callable[[], Sample], plan: Plan) -> list[list[Sample]]:
    """Measure after a round that does not count."""
    return [samples[1:] for samples in interleaved((ours, theirs), plan.rounds + 1)]
