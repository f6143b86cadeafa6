"""`authd helper` as a service of its own, without root, at a socket that it is given; the front has no root either."""

import sys
from collections.abc import Iterator

import pytest

from authd_backends.hashes.libcrypt import hashed
from tests.servers.authd import CONFIGURATION, SOCKET
from tests.servers.box import Box
from tests.servers.client import NO, OK, TEMPORARY_FAILURE, ask
from tests.servers.process import Process
from tests.servers.processes import status

PACKAGES = ()
HELPER_SOCKET = "/run/authd/helper.sock"
AUTHD = [sys.executable, "-m", "authd"]
SETTINGS = f"""
[[listeners]]
path = "{SOCKET}"

[cache]
enabled = false

[throttle]
failure_delay = "0s"

[helper]
path = "{HELPER_SOCKET}"

[backends.shadow]
type = "shadow"
"""
HASH = hashed(b"secret", "$6$rounds=1000$saltsalt")


@pytest.fixture(scope="module")
def front(box: Box) -> Iterator[Process]:
    """`authd serve` as the user authd, who cannot read a hash."""
    box.add_user("authd", groups=["sasl"])
    box.add_user("helper", groups=["shadow", "authd"])
    box.write("/etc/passwd", f"{box.read('/etc/passwd')}alice:x:5000:5000::/:/bin/sh\n")
    box.write("/etc/shadow", f"{box.read('/etc/shadow')}alice:{HASH}:20000::::::\n", mode=0o640, group="shadow")
    box.write(CONFIGURATION, SETTINGS, mode=0o640, group="authd")
    box.make_directory(SOCKET.parent, owner="authd")
    box.make_directory("/run/authd")
    front = box.start([*AUTHD, "serve", "--config", CONFIGURATION], user="authd")
    front.wait_for_output("listening on")
    yield front
    assert front.stop() == 0


def start_helper(box: Box, path: str = HELPER_SOCKET) -> Process:
    become = ["setpriv", "--reuid=helper", "--regid=helper", "--init-groups", "--no-new-privs", "--"]
    helper = [*become, *AUTHD, "helper", "--config", str(CONFIGURATION)]
    return box.start([sys.executable, "-m", "tests.servers.activation", path, "authd", *helper])


def asked(box: Box, password: str) -> bytes:
    return ask(box.path(SOCKET), "alice", password)


def test_shadow_without_root_and_an_outage_while_there_is_no_helper(box: Box, front: Process) -> None:
    assert asked(box, "secret") == TEMPORARY_FAILURE

    helper = start_helper(box)
    helper.wait_for_output("the helper serves shadow")

    assert "0" not in status(helper.pid, "Uid").split()
    assert asked(box, "secret") == OK
    assert asked(box, "guess") == NO
    assert helper.stop() == 0
    assert box.run(["stat", "-c", "%U %a", HELPER_SOCKET]).stdout == "authd 600\n", "it is the service manager's"
    assert asked(box, "secret") == TEMPORARY_FAILURE


def test_a_socket_where_the_front_does_not_look_stops_the_start(box: Box, front: Process) -> None:
    helper = start_helper(box, "/run/authd/another.sock")

    assert helper.wait() == 2
    assert f"helper.path: expected /run/authd/another.sock, where the service manager listens, got {HELPER_SOCKET}" in (
        helper.output
    )


def test_without_a_socket_it_says_that_it_cannot_give_one_to_the_front(box: Box, front: Process) -> None:
    box.run(["rm", "-f", HELPER_SOCKET])
    box.run(["chown", "helper", "/run/authd"])

    refused = box.run([*AUTHD, "helper", "--config", CONFIGURATION], user="helper", expect=2)

    assert "owner, group: expected the right to give it to them" in refused.stderr
