"""Connections that say nothing, or the half, and what they cost whoever logs in meanwhile."""

import resource
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from bench.contenders import SYSTEM_USERS, Contenders
from bench.databases import PASSWORD
from bench.generator import load
from bench.good_login import GoodLogin
from bench.measurements import Plan
from bench.report import SASLAUTHD, Compared, Measured, Row

_HALF = b"\0\5alice\0\6sec"
_SETTLING = 500  # milliseconds, in which all of them come or go
_PATIENCE = 5  # seconds for an answer


def rows_of_idle_connections(contenders: Contenders, plan: Plan) -> Iterator[Row]:
    """Log in with and without them, in turns: half of them have sent nothing, half a part of a request."""
    with contenders.authd_that_waits():
        mux = contenders.socket_of_authd()
        run = partial(load, mux, clients=16, users=SYSTEM_USERS, password=PASSWORD, milliseconds=plan.milliseconds)
        run()
        beside, alone = [], []
        for _ in range(plan.rounds):
            with _idle(mux, plan.idle):
                run(milliseconds=_SETTLING)
                beside.append(run().rate)
            run(milliseconds=_SETTLING)
            alone.append(run().rate)
    work = f"cached, 16 clients beside {plan.idle:,} idle connections"
    yield Compared(work, "logins/s", beside, alone, at_least=0.9, other="without them")
    with contenders.authd(), contenders.saslauthd():
        ours, theirs = (
            [_answered_beside_five(mux)] for mux in (contenders.socket_of_authd(), contenders.socket_of_saslauthd())
        )
    work = f"logins of 5 that are answered within {_PATIENCE} s beside 5 idle connections"
    yield Measured(work, "logins", ours, None, 0, theirs, SASLAUTHD)


def _answered_beside_five(mux: Path) -> int:
    with _idle(mux, 5), ThreadPoolExecutor(5) as clients:
        return sum(clients.map(lambda _: _is_answered(mux), range(5)))


def _is_answered(mux: Path) -> bool:
    try:
        GoodLogin(mux, "smtp", password="secret0", patience=_PATIENCE).milliseconds()
    except (TimeoutError, BlockingIOError):
        return False
    return True


@contextmanager
def _idle(mux: Path, count: int) -> Iterator[None]:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with ExitStack() as stack:
        for number in range(count):
            client = stack.enter_context(socket.socket(socket.AF_UNIX))
            client.connect(str(mux))
            if number % 2:
                client.sendall(_HALF)
        yield
