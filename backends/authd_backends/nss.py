"""The system's users as libc finds them: getpwnam_r and getspnam_r through ctypes, with their error numbers.

Python's `pwd` takes a source that cannot answer for a user who does not exist, and its `spwd` ended with Python 3.12.
glibc opens its files anew at each call, so a change counts at once (unless nscd stands between).
"""

import ctypes
import os
import re
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from errno import ERANGE
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from authd_backends import files
from authd_backends.errors import Unavailable

PASSWD = Path("/etc/passwd")
SHADOW = Path("/etc/shadow")
NSSWITCH = Path("/etc/nsswitch.conf")

MAX_NAME = 255  # bytes: Linux's LOGIN_NAME_MAX counts the NUL

_FIRST_BUFFER = 1 << 10  # bytes, glibc's sysconf(_SC_GETPW_R_SIZE_MAX)
_LAST_BUFFER = 1 << 20
_IN_NO_NAME = frozenset(b"\0:\n")
_SOURCES = {"files", "systemd"}  # systemd adds system users, and those of systemd-homed, which no mail server has

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Passwd:
    """What passwd(5) has of a user."""

    name: str
    password: str = field(repr=False)
    uid: int
    shell: str

    @property
    def is_shadowed(self) -> bool:
        """Whether the password is in shadow(5), told as pam_unix does (Linux-PAM 1.5.2: get_account_info)."""
        return self.password in ("x", f"##{self.name}", "*NP*")


@dataclass(frozen=True, slots=True)
class Shadow:
    """What shadow(5) has of a user: days since 1970 and numbers of days, -1 where a field is empty."""

    password: str = field(repr=False)
    last_change: int
    maximum: int
    inactive: int
    expire: int


class _Passwd(ctypes.Structure):
    """``struct passwd`` of glibc's pwd.h."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("password", ctypes.c_char_p),
        ("uid", ctypes.c_uint32),
        ("gid", ctypes.c_uint32),
        ("gecos", ctypes.c_char_p),
        ("directory", ctypes.c_char_p),
        ("shell", ctypes.c_char_p),
    )


class _Shadow(ctypes.Structure):
    """``struct spwd`` of glibc's shadow.h. The longs hold what fits into 32 bits: glibc reads 4294967295 as -1."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("password", ctypes.c_char_p),
        ("last_change", ctypes.c_long),
        ("minimum", ctypes.c_long),
        ("maximum", ctypes.c_long),
        ("warning", ctypes.c_long),
        ("inactive", ctypes.c_long),
        ("expire", ctypes.c_long),
        ("flag", ctypes.c_ulong),
    )


def getpwnam(name: str) -> Passwd | None:
    """Find a user; None where there is none.

    Raises Unavailable where NSS cannot tell. glibc gives the error of the last source only, so /etc/passwd is looked
    at once more before a user is said not to exist.
    """
    row = _Passwd()
    return _found(
        "getpwnam_r", name, row, PASSWD, lambda: Passwd(_text(row.name), _text(row.password), row.uid, _text(row.shell))
    )


def getspnam(name: str) -> Shadow | None:
    """Find the shadow row of a user; None where there is none, or one that glibc skips as malformed.

    Raises Unavailable where NSS cannot tell, /etc/shadow being unreadable or empty among the reasons.
    """
    row = _Shadow()
    return _found(
        "getspnam_r",
        name,
        row,
        SHADOW,
        lambda: Shadow(_text(row.password), row.last_change, row.maximum, row.inactive, row.expire),
    )


def check_readable(path: Path) -> None:
    """Raises Unavailable where a file of users cannot be read, or is empty: even root is missing then."""
    try:
        with path.open("rb", buffering=0) as stream:
            first = stream.read(1)
    except OSError as error:
        raise Unavailable(f"{path}: {error.strerror}") from error
    if not first:
        raise Unavailable(f"{path}: expected users, got an empty file")


def generation(*paths: Path) -> Hashable:
    """Give what differs when these files change; None where NSS asks others than files, or cannot tell whom it asks."""
    try:
        switch = files.stamp(NSSWITCH)
        only_files = _asks_only_files(switch)
        return (switch, *map(files.stamp, paths)) if only_files else None
    except (OSError, Unavailable):
        return None


def _found(function: str, name: str, row: ctypes.Structure, path: Path, read: Callable[[], T]) -> T | None:
    wanted = _encoded(name)
    if wanted is None:
        return None
    found = _looked_up(function, wanted, row, read)
    if found is None:
        check_readable(path)
    return found


def _encoded(name: str) -> bytes | None:
    """Give a name as bytes; None where no user can have it, and no source needs to be asked."""
    try:
        wanted = name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return None
    return wanted if 0 < len(wanted) <= MAX_NAME and _IN_NO_NAME.isdisjoint(wanted) else None


def _looked_up(function: str, name: bytes, row: ctypes.Structure, read: Callable[[], T]) -> T | None:
    """Call libc with a buffer that is large enough, and wipe it: it held a hash.

    glibc returns 0 also where nobody has the name. ENOENT, which getpwnam(3) lists for that, is an outage there: a file
    or a socket is missing. It is what libnss-ldapd and libnss-sss end in without their daemons.
    """
    call = getattr(_libc, function)
    size = _FIRST_BUFFER
    while size <= _LAST_BUFFER:
        buffer = ctypes.create_string_buffer(size)
        found = ctypes.c_void_p()
        try:
            number = call(name, ctypes.byref(row), buffer, ctypes.c_size_t(size), ctypes.byref(found))
            if number == 0:
                return None if found.value is None else read()
        finally:
            ctypes.memset(buffer, 0, size)
        if number != ERANGE:
            raise Unavailable(f"{function}: {os.strerror(number)}: a source of {NSSWITCH} does not answer")
        size *= 4
    raise Unavailable(f"{function}: expected a row of at most {_LAST_BUFFER} bytes, got a longer one")


def _text(value: bytes | None) -> str:
    return (value or b"").decode("utf-8", "surrogateescape")


@lru_cache(maxsize=1)
def _asks_only_files(_: files.Stamp) -> bool:
    """Whether nsswitch.conf(5), which is read once for each stamp, names only files as sources of users.

    An absent line means "files". What stands in brackets says when to ask the next source.
    """
    text = NSSWITCH.read_text("utf-8", "replace")
    lines = re.findall(r"^\s*(?:passwd|shadow)\s*:([^#\n]*)", text, re.MULTILINE)
    return {source for line in lines for source in re.sub(r"\[.*?\]", " ", line).split()} <= _SOURCES


_libc: Any = ctypes.CDLL(None)
