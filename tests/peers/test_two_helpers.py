"""Two helpers, each for the backends that name its socket: below a parent of root, and as services of their own."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from signal import SIGHUP

import pytest

from authd_backends.hashes.libcrypt import hashed
from tests.servers.authd import CONFIGURATION, SOCKET, WITHOUT_DELAY, Authd
from tests.servers.box import Box
from tests.servers.client import NO, OK, TEMPORARY_FAILURE, ask
from tests.servers.process import Process
from tests.servers.processes import status

PACKAGES = ()
AUTHD = [sys.executable, "-m", "authd"]
SHADOW, PAM = "/run/authd/shadow.sock", "/run/authd/pam.sock"
LISTENER = f'[[listeners]]\npath = "{SOCKET}"\n[cache]\nenabled = false\n'
WITH_SHADOW = f"""
[backends.shadow]
type = "shadow"
helper = "{SHADOW}"
"""
WITH_PAM = f"""
[backends.pam]
type = "pam"
services = ["smtp"]
helper = "{PAM}"
"""
ROUTES = '[[routes]]\nservices = ["smtp"]\nbackends = ["pam"]\n[[routes]]\nbackends = ["shadow"]\n'
HASH = hashed(b"secret", "$6$rounds=1000$saltsalt")


@pytest.fixture(scope="module")
def users(box: Box) -> Box:
    box.add_user("authd", groups=["sasl"])
    box.add_user("helper", groups=["shadow", "authd"])
    box.write("/etc/passwd", f"{box.read('/etc/passwd')}alice:x:5000:5000::/:/bin/sh\n")
    box.write("/etc/shadow", f"{box.read('/etc/shadow')}alice:{HASH}:20000::::::\n", mode=0o640, group="shadow")
    box.write("/etc/pam.d/smtp", "auth required pam_unix.so\naccount required pam_unix.so\n")
    return box


def asked(box: Box, service: str, password: str = "secret") -> bytes:
    return ask(box.path(SOCKET), "alice", password, service)


@contextmanager
def given(box: Box, path: str, owner: str, user: str) -> Iterator[Process]:
    """A helper as systemd's units start it."""
    become = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--no-new-privs", "--"]
    helper = [*become, *AUTHD, "helper", "--config", str(CONFIGURATION)]
    started = box.start([sys.executable, "-m", "tests.servers.activation", path, owner, *helper])
    try:
        started.wait_for_output("the helper serves")
        yield started
    finally:
        started.stop()


def test_each_helper_serves_its_own_backends_and_the_end_of_one_is_not_that_of_the_other(users: Box) -> None:
    users.write(CONFIGURATION, LISTENER + WITH_SHADOW + WITH_PAM + ROUTES + WITHOUT_DELAY, mode=0o640, group="authd")
    users.make_directory(SOCKET.parent, owner="authd")
    users.make_directory("/run/authd")
    front = users.start([*AUTHD, "serve", "--config", CONFIGURATION], user="authd")
    front.wait_for_output("listening on")
    try:
        with given(users, SHADOW, "authd", "helper") as shadow:
            with given(users, PAM, "authd", "root") as pam:
                assert f"serves shadow at {SHADOW}" in shadow.output
                assert f"serves pam at {PAM}" in pam.output
                answers = [
                    asked(users, service, password) for service in ("smtp", "x") for password in ("secret", "no")
                ]
                assert answers == [OK, NO, OK, NO]
            assert (asked(users, "smtp"), asked(users, "x")) == (TEMPORARY_FAILURE, OK)
    finally:
        assert front.stop() == 0


def test_below_a_parent_each_path_has_a_helper_and_a_reload_adds_another(users: Box) -> None:
    authd = Authd(users, LISTENER + WITH_SHADOW)
    authd.start()
    try:
        assert (asked(users, "x"), authd.process.output.count("the helper serves")) == (OK, 1)
        text = users.read(CONFIGURATION).replace(WITH_SHADOW, WITH_SHADOW + WITH_PAM + ROUTES)
        users.write(CONFIGURATION, text, mode=0o640, group="authd")

        os.kill(authd.process.pid, SIGHUP)

        authd.process.wait_for_output("reloaded")
        assert [asked(users, service, password) for service in ("smtp", "x") for password in ("secret", "no")] == [
            *(OK, NO),
            *(OK, NO),
        ]
        authd.process.wait_for_output(f"serves pam at {PAM}")
        assert authd.stop() == 0
        assert users.run(["find", "/run/authd", "-type", "s"]).stdout == "", "each took its socket with it"
    finally:
        authd.stop()


def test_without_a_socket_it_has_to_be_told_which_helper_it_is(users: Box) -> None:
    users.write(CONFIGURATION, LISTENER + WITH_SHADOW + WITH_PAM, mode=0o640, group="authd")

    refused = users.run([*AUTHD, "helper", "--config", CONFIGURATION], expect=2)
    told = users.start([*AUTHD, "helper", "--config", CONFIGURATION, "--socket", PAM])

    assert f"--socket: expected one of {SHADOW}, {PAM}, which {CONFIGURATION} names, got none" in refused.stderr
    told.wait_for_output(f"the helper serves pam at {PAM}")
    assert status(told.pid, "Uid").split()[0] == "0"
    assert told.stop() == 0


def test_what_runs_without_a_helper_can_name_none(users: Box) -> None:
    settings = f'{LISTENER}[backends.users]\ntype = "passwd-file"\npath = "/etc/authd/users"\nhelper = "{PAM}"\n'
    users.write(CONFIGURATION, settings)

    refused = users.run([*AUTHD, "check", "--config", CONFIGURATION], expect=2)

    told = f'backends.users.helper: expected none, since passwd-file runs without one, got "{PAM}"'
    assert told in refused.stdout + refused.stderr
