"""authd as root on PAM modules that misbehave: whatever one does, it is one outage and nobody else's."""

import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.servers import pam
from tests.servers.authd import SOCKET, Authd
from tests.servers.box import Box
from tests.servers.client import NO, OK, TEMPORARY_FAILURE, ask
from tests.servers.process import wait_until
from tests.servers.processes import children, descriptors, family

PACKAGES = ("libpam0g-dev",)  # and with it libpam and its modules

SOURCE = Path(__file__).parents[1] / "servers" / "pam_deeds.c"
MODULE = "/run/pam_deeds.so"
KILLED = "was killed by SIGKILL"
DEADLY = {
    "crash": "was killed by SIGSEGV",
    "overflow": "was killed by SIGSEGV",
    "jump": "was killed by SIGABRT",
    "end": "ended with status 0",
    "end_at_once": "ended with status 0",
    "kill_group": "was killed by SIGTERM",
    "spin": KILLED,
    "block": KILLED,
    "no_alarm": KILLED,
    "stop": KILLED,
    "close_all": "ended with status 1",
}
HARMLESS = ("leak", "leave_daemon", "leave_child", "return_twice", "become_nobody")
PERMIT = ("auth required pam_permit.so", "account required pam_permit.so")
UNIX = ("auth required pam_unix.so", "account required pam_unix.so")
FAILLOCK = (
    "auth required pam_faillock.so preauth deny=3 dir=/run/faillock",
    "auth [success=1 default=bad] pam_unix.so",
    "auth [default=die] pam_faillock.so authfail deny=3 dir=/run/faillock",
    "account required pam_unix.so",
)
STACKS = {
    "smtp": UNIX,
    "seen": ("auth required pam_exec.so log=/run/seen /usr/bin/env", *PERMIT),
    "asleep": ("auth required pam_exec.so /bin/sh /etc/authd/asleep", PERMIT[1]),
    "delayed": ("auth optional pam_faildelay.so delay=300000", *UNIX),
    "faillock": FAILLOCK,
    **{deed: (f"auth required {MODULE} {deed}", PERMIT[1]) for deed in (*DEADLY, *HARMLESS, "garbage")},
}
CHECK_DEADLINE = 1.0  # seconds
SETTINGS = f"""
[[listeners]]
path = "{SOCKET}"
group = "sasl"

[helper]
check_deadline = "{CHECK_DEADLINE:g}s"
max_memory = "48M"

[cache]
enabled = false

[backends.pam]
type = "pam"
services = {[*STACKS, "nowhere", "fallback"]}
max_concurrent = 4
"""


@pytest.fixture(scope="module")
def authd(box: Box) -> Iterator[Authd]:
    box.run(["gcc", "-shared", "-fPIC", "-O1", "-D_FORTIFY_SOURCE=2", "-o", MODULE, SOURCE])
    for service, stack in STACKS.items():
        pam.add_service(box, service, *stack)
    box.write("/etc/authd/asleep", "sleep 601 &\nsetsid sleep 602 &\nsleep 603\n")
    pam.add_user(box, "alice", "secret")
    authd = Authd(box, SETTINGS)
    authd.start()
    yield authd
    assert authd.stop() == 0


def asked(authd: Authd, service: str, password: str = "secret", client_field: str = "") -> bytes:
    return ask(authd.box.path(SOCKET), "alice", password, service, client_field=client_field)


@pytest.fixture(scope="module")
def descriptors_at_rest(authd: Authd) -> int:
    """Those of the helper before it has a worker."""
    return descriptors(family(authd).helper)


@pytest.fixture(autouse=True)
def nothing_is_left(authd: Authd, descriptors_at_rest: int) -> Iterator[None]:
    """In the end the helper has idle workers alone, and a descriptor for each."""
    yield
    helper = family(authd).helper
    wait_until(lambda: not any(map(children, children(helper))), "what a module has started to be killed")
    wait_until(
        lambda: descriptors(helper) == descriptors_at_rest + len(children(helper)), "what a module has left to be gone"
    )


@pytest.mark.parametrize(("deed", "cause"), DEADLY.items())
def test_a_module_that_ends_or_holds_its_process_is_one_outage(authd: Authd, deed: str, cause: str) -> None:
    told = authd.process.output.count(cause)
    with ThreadPoolExecutor() as threads:
        answer = threads.submit(asked, authd, deed)
        meanwhile = [asked(authd, "smtp") for _ in range(3)]

        assert answer.result() == TEMPORARY_FAILURE
        assert meanwhile == [OK] * 3
        assert asked(authd, "smtp") == OK
        assert asked(authd, "smtp", "guess") == NO
    wait_until(lambda: authd.process.output.count(cause) > told, "the cause of death in the log")


@pytest.mark.parametrize("deed", ["end", "end_at_once"])
def test_a_module_that_ends_its_process_is_asked_once(authd: Authd, deed: str) -> None:
    """Each time counts: pam_faillock would lock a user out whose login was repeated."""
    authd.box.run(["rm", "-f", "/run/asked"])
    assert asked(authd, "smtp") == OK  # so that there is an idle worker to begin with

    assert asked(authd, deed) == TEMPORARY_FAILURE

    assert authd.box.read("/run/asked") == "."


@pytest.mark.parametrize("deed", HARMLESS)
def test_what_a_module_leaves_behind_goes_and_spoils_no_later_check(authd: Authd, deed: str) -> None:
    for _ in range(3):
        assert asked(authd, deed) == OK
        assert asked(authd, "smtp") == OK
        assert asked(authd, "smtp", "guess") == NO


def test_a_module_that_writes_to_every_descriptor_answers_nobody(authd: Authd) -> None:
    assert asked(authd, "garbage") == TEMPORARY_FAILURE
    assert asked(authd, "smtp") == OK
    assert asked(authd, "smtp", "guess") == NO


def test_a_module_that_leaks_has_its_worker_replaced(authd: Authd) -> None:
    """1 MB a check, 48 MB allowed."""
    helper = family(authd).helper
    before = set(children(helper))

    assert {asked(authd, "leak") for _ in range(60)} == {OK}

    assert set(children(helper)).isdisjoint(before)


def test_pam_exec_asleep_with_children_of_its_own_is_killed_with_them(authd: Authd) -> None:
    assert asked(authd, "asleep") == TEMPORARY_FAILURE

    left = ["sh", "-c", "grep -lz '^60[123]$' /proc/[0-9]*/cmdline"]
    wait_until(lambda: not authd.box.run(left, expect=None).stdout, "what pam_exec has started to be killed")


def test_a_delay_of_pam_faildelay_holds_no_worker(authd: Authd) -> None:
    with ThreadPoolExecutor() as threads:
        refused = [threads.submit(asked, authd, "delayed", "guess") for _ in range(8)]
        assert asked(authd, "delayed") == OK

    assert {answer.result() for answer in refused} == {NO}


def test_pam_faillock_locks_a_user_until_he_is_let_in_again(authd: Authd) -> None:
    assert [asked(authd, "faillock", word) for word in ("secret", "1", "2", "3", "secret")] == [OK, NO, NO, NO, NO]

    authd.box.run(["faillock", "--dir", "/run/faillock", "--user", "alice", "--reset"])

    assert asked(authd, "faillock") == OK


def test_a_client_s_address_is_seen_by_modules_as_pam_rhost(authd: Authd) -> None:
    assert asked(authd, "seen", client_field="192.0.2.7;4711") == OK

    assert "PAM_RHOST=192.0.2.7\n" in authd.box.read("/run/seen")


def test_pam_unix_logs_the_client_s_address(authd: Authd) -> None:
    authd.box.run(["rm", "-f", "/dev/log"])
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.bind(str(authd.box.path("/dev/log")))
        log.settimeout(30)

        assert asked(authd, "smtp", "guess", client_field="2001:db8::1;4711") == NO

        line = log.recv(4096).decode()
    assert re.search(
        r"authd\[\d+\]: pam_unix\(smtp:auth\): authentication failure; .* rhost=2001:db8::1 +user=alice", line
    )


def test_a_service_without_a_file_is_debian_s_other(authd: Authd) -> None:
    assert asked(authd, "fallback") == OK
    assert asked(authd, "fallback", "guess") == NO


def test_no_service_file_at_all_is_an_outage(authd: Authd) -> None:
    authd.box.run(["mv", "/etc/pam.d/other", "/etc/pam.d/another"])
    try:
        assert asked(authd, "nowhere") == TEMPORARY_FAILURE
    finally:
        authd.box.run(["mv", "/etc/pam.d/another", "/etc/pam.d/other"])
