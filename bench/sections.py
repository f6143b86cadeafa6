"""The sections of the report, and how each is measured."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial

from bench.contenders import FEW, SYSTEM_USERS, Contenders, seconds_since_start
from bench.databases import PASSWORD
from bench.flood import rows_of_good_logins
from bench.generator import hashes_a_second, load
from bench.idle import rows_of_idle_connections
from bench.ldap import on_ldap
from bench.many import rows_of_many_users
from bench.measurements import Plan, Users, beside_saslauthd
from bench.memory import rows_of_memory
from bench.mysql import BCRYPT, PLAIN, on_mysql
from bench.report import Compared, Measured, Row
from bench.rounds import interleaved
from bench.scrapes import rows_of_scrapes, scraping

_IN_SASLDB: Users = {"users": FEW, "password": "secret%d"}
_OF_THE_SYSTEM: Users = {"users": SYSTEM_USERS, "password": PASSWORD}
_OF_SHADOW: Users = {**_OF_THE_SYSTEM, "service": "pop"}
_HASHED: Users = {"users": FEW, "password": PASSWORD}
_IN_MYSQL: Users = {"users": FEW, "password": "secret%d", "service": PLAIN}
_IN_MYSQL_HASHED: Users = {"users": FEW, "password": PASSWORD, "service": BCRYPT}


def _cached(contenders: Contenders, plan: Plan) -> Iterator[Row]:
    """With a line for each decision and without: saslauthd writes none for who came in."""
    with contenders.authd_with_cache(), contenders.saslauthd("shadow", "-c"):
        yield from beside_saslauthd(contenders, plan, "cached", _OF_THE_SYSTEM, at_least=1.0)
    with contenders.authd_with_cache_without_decisions(), contenders.saslauthd("shadow", "-c"):
        work = "cached, accepted ones not logged"
        yield from beside_saslauthd(contenders, plan, work, _OF_THE_SYSTEM, at_least=1.0)


def _scraped(contenders: Contenders, plan: Plan) -> Iterator[Row]:
    with contenders.authd_scraped(), contenders.saslauthd("shadow", "-c"), scraping(contenders):
        work = "cached, scraped each second"
        yield from beside_saslauthd(contenders, plan, work, _OF_THE_SYSTEM, at_least=1.0, crowds=(1, 16))
    yield from rows_of_scrapes(contenders, plan.milliseconds)


def _sasldb(contenders: Contenders, plan: Plan) -> Iterator[Row]:
    with contenders.authd(), contenders.saslauthd():
        yield from beside_saslauthd(contenders, plan, "sasldb, uncached", _IN_SASLDB, at_least=1.5)


def _pam(contenders: Contenders, plan: Plan) -> Iterator[Row]:
    with contenders.authd_on_system_users(), contenders.saslauthd("pam"):
        yield from beside_saslauthd(contenders, plan, "pam_permit", _OF_THE_SYSTEM, at_least=2.0, p99_at_most=None)
        yield _beside_the_cores(contenders, plan)


def _beside_the_cores(contenders: Contenders, plan: Plan) -> Row:
    """The helper's workers, against a program that does nothing but hash."""
    run = partial(load, contenders.socket_of_authd(), clients=16, **_OF_SHADOW)
    theirs = partial(hashes_a_second, PASSWORD, contenders.stored, plan.milliseconds)
    one, other = interleaved((lambda: run(milliseconds=plan.milliseconds).rate, theirs), plan.rounds + 1)
    work = "shadow, yescrypt, beside crypt_r"
    return Compared(work, "hashes/s", one[1:], other[1:], at_least=0.97, other="crypt_r")


def _mysql(contenders: Contenders, plan: Plan) -> Iterator[Row]:
    with on_mysql(contenders):
        work = "mysql, beside pam_mysql"
        yield from beside_saslauthd(contenders, plan, work, _IN_MYSQL, at_least=5.0)
        yield from beside_saslauthd(
            contenders, plan, f"{work}, bcrypt", _IN_MYSQL_HASHED, at_least=0.95, p99_at_most=None, crowds=(16,)
        )


def _ldap(contenders: Contenders, plan: Plan) -> Iterator[Row]:
    with on_ldap(contenders):
        yield from beside_saslauthd(contenders, plan, "ldap, search and bind", _IN_SASLDB, at_least=2.0)
    with on_ldap(contenders, bcrypt=True):
        yield from beside_saslauthd(
            contenders, plan, "ldap, bcrypt", _HASHED, at_least=0.95, p99_at_most=None, crowds=(16,)
        )


def _good_logins(contenders: Contenders, plan: Plan) -> Iterator[Row]:
    yield from rows_of_good_logins(contenders, plan.guessers, plan.logins)


def _start(contenders: Contenders, plan: Plan) -> Iterator[Row]:
    seconds = [_seconds_to_ready(contenders) for _ in range(plan.starts)]
    yield Measured("start to ready", "s", seconds, 0.4, digits=2)


def _seconds_to_ready(contenders: Contenders) -> float:
    with contenders.authd() as daemon:
        load(contenders.socket_of_authd(), clients=1, users=FEW, requests=1)
        return seconds_since_start(daemon.process.pid)


SECTIONS: Mapping[str, Callable[[Contenders, Plan], Iterator[Row]]] = {
    "Cached": _cached,
    "Cached and scraped": _scraped,
    "sasldb": _sasldb,
    "PAM and shadow": _pam,
    "MySQL": _mysql,
    "LDAP": _ldap,
    "Good logins beside guessers": _good_logins,
    "Idle connections": rows_of_idle_connections,
    "A million users": rows_of_many_users,
    "Start": _start,
    "Memory": rows_of_memory,
}
