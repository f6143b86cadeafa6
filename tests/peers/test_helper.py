"""authd as root with PAM and shadow in its helper, on the system users of a box, and Postfix before it."""

import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from signal import SIGKILL

import pytest

from authd_backends.hashes.libcrypt import hashed
from tests.servers.authd import CONFIGURATION, SOCKET, Authd
from tests.servers.box import Box
from tests.servers.client import ask
from tests.servers.postfix import Postfix, authenticate
from tests.servers.process import wait_until
from tests.servers.processes import family, status

PACKAGES = ("postfix", "libsasl2-modules")
OK, NO, TEMPORARY = b"\0\2OK", b"\0\2NO", b"\0\0"
SETTINGS = """
[[listeners]]
path = "/run/saslauthd/mux"
group = "sasl"

[cache]
enabled = false

[helper]
check_deadline = "1s"

[backends.pam]
type = "pam"
services = ["smtp", "hang", "crash"]

[backends.shadow]
type = "shadow"

[[routes]]
services = ["shadow"]
backends = ["shadow"]

[[routes]]
realms = ["shadow.example"]
backends = ["shadow"]

[[routes]]
backends = ["pam"]
"""
UNIX = "auth required pam_unix.so\naccount required pam_unix.so\n"
HASH = hashed(b"secret", "$6$rounds=1000$saltsalt")
HELPER_SOCKET = "/run/authd/helper.sock"
TAKEN_OVER = f"""
import asyncio, sys, time
from pathlib import Path
from authd.config.load import load
from authd.daemon.backends import helper_digest
from authd.helper.client import HelperClient
from authd_backends import Request, Secret

async def ask():
    path = Path("{HELPER_SOCKET}")
    read = helper_digest(load(Path("{CONFIGURATION}")).settings, path)
    client = HelperClient("pam", path, read, 1, time.monotonic)
    for service in sys.argv[1:]:
        verdict = await client.check(Request("alice", Secret(b"secret"), service=service))
        print(verdict.outcome.value, verdict.reason)
    client.close()

asyncio.run(ask())
"""
SMTPD_CONF = "pwcheck_method: saslauthd\nmech_list: PLAIN LOGIN\n"


@pytest.fixture(scope="module")
def authd(box: Box) -> Iterator[Authd]:
    authd = Authd(box, SETTINGS)
    box.run(["chmod", "0640", CONFIGURATION])
    for name, aging in (("alice", "20000:0:99999:7:::"), ("eve", "20000:0:99999:7::20001:")):
        box.write("/etc/passwd", f"{box.read('/etc/passwd')}{name}:x:5000:5000::/:/bin/sh\n")
        box.write("/etc/shadow", f"{box.read('/etc/shadow')}{name}:{HASH}:{aging}\n", mode=0o640, group="shadow")
    box.write("/etc/pam.d/smtp", UNIX)
    box.write("/etc/pam.d/hang", "auth required pam_exec.so /bin/sleep 600\naccount required pam_permit.so\n")
    authd.start()
    yield authd
    assert authd.stop() == 0


def asked(authd: Authd, user: str, password: str, service: str) -> bytes:
    return ask(authd.box.path(SOCKET), user, password, service)


@pytest.mark.parametrize("service", ["smtp", "shadow"])
def test_right_wrong_unknown_and_expired_users(authd: Authd, service: str) -> None:
    assert asked(authd, "alice", "secret", service) == OK
    assert asked(authd, "alice", "guess", service) == NO
    assert asked(authd, "mallory", "secret", service) == NO
    assert asked(authd, "eve", "secret", service) == NO
    assert asked(authd, "root", "secret", service) == NO


def test_a_service_that_is_not_allowed_asks_no_module(authd: Authd) -> None:
    assert asked(authd, "alice", "secret", "other") == NO
    authd.process.wait_for_output("service_not_allowed")


def test_a_module_that_hangs_is_an_outage_and_leaves_the_others_alone(authd: Authd) -> None:
    assert asked(authd, "alice", "secret", "hang") == TEMPORARY
    assert asked(authd, "alice", "secret", "smtp") == OK
    assert asked(authd, "alice", "secret", "shadow") == OK
    asleep = ["sh", "-c", "grep -lz '^/bin/sleep' /proc/[0-9]*/cmdline"]
    wait_until(lambda: not authd.box.run(asleep, expect=None).stdout, "what the module had started to be killed")


def test_modules_that_hang_do_not_keep_shadow_waiting(authd: Authd) -> None:
    with ThreadPoolExecutor(16) as threads:
        hanging = [threads.submit(asked, authd, "alice", f"secret {number}", "hang") for number in range(16)]
        assert [asked(authd, "alice", "secret", "shadow") for _ in range(5)] == [OK] * 5
        assert not all(answer.done() for answer in hanging)

    assert {answer.result() for answer in hanging} == {TEMPORARY}


def test_the_front_s_user_chooses_no_service_outside_the_list_and_names_no_file(authd: Authd) -> None:
    """Whoever takes the front over has its user, its socket and its configuration."""
    authd.box.write("/etc/pam.d/open", "auth required pam_permit.so\naccount required pam_permit.so\n")
    services = ["smtp", "open", "../pam.d/smtp", "/etc/pam.d/open", ""]

    done = authd.box.run([sys.executable, "-c", TAKEN_OVER, *services], user="authd")

    assert done.stdout.splitlines() == ["accepted ", *["unknown_user service_not_allowed"] * 4]


def test_the_front_has_no_privileges_and_the_helper_is_root(authd: Authd) -> None:
    parent, helper, front = family(authd)

    assert status(parent, "Uid").split()[0] == status(helper, "Uid").split()[0] == "0"
    assert "0" not in status(front, "Uid").split()
    assert int(status(front, "CapPrm"), 16) == 0
    assert authd.box.run(["cat", "/etc/shadow"], user="authd", expect=1).stdout == ""
    assert authd.box.run(["stat", "-c", "%U %a", HELPER_SOCKET]).stdout == "authd 600\n"


def test_a_killed_helper_is_an_outage_and_comes_back(authd: Authd) -> None:
    _, helper, _ = family(authd)
    os.kill(helper, SIGKILL)

    def answered() -> bool:
        answer = asked(authd, "alice", "secret", "shadow")
        assert answer in (OK, TEMPORARY)
        return answer == OK

    wait_until(answered, "the helper to be back")
    assert "the helper (pid " in authd.process.output


def test_a_configuration_that_others_may_write_stops_the_start(authd: Authd) -> None:
    authd.box.run(["chmod", "0666", CONFIGURATION])
    try:
        command = [sys.executable, "-m", "authd", "helper", "--config", str(CONFIGURATION)]
        refused = authd.box.run(command, expect=2)
    finally:
        authd.box.run(["chmod", "0640", CONFIGURATION])

    assert "expected a file that nobody but root may write" in refused.stderr
    assert asked(authd, "alice", "secret", "shadow") == OK


@pytest.fixture(scope="module")
def postfix(authd: Authd) -> Iterator[Postfix]:
    postfix = Postfix(authd.box, SMTPD_CONF, chroot=False)
    postfix.start()
    yield postfix
    postfix.stop()


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
@pytest.mark.parametrize(("user", "backend"), [("alice", "pam"), ("alice@shadow.example", "shadow")])
def test_postfix_asks_pam_and_shadow(authd: Authd, postfix: Postfix, mechanism: str, user: str, backend: str) -> None:
    with postfix.connect() as session:
        codes = [authenticate(session, mechanism, user, word) for word in ("guess", "secret")]

    assert codes == [535, 235]
    authd.process.wait_for_output(f"login=alice rip=- backend={backend} ")


def test_after_kill_9_of_everything_the_next_start_serves(authd: Authd) -> None:
    for pid in family(authd):
        with suppress(ProcessLookupError):  # the children end with their parent
            os.kill(pid, SIGKILL)
    authd.process.wait()

    authd.start()

    assert asked(authd, "alice", "secret", "shadow") == OK
