"""What is measured: the rows of the report."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NotRequired, TypedDict

from bench.contenders import (
    FEW,
    SYSTEM_USERS,
    Contenders,
    front_of,
    resident_kilobytes,
    seconds_since_start,
    wait_until_settled,
)
from bench.databases import PASSWORD
from bench.flood import rows_of_good_logins
from bench.generator import Sample, hashes_a_second, load
from bench.ldap import on_ldap
from bench.mysql import BCRYPT, PLAIN, on_mysql
from bench.report import Compared, Measured, Row
from bench.rounds import interleaved
from bench.scrapes import rows_of_scrapes, scraping


@dataclass(frozen=True, slots=True)
class Plan:
    """How much of it."""

    rounds: int = 5
    milliseconds: int = 2000  # of each run of the generator
    many: int = 1_000_000  # users
    requests: int = 100_000  # before the memory is looked at
    starts: int = 7
    guessers: int = 200
    logins: int = 20  # beside guessers, one every half second


QUICK = Plan(
    rounds=2, milliseconds=50, many=2000, requests=500, starts=1, guessers=20, logins=1
)  # shows that the bench works, measures nothing


class Users(TypedDict):
    """Who logs in: `user0` to `user{users - 1}`."""

    users: int
    password: str
    service: NotRequired[str]


_IN_SASLDB: Users = {"users": FEW, "password": "secret%d"}
_OF_THE_SYSTEM: Users = {"users": SYSTEM_USERS, "password": PASSWORD}
_OF_SHADOW: Users = {**_OF_THE_SYSTEM, "service": "pop"}
_HASHED: Users = {"users": FEW, "password": PASSWORD}
_IN_MYSQL: Users = {"users": FEW, "password": "secret%d", "service": PLAIN}
_IN_MYSQL_HASHED: Users = {"users": FEW, "password": PASSWORD, "service": BCRYPT}


def rows(contenders: Contenders, plan: Plan) -> Iterator[Row]:
    """Measure one thing after another."""
    with contenders.authd() as daemon, contenders.saslauthd():
        yield from _beside_saslauthd(contenders, plan, "sasldb, uncached", _IN_SASLDB, at_least=1.5)
        load(contenders.socket_of_authd(), clients=16, users=FEW, requests=plan.requests)
        yield _memory(front_of(daemon), plan)
    with contenders.authd_with_cache(), contenders.saslauthd("shadow", "-c"):
        yield from _beside_saslauthd(contenders, plan, "cached", _OF_THE_SYSTEM, at_least=1.0)
    with contenders.authd_scraped(), contenders.saslauthd("shadow", "-c"), scraping(contenders):
        yield from _beside_saslauthd(contenders, plan, "cached, scraped each second", _OF_THE_SYSTEM, at_least=1.0)
    yield from rows_of_scrapes(contenders, plan.milliseconds)
    with contenders.authd_on_system_users(), contenders.saslauthd("pam"):
        yield from _beside_saslauthd(contenders, plan, "pam_permit", _OF_THE_SYSTEM, at_least=2.0, p99_at_most=None)
        yield _beside_the_cores(contenders, plan)
    with on_mysql(contenders):
        work = "mysql, beside pam_mysql"
        yield from _beside_saslauthd(contenders, plan, work, _IN_MYSQL, at_least=5.0)
        yield from _beside_saslauthd(
            contenders, plan, f"{work}, bcrypt", _IN_MYSQL_HASHED, at_least=0.95, p99_at_most=None, crowds=(16,)
        )
    with on_ldap(contenders):
        yield from _beside_saslauthd(contenders, plan, "ldap, search and bind", _IN_SASLDB, at_least=2.0)
    with on_ldap(contenders, bcrypt=True):
        yield from _beside_saslauthd(
            contenders, plan, "ldap, bcrypt", _HASHED, at_least=0.95, p99_at_most=None, crowds=(16,)
        )
    yield from rows_of_good_logins(contenders, plan.guessers, plan.logins)
    yield _start(contenders, plan)
    with contenders.authd_on_four_files(plan.many):
        for kind in ("sasldb", "passwd-file"):
            yield _many_users(contenders, plan, kind)


def _beside_saslauthd(
    contenders: Contenders,
    plan: Plan,
    work: str,
    users: Users,
    *,
    at_least: float,
    p99_at_most: float | None = 1.0,
    crowds: Sequence[int] = (1, 4, 16, 64),
) -> Iterator[Row]:
    for clients in crowds:
        ours, theirs = (
            partial(load, socket, clients=clients, milliseconds=plan.milliseconds, **users)
            for socket in (contenders.socket_of_authd(), contenders.socket_of_saslauthd())
        )
        one, other = _warm(ours, theirs, plan)
        name = f"{work}, {clients} {'client' if clients == 1 else 'clients'}"
        yield Compared(name, "logins/s", [each.rate for each in one], [each.rate for each in other], at_least=at_least)
        yield Compared(
            f"{name}: p99", "µs", [each.p99 for each in one], [each.p99 for each in other], at_most=p99_at_most
        )


def _beside_the_cores(contenders: Contenders, plan: Plan) -> Row:
    """The helper's workers, against a program that does nothing but hash."""
    run = partial(load, contenders.socket_of_authd(), clients=16, **_OF_SHADOW)
    theirs = partial(hashes_a_second, PASSWORD, contenders.stored, plan.milliseconds)
    one, other = interleaved((lambda: run(milliseconds=plan.milliseconds).rate, theirs), plan.rounds + 1)
    return Compared("shadow, yescrypt, beside crypt_r", "hashes/s", one[1:], other[1:], at_least=0.97)


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
