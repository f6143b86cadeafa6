"""Root given up for good, and what else keeps passwords in a process: no core dumps, no debugger.

capabilities(7), prctl(2), credentials(7).
"""

import ctypes
import os
import pwd
import resource
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from authd.unix.libc import libc, prctl, succeed

CAP_SETGID, CAP_SETUID = 6, 7
PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 4, 38, 47, 4
CAPABILITY_VERSION_3 = 0x20080522  # linux/capability.h: two words for each of the three sets
CAPABILITY_SETS = ("CapInh", "CapPrm", "CapEff", "CapAmb")


class PrivilegeError(Exception):
    """Privileges that could not be given up, or an account that nobody has; the text says which."""


@dataclass(frozen=True, slots=True)
class Account:
    """Whom a process becomes."""

    name: str
    uid: int
    gid: int  # the primary group; `drop_to` takes the others too


def account(name: str) -> Account:
    """Look a user up. Raises PrivilegeError where there is none of this name."""
    try:
        found = pwd.getpwnam(name)
    except (KeyError, ValueError):
        raise PrivilegeError(f"expected a user of this system, got {name!r}") from None
    return Account(found.pw_name, found.pw_uid, found.pw_gid)


def may_drop() -> bool:
    """Tell whether this process is root and can become somebody else.

    Root of a container may lack the capabilities, and root of a user namespace that an ordinary user made may not
    change its groups (user_namespaces(7)): both stay who they are.
    """
    needed = 1 << CAP_SETGID | 1 << CAP_SETUID
    if os.geteuid() != 0 or _capabilities("CapEff") & needed != needed:
        return False
    return Path("/proc/self/setgroups").read_text().strip() == "allow"


def drop_to(account: Account) -> None:
    """Become the account with its groups and with no capability, for good: no program that is run gives any back.

    Raises PrivilegeError if a step fails, or if anything is left when all are done; the process then has to end.
    """
    try:
        os.initgroups(account.name, account.gid)
        os.setresgid(account.gid, account.gid, account.gid)
        os.setresuid(account.uid, account.uid, account.uid)
        _clear_capabilities()
    except OSError as error:
        raise PrivilegeError(f"{account.name}: expected to become this user, got: {error.strerror}") from error
    _check_dropped(account)


def forbid_core_dumps() -> None:
    """Keep the memory of this process out of files and debuggers. After `drop_to`: a change of uid undoes it."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    prctl(PR_SET_DUMPABLE, 0)  # the limit alone does not hold where core_pattern is a pipe (core(5))


def forbid_new_privileges() -> None:
    """From now on no program that this process runs gets more than it has, be it setuid."""
    prctl(PR_SET_NO_NEW_PRIVS, 1)


def _clear_capabilities() -> None:
    """Clear the sets that a change of uid leaves alone where securebits say so."""
    forbid_new_privileges()
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    succeed(libc.capset(header, (ctypes.c_uint32 * 6)()))


def _check_dropped(account: Account) -> None:
    for what, wanted, ids in ("uid", account.uid, os.getresuid()), ("gid", account.gid, os.getresgid()):
        if set(ids) != {wanted}:
            raise PrivilegeError(f"{account.name}: expected to have {what} {wanted} alone, got {ids}")
    for what, become in ("uid", os.setuid), ("gid", os.setgid):
        if _succeeds(become, 0):
            raise PrivilegeError(f"{account.name}: expected to have lost {what} 0 for good, got it back")
    for name in CAPABILITY_SETS:
        if held := _capabilities(name):
            raise PrivilegeError(f"{account.name}: expected to have no capability, got {name} {held:#x}")


def _succeeds(become: Callable[[int], None], number: int) -> bool:
    try:
        become(number)
    except PermissionError:
        return False
    return True


def _capabilities(name: str) -> int:
    try:
        status = Path("/proc/self/status").read_text()
    except OSError as error:
        raise PrivilegeError(f"/proc/self/status: expected /proc to be mounted, got: {error.strerror}") from error
    for line in status.splitlines():
        if line.startswith(f"{name}:"):
            return int(line.partition(":")[2], 16)
    raise PrivilegeError(f"/proc/self/status: expected a line {name}, got none")
