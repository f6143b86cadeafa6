"""What a flood of guesses costs whoever brings the right password."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median, quantiles

from bench.contenders import Contenders
from bench.generator import guessing
from bench.good_login import GoodLogin, log_in
from bench.report import Measured, Row

_SERVICE = "imap"  # pam_unix, with its two seconds behind a wrong password
_OF_SASLAUTHD = 4  # logins at most, each of which takes more than a minute
_TARGETS = {
    "other users": [f"user{number}" for number in range(1, 21)],
    "this very user": ["user0"],
}


def rows_of_good_logins(contenders: Contenders, guessers: int, logins: int) -> Iterator[Row]:
    """Measure good logins by pam_unix, uncached and cached, idle and beside guessers; to C all guessers are alike."""
    others = _TARGETS["other users"]
    theirs = _of_saslauthd(contenders, others, guessers, min(logins, _OF_SASLAUTHD)) if logins > 1 else ()
    for target, users in _TARGETS.items():
        work = f"good login, pam_unix, {guessers} guessers at {target}"
        with contenders.authd_on_system_users(throttled=True):
            mux, cached = contenders.socket_of_authd(), contenders.socket_of_authd("cached")
            ours = _idle_and_beside((mux, cached), users, guessers, logins)
        yield from _rows(f"{work}, uncached", *ours[0], theirs, at_most=10.0)
        yield from _rows(f"{work}, cached", *ours[1], (), at_most=1.0)


def _idle_and_beside(
    sockets: Sequence[Path], users: Sequence[str], guessers: int, times: int
) -> list[tuple[list[float], list[float]]]:
    """Log in at each socket, idle and while the guessers ask at the first."""
    logins = [GoodLogin(socket, _SERVICE) for socket in sockets]
    for login in logins:
        login.milliseconds()  # known from now on
    idle = [log_in(login, times) for login in logins]
    with guessing(sockets[0], users, guessers, _SERVICE):
        return list(zip(idle, [log_in(login, times) for login in logins], strict=True))


def _of_saslauthd(contenders: Contenders, users: Sequence[str], guessers: int, times: int) -> list[float]:
    with contenders.saslauthd("pam"):
        ((idle, beside),) = _idle_and_beside([contenders.socket_of_saslauthd()], users, guessers, times)
    return [each - median(idle) for each in beside]


def _rows(
    work: str, idle: Sequence[float], beside: Sequence[float], theirs: Sequence[float], *, at_most: float
) -> Iterator[Row]:
    """Say how much later than idle the answer comes, at the median and at p99."""
    usual, slow = median(idle), _p99(idle)
    yield Measured(f"{work}: p50 minus {usual:.1f} ms", "ms", [each - usual for each in beside], at_most, 1, theirs)
    yield Measured(f"{work}: p99 minus {slow:.1f} ms", "ms", [_p99(beside) - slow], at_most, 1)


def _p99(values: Sequence[float]) -> float:
    return quantiles(values, n=100, method="inclusive")[98] if len(values) > 1 else values[0]
