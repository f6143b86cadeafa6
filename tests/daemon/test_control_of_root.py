"""The control socket of an authd that was started as root: opened by the parent, served by the front."""

import json
import os
import signal
import stat
import sys
from collections.abc import Iterator

import pytest

from authd_backends.hashes.libcrypt import hashed
from tests.servers.authd import Authd
from tests.servers.box import Box
from tests.servers.process import wait_until
from tests.servers.processes import children

PACKAGES = ()
CONTROL = "/run/authd/control.sock"
CONFIGURATION = """
[[listeners]]
path = "/run/saslauthd/mux"
group = "sasl"

[backends.users]
type = "passwd-file"
path = "/etc/authd/users"
"""


@pytest.fixture(scope="module")
def authd(box: Box) -> Iterator[Authd]:
    box.add_user("operator", groups=["authd-admin", "sasl"])
    box.add_user("stranger")
    authd = Authd(box, CONFIGURATION)
    box.write("/etc/authd/users", f"alice:{hashed(b'right', '$6$rounds=1000$saltsalt')}\n", mode=0o640, group="authd")
    authd.start()
    yield authd
    assert authd.stop() == 0
    assert box.run(["test", "-e", CONTROL], expect=None).returncode == 1


def status_exit(box: Box, user: str) -> tuple[int, str]:
    done = box.run([sys.executable, "-m", "authd", "status", "--json"], user=user, expect=None)
    return done.returncode, done.stdout or done.stderr


def test_it_is_root_s_and_the_administrators(box: Box, authd: Authd) -> None:
    found = box.path(CONTROL).stat()

    assert (stat.S_IMODE(found.st_mode), found.st_uid) == (0o660, 0)
    assert found.st_gid == box._ids("/etc/group")["authd-admin"]


@pytest.mark.parametrize("user", ["root", "operator"])
def test_root_and_administrators_are_answered_by_the_front(box: Box, authd: Authd, user: str) -> None:
    """The latter may not read the configuration, and find the default path all the same."""
    code, output = status_exit(box, user)

    assert code == 0, output
    assert json.loads(output)["listeners"] == ["/run/saslauthd/mux"]


@pytest.fixture
def closed_directory(box: Box, authd: Authd) -> Iterator[None]:
    """Of the configuration: open to root and the front alone."""
    directory = box.path("/etc/authd")
    os.chown(directory, 0, box._ids("/etc/group")["authd"])
    directory.chmod(0o750)
    yield
    directory.chmod(0o755)


@pytest.mark.usefixtures("closed_directory")
def test_an_administrator_is_answered_who_may_not_even_look_for_the_configuration(box: Box) -> None:
    login = [sys.executable, "-m", "authd", "test", "-u", "alice", "-p", "right"]

    code, output = status_exit(box, "operator")

    assert code == 0, output
    assert box.run(login, user="operator").stdout == '0: OK "Success."\n'
    assert box.run(login, user="stranger", expect=None).stderr == "connect() : Permission denied\n"


@pytest.mark.parametrize("user", ["stranger", "authd"])
def test_nobody_else_may_connect(box: Box, authd: Authd, user: str) -> None:
    code, output = status_exit(box, user)

    assert code == 1
    assert f"{CONTROL}: expected the right to connect" in output


def test_where_another_has_the_default_path_it_serves_without(box: Box, authd: Authd) -> None:
    box.write("/etc/authd/second.toml", CONFIGURATION.replace("/mux", "/second"))
    second = box.start([sys.executable, "-m", "authd", "serve", "--config", "/etc/authd/second.toml"])

    second.wait_for_output("listening on /run/saslauthd/second")

    assert f"control.path: serving without a control socket: {CONTROL}: expected control.sock.lock to be free" in (
        second.output
    )
    assert second.stop() == 0
    assert status_exit(box, "root")[0] == 0


def test_the_next_front_serves_it_as_the_one_before_did(box: Box, authd: Authd) -> None:
    (front,) = children(authd.process.pid)
    before = json.loads(status_exit(box, "root")[1])["pid"]

    os.kill(front, signal.SIGKILL)
    wait_until(lambda: children(authd.process.pid) not in ([], [front]), "another front")

    code, output = status_exit(box, "root")
    assert code == 0
    assert json.loads(output)["pid"] != before
