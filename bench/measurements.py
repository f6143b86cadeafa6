"""What is measured: the rows of the report."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from bench.contenders import (
    FEW,
    Contenders,
    front_of,
    resident_kilobytes,
    seconds_since_start,
    wait_until_settled,
)
from bench.generator import Sample, load
from bench.report import Compared, Measured, Row
from bench.rounds import interleaved


@dataclass(frozen=True, slots=True)
class Plan:
    """How much of it."""

    rounds: int = 8
    milliseconds: int = 2000  # of each run of the generator
    many: int = 1_000_000  # users
    requests: int = 100_000  # before the memory is looked at
    starts: int = 7


QUICK = Plan(
    rounds=2, milliseconds=50, many=2000, requests=500, starts=1
)  # shows that the bench works, measures nothing


def rows(contenders: Contenders, plan: Plan) -> Iterator[Row]:
    """Measure one thing after another."""
    with contenders.authd() as daemon, contenders.saslauthd():
        for clients in (1, 4, 16, 64):
            yield from _beside_saslauthd(contenders, plan, clients)
        load(contenders.socket_of_authd(), clients=16, users=FEW, requests=plan.requests)
        yield _memory(front_of(daemon), plan)
    yield _start(contenders, plan)
    with contenders.authd_on_four_files(plan.many):
        for kind in ("sasldb", "passwd-file"):
            yield _many_users(contenders, plan, kind)


def _beside_saslauthd(contenders: Contenders, plan: Plan, clients: int) -> Iterator[Row]:
    ours, theirs = (
        partial(load, socket, clients=clients, users=FEW, milliseconds=plan.milliseconds)
        for socket in (contenders.socket_of_authd(), contenders.socket_of_saslauthd())
    )
    one, other = _warm(ours, theirs, plan)
    work = f"sasldb, uncached, {clients} {'client' if clients == 1 else 'clients'}"
    yield Compared(work, "logins/s", [each.rate for each in one], [each.rate for each in other], at_least=1.5)
    yield Compared(f"{work}: p99", "µs", [each.p99 for each in one], [each.p99 for each in other], at_most=1.0)


def _many_users(contenders: Contenders, plan: Plan, kind: str) -> Row:
    few, many = (contenders.socket_of_authd(f"{kind}-{size}") for size in ("few", "many"))
    wait_until_settled(many, plan.many)
    run: Callable[..., Sample] = partial(load, clients=4, milliseconds=plan.milliseconds)
    one, other = _warm(partial(run, many, users=plan.many), partial(run, few, users=FEW), plan)
    work = f"{kind}, {plan.many:,} users beside {FEW}, 4 clients"
    return Compared(work, "logins/s", [each.rate for each in one], [each.rate for each in other], at_least=0.9)


def _warm(ours: Callable[[], Sample], theirs: Callable[[], Sample], plan: Plan) -> list[list[Sample]]:
    """Measure after a round that does not count."""
    return [samples[1:] for samples in interleaved((ours, theirs), plan.rounds + 1)]


def _start(contenders: Contenders, plan: Plan) -> Row:
    return Measured("start to ready", "s", [_seconds_to_ready(contenders) for _ in range(plan.starts)], 0.4, digits=2)


def _seconds_to_ready(contenders: Contenders) -> float:
    with contenders.authd() as daemon:
        load(contenders.socket_of_authd(), clients=1, users=FEW, requests=1)
        return seconds_since_start(daemon.process.pid)


def _memory(front: int, plan: Plan) -> Row:
    megabytes = resident_kilobytes(front) / 1024
    return Measured(f"resident memory of the front after {plan.requests:,} logins", "MB", [megabytes], 60)
