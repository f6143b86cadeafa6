import os
import pwd
import subprocess
import sys

import pytest

from authd.unix.privileges import PrivilegeError, account

SHOW_STATUS = """
import ctypes, os, resource
status = dict(line.split(":\\t") for line in open("/proc/self/status").read().splitlines() if ":\\t" in line)
print(*status["Uid"].split(), "|", *status["Gid"].split(), "|", *sorted(os.getgroups()))
print(*(int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")))
print(status["NoNewPrivs"], resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))
"""


@pytest.fixture
def as_root() -> None:
    if os.geteuid() != 0:
        pytest.fail("this test becomes another user: run it as root, or in the tests' box")


def told_by(script: str, *before: str) -> list[str]:
    """Run a script in a process of its own, which the test does not get back from what it gave up."""
    command = [*before, sys.executable, "-c", f"import os\nfrom authd.unix.privileges import *\n{script}"]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()


def test_dropping_leaves_the_account_and_nothing_else(as_root: None) -> None:
    nobody = pwd.getpwnam("nobody")
    groups = sorted(os.getgrouplist("nobody", nobody.pw_gid))

    ids, capabilities, rest = told_by(f"drop_to(account('nobody')); forbid_core_dumps()\n{SHOW_STATUS}")

    assert ids.split(" | ") == [
        " ".join([str(nobody.pw_uid)] * 4),
        " ".join([str(nobody.pw_gid)] * 4),
        *map(str, groups),
    ]
    assert capabilities == "0 0 0 0"
    assert rest == "1 (0, 0) 0"


def test_without_a_change_of_uid_too_memory_is_not_dumped() -> None:
    script = f"import ctypes; ctypes.CDLL(None).prctl(4, 1, 0, 0, 0); forbid_core_dumps()\n{SHOW_STATUS}"

    assert told_by(script)[-1].endswith(" (0, 0) 0")


def test_securebits_that_keep_capabilities_over_a_change_of_uid_keep_none(as_root: None) -> None:
    no_setuid_fixup = "import ctypes; assert ctypes.CDLL(None).prctl(28, 4, 0, 0, 0) == 0"

    _, capabilities, _ = told_by(f"{no_setuid_fixup}\ndrop_to(account('nobody'))\n{SHOW_STATUS}")

    assert capabilities == "0 0 0 0"


def test_dropping_to_root_is_no_dropping(as_root: None) -> None:
    script = "try: drop_to(account('root'))\nexcept PrivilegeError as error: print(error)"

    assert told_by(script) == ["root: expected to have lost uid 0 for good, got it back"]


def test_who_is_not_root_cannot_drop(as_root: None) -> None:
    script = """
os.setuid(65534)
print(may_drop())
try: drop_to(account("nobody"))
except PrivilegeError as error: print(error)
"""

    assert told_by(script) == ["False", "nobody: expected to become this user, got: Operation not permitted"]


def test_root_may_drop(as_root: None) -> None:
    assert told_by("print(may_drop())") == ["True"]


@pytest.mark.parametrize("missing", ["setuid", "setgid"])
def test_root_without_the_capabilities_stays_who_it_is(as_root: None, missing: str) -> None:
    assert told_by("print(may_drop())", "setpriv", f"--bounding-set=-{missing}") == ["False"]


def test_root_of_a_namespace_with_one_user_stays_who_it_is() -> None:
    assert told_by("print(os.geteuid(), may_drop())", "unshare", "--user", "--map-root-user") == ["0 False"]


def test_what_needs_proc_says_so_where_it_is_not_mounted(as_root: None) -> None:
    script = """
from pathlib import Path
from authd.unix.sockets import SocketError, bind
try: may_drop()
except PrivilegeError as error: print(error)
try: bind(Path("/mux"), mode=0o600, owner=None, group=None, backlog=1)
except SocketError as error: print(error)
"""
    without_proc = ("unshare", "--mount", "sh", "-ec", 'mount -t tmpfs none /proc; exec "$@"', "sh")

    assert told_by(script, *without_proc) == [
        "/proc/self/status: expected /proc to be mounted, got: No such file or directory",
        "/mux: expected /proc to be mounted, got none",
    ]


@pytest.mark.parametrize("name", ["no-such-user", "", "a\0b"])
def test_a_name_that_no_user_has_is_told(name: str) -> None:
    with pytest.raises(PrivilegeError, match="expected a user of this system, got"):
        account(name)
