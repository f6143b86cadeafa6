"""Half of what authd can sustain, for as long as ``SOAK_SECONDS``, while everything happens that happens in years.

Reloads, a database that goes and comes back, workers of the helper that die, clients that say nothing, guessers.
Each answer is a right one, and the second half takes no more than the first.
"""

import os
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from itertools import count
from pathlib import Path
from signal import SIGKILL
from statistics import median
from typing import Any, NamedTuple

import pytest

from authd.control import client as control
from authd.control.messages import Command, Reload, Status
from authd_backends.hashes.libcrypt import hashed
from bench.databases import write_sasldb
from bench.generator import Sample, load
from tests.servers.authd import SOCKET, Authd
from tests.servers.box import Box
from tests.servers.client import TEMPORARY_FAILURE
from tests.servers.process import DEADLINE, wait_until
from tests.servers.processes import Family, children, descriptors, family, status

PACKAGES = ()
SECONDS = float(os.environ.get("SOAK_SECONDS", "120"))
WINDOW = max(SECONDS / 12, 3.0)  # seconds; the first two are for caches to fill
USERS = 200
SILENT = 20  # clients in each window
PASSWORD = "secret"
CONTROL = Path("/run/authd/control.sock")
DATABASE = Path("/etc/authd/sasldb2")

# smtp: users. imap: the database that goes. pop: the helper, and every login is asked of it.
CONFIGURATION = f"""
[server]
read_deadline = "2s"

[[listeners]]
path = "{SOCKET}"
group = "sasl"

[backends.users]
type = "passwd-file"
path = "/etc/authd/users"

[backends.database]
type = "sasldb"
path = "{DATABASE}"

[backends.shadow]
type = "shadow"

[[routes]]
services = ["imap"]
backends = ["database"]

[[routes]]
services = ["pop"]
backends = ["shadow"]
cache = false

[[routes]]
backends = ["users"]

[cache]
max_entries = 1000                 # reached in the first window, so that memory has to stay as it is

[throttle]
failure_delay = "50ms"

[log]
level = "error"
"""


class Taken(NamedTuple):
    """By one process, at one moment."""

    memory: float  # MB, resident
    descriptors: int
    threads: int
    children: int


class Window(NamedTuple):
    """What was seen in one of them."""

    processes: dict[str, Taken]
    samples: dict[str, Sample]


@pytest.fixture
def authd(box: Box) -> Iterator[Authd]:
    stored = hashed(PASSWORD.encode(), "$6$rounds=1000$saltsalt")
    authd = Authd(box, CONFIGURATION)
    names = [f"user{number}" for number in range(USERS)]
    box.write("/etc/passwd", box.read("/etc/passwd") + "".join(f"{name}:x:5000:5000::/:/bin/sh\n" for name in names))
    shadow = "".join(f"{name}:{stored}:20000:0:99999:7:::\n" for name in names)
    box.write("/etc/shadow", box.read("/etc/shadow") + shadow, mode=0o640, group="shadow")
    box.write("/etc/authd/users", "".join(f"{name}:{stored}\n" for name in names), mode=0o640, group="authd")
    write_sasldb(box.path(DATABASE), USERS)
    box.run(["chown", "root:sasl", DATABASE])
    authd.start(is_silent=True)
    yield authd
    assert authd.stop() == 0


@pytest.mark.timeout(4 * SECONDS + 240)
def test_what_happens_in_years_changes_nothing(box: Box, authd: Authd) -> None:
    mux = box.path(SOCKET)
    right = partial(load, mux, clients=8, users=USERS, password=PASSWORD)
    right(requests=10 * USERS)  # all are known from now on: guessers cannot shut them out
    sustainable = right(milliseconds=2000).rate
    processes = family(authd)

    windows = [watched(box, processes, window, int(sustainable / 2)) for window in range(round(SECONDS / WINDOW))]

    assert processes == family(authd)
    assert_flat(windows[2:])
    wait_until(lambda: ask(box, Status())["connections"]["open"] == 0, "authd: no connection left open")
    assert all(not backend.get("queued") for backend in ask(box, Status())["backends"])


def watched(box: Box, processes: Family, number: int, rate: int) -> Window:
    """Load and disturb for a window; the generators end the test at a wrong answer, or at none."""
    mux, milliseconds = box.path(SOCKET), int(WINDOW * 1000)
    ask_for = partial(load, mux, users=USERS, milliseconds=milliseconds)
    guess = partial(ask_for, clients=2, password=f"wrong{number}-%d", expected="NO", tolerant=True)
    with ThreadPoolExecutor(6 + SILENT) as pool:
        under_way = {
            "right": pool.submit(ask_for, clients=8, rate=rate, password=PASSWORD),
            "wrong": pool.submit(guess, rate=40),
            "right, outages": pool.submit(ask_for, clients=4, rate=200, service="imap", tolerant=True),
            "wrong, outages": pool.submit(guess, rate=20, service="imap"),
            "right, helper": pool.submit(ask_for, clients=2, rate=40, service="pop", password=PASSWORD, tolerant=True),
            "wrong, helper": pool.submit(guess, rate=10, service="pop"),
        }
        silent = [pool.submit(say_half, mux, size) for size in range(1, SILENT + 1)]
        disturb(box, processes, lambda: all(each.done() for each in under_way.values()))
        samples = {name: each.result() for name, each in under_way.items()}
        assert {each.result() for each in silent} == {TEMPORARY_FAILURE}
    window = Window({name: taken(pid) for name, pid in processes._asdict().items()}, samples)
    print(f"window {number + 1}, {rate} logins/s asked for", *told(window), sep="\n  ")  # noqa: T201
    return window


def told(window: Window) -> Iterator[str]:
    for name, each in window.processes.items():
        what = f"{each.memory:.1f} MB, {each.descriptors} descriptors, {each.threads} threads, {each.children} children"
        yield f"{name}: {what}"
    for name, sample in window.samples.items():
        slow = f"p50 {sample.p50 / 1000:.2f} ms, p99 {sample.p99 / 1000:.2f} ms"
        yield f"{name}: {sample.rate:.0f}/s, {sample.temporary} of {sample.answers} temporary, {slow}"


def disturb(box: Box, processes: Family, is_over: Callable[[], bool]) -> None:
    """Reload, take the database away, bring it back, kill a worker, and again."""
    path = box.path(DATABASE)
    away = path.with_name("away")
    for deed in count():
        if is_over():
            break
        match deed % 4:
            case 0:
                assert ask(box, Reload()) == {"warnings": []}
            case 1:
                path.rename(away)
            case 2:
                away.rename(path)
            case _:
                for worker in children(processes.helper)[:1]:
                    with suppress(ProcessLookupError):
                        os.kill(worker, SIGKILL)
        time.sleep(WINDOW / 12)
    if away.exists():
        away.rename(path)


def say_half(mux: Path, size: int) -> bytes:
    """Send the beginning of a request and wait for what one is told."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(DEADLINE)
        client.connect(str(mux))
        client.sendall(b"\0\5alice\0\6secret\0\4smtp"[:size])
        return b"".join(iter(partial(client.recv, 64), b""))


def ask(box: Box, command: Command) -> dict[str, Any]:
    return control.ask(box.path(CONTROL), command)


def taken(pid: int) -> Taken:
    memory = int(status(pid, "VmRSS").split()[0]) / 1024
    return Taken(memory, descriptors(pid), int(status(pid, "Threads")), len(children(pid)))


def assert_flat(windows: Sequence[Window]) -> None:
    """Hold the second half against the first. Times are those of a busy machine: only a trend is one."""
    half = len(windows) // 2
    first, second = windows[:half], windows[half:]
    for name in Family._fields:
        before, after = ([window.processes[name] for window in part] for part in (first, second))
        assert median(each.memory for each in after) < 1.05 * median(each.memory for each in before) + 2, name
        for what in ("descriptors", "threads", "children"):
            most, now = (max(getattr(each, what) for each in part) for part in (before, after))
            assert now <= most + 4, f"{name}: {what}"
    for name in windows[0].samples:
        usual, later = (median(window.samples[name].p50 for window in part) for part in (first, second))
        assert later < 4 * usual + 20_000, f"{name}: microseconds"
        assert all(window.samples[name].answers for window in windows), name
