"""Another configuration for an authd that was started as root: the parent opens, the front and the helper follow."""

import os
import signal
import stat
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import pytest

from authd.daemon.channel import MAX_SOCKETS
from authd_backends.hashes.libcrypt import hashed
from tests.servers.authd import CONFIGURATION, SOCKET, WITHOUT_DELAY, Authd
from tests.servers.box import Box
from tests.servers.client import NO, OK, ask
from tests.servers.process import wait_until
from tests.servers.processes import children

if TYPE_CHECKING:
    import subprocess

PACKAGES = ()
ANOTHER = "/run/saslauthd/another"
LISTENER = f'[[listeners]]\npath = "{SOCKET}"\ngroup = "sasl"\n'
ANOTHER_LISTENER = f'[[listeners]]\npath = "{ANOTHER}"\ngroup = "sasl"\nmode = "0620"\n'
USERS = '[backends.users]\ntype = "passwd-file"\npath = "/etc/authd/users"\n'
SHADOW = '[backends.system]\ntype = "shadow"\n'
SLOWLY = SHADOW + "max_queued = 100\n[helper]\nmax_checks = {}\n"


@pytest.fixture
def authd(box: Box) -> Iterator[Authd]:
    authd = Authd(box, LISTENER + USERS)
    hash_ = hashed(b"right", "$6$rounds=1000$saltsalt")
    box.write("/etc/authd/users", f"alice:{hash_}\n", mode=0o640, group="authd")
    if "bob" not in box.read("/etc/passwd"):
        box.run(["useradd", "--uid", "1500", "--password", hash_, "bob"])
    authd.start()
    yield authd
    assert authd.stop() == 0


def configure(authd: Authd, configuration: str, mode: int = 0o640) -> None:
    authd.box.write(CONFIGURATION, configuration + WITHOUT_DELAY, mode=mode, group="authd")


def reload(authd: Authd) -> "subprocess.CompletedProcess[str]":
    return authd.box.run([sys.executable, "-m", "authd", "reload"], expect=None)


def front(authd: Authd) -> int:
    return max(children(authd.process.pid))


def asked(authd: Authd, user: str, password: str = "right", at: str | Path = SOCKET) -> bytes:
    return ask(authd.box.path(at), user, password)


def test_the_parent_opens_what_only_root_can_give_away(authd: Authd) -> None:
    configure(authd, LISTENER + ANOTHER_LISTENER + USERS)

    done = reload(authd)

    assert (done.returncode, done.stdout, done.stderr) == (0, "reloaded\n", "")
    found = authd.box.path(ANOTHER).stat()
    assert (stat.S_IMODE(found.st_mode), found.st_uid) == (0o620, 0)
    assert [asked(authd, "alice", at=path) for path in (SOCKET, ANOTHER)] == [OK, OK]
    configure(authd, LISTENER + USERS)
    assert reload(authd).returncode == 0
    assert not authd.box.path(ANOTHER).exists()


def test_a_file_that_the_front_may_not_read_is_read_for_it(authd: Authd) -> None:
    configure(authd, LISTENER + USERS + '[[routes]]\nservices = ["imap"]\nbackends = ["users"]\n', mode=0o600)

    assert reload(authd).returncode == 0

    assert asked(authd, "alice") == NO


def test_a_bad_file_is_told_and_the_parent_keeps_the_good_one_for_the_next_front(authd: Authd) -> None:
    configure(authd, ANOTHER_LISTENER + USERS + "[cache]\nttl = 5\n")

    done = reload(authd)

    assert done.returncode == 2
    assert f"{CONFIGURATION}:9: cache.ttl: expected" in done.stderr
    os.kill(front(authd), signal.SIGKILL)
    assert asked(authd, "alice") == OK
    assert not authd.box.path(ANOTHER).exists()


def test_more_sockets_than_can_be_handed_over_at_once_are_refused_and_the_next_reload_is_heard(authd: Authd) -> None:
    many = "".join(f'[[listeners]]\npath = "/run/saslauthd/many{number}"\n' for number in range(MAX_SOCKETS + 1))
    configure(authd, LISTENER + many + USERS)

    refused = reload(authd)
    configure(authd, LISTENER + ANOTHER_LISTENER + USERS)

    assert (refused.returncode, refused.stderr) == (2, "authd: expected at most 250 sockets more at once, got 251\n")
    assert not list(authd.box.path("/run/saslauthd").glob("many*[0-9]"))
    assert reload(authd).returncode == 0
    assert asked(authd, "alice", at=ANOTHER) == OK


def test_the_next_front_goes_by_the_new_configuration(authd: Authd) -> None:
    configure(authd, LISTENER + ANOTHER_LISTENER + USERS)
    authd.process.send(signal.SIGHUP)
    wait_until(lambda: "reloaded" in authd.process.output, "the reload")
    dead = front(authd)

    os.kill(dead, signal.SIGKILL)

    assert [asked(authd, "alice", at=path) for path in (SOCKET, ANOTHER)] == [OK, OK]
    assert front(authd) != dead


def test_a_reload_that_is_asked_for_while_the_front_is_dead_is_done_by_the_next_and_once(authd: Authd) -> None:
    configure(authd, LISTENER + ANOTHER_LISTENER + USERS)
    os.kill(front(authd), signal.SIGKILL)
    authd.process.send(signal.SIGHUP)
    wait_until(lambda: "reloaded" in authd.process.output, "the reload")

    os.kill(front(authd), signal.SIGKILL)

    assert asked(authd, "alice", at=ANOTHER) == OK
    assert reload(authd).returncode == 0
    wait_until(lambda: authd.process.output.count("reloaded") == 2, "one reload more, and no other")


def test_a_stop_right_behind_a_reload_does_not_wait_for_it(authd: Authd) -> None:
    """The parent, which is stopping, answers no front that asks it for another configuration."""
    configure(authd, '[server]\nshutdown_deadline = "30s"\n' + LISTENER + USERS)
    assert authd.stop() == 0
    authd.start()
    authd.process.freeze()
    authd.process.send(signal.SIGHUP)
    authd.process.send(signal.SIGTERM)

    authd.process.thaw()

    assert authd.process.wait() == 0
    assert "the parent has gone" in authd.process.output
    assert "expected the parent to answer" not in authd.process.output


def test_a_helper_begins_with_the_first_backend_that_needs_one(authd: Authd) -> None:
    assert asked(authd, "bob") == NO
    assert len(children(authd.process.pid)) == 1
    configure(authd, LISTENER + USERS + SHADOW)

    assert reload(authd).returncode == 0

    assert len(children(authd.process.pid)) == 2
    assert asked(authd, "bob") == OK
    assert asked(authd, "bob", "wrong") == NO


def test_front_and_helper_go_from_one_configuration_to_the_next_without_an_outage(authd: Authd) -> None:
    configure(authd, LISTENER + SLOWLY.format(1000) + "[cache]\nenabled = false\n")
    assert reload(authd).returncode == 0
    done = Event()

    def keep_asking() -> int:
        count = 0
        while not done.is_set():
            assert asked(authd, "bob") == OK
            count += 1
        return count

    with ThreadPoolExecutor(3) as pool:
        asking = [pool.submit(keep_asking) for _ in range(3)]
        try:
            for number in range(10):
                configure(authd, LISTENER + SLOWLY.format(500 + number) + "[cache]\nenabled = false\n")
                assert reload(authd).returncode == 0
        finally:
            done.set()
        answered = sum(each.result() for each in asking)

    assert answered > 10
    assert authd.process.output.count("the helper serves system") >= 10
