"""Who may enter a directory, read a file or connect to a socket: path_resolution(7), by mode, owner and groups."""

import grp
import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from authd.doctor.sight import Sight

ENTER, WRITE, READ = 1, 2, 4  # bits of a mode


@dataclass(frozen=True, slots=True)
class Account:
    """A user of the system and all his groups."""

    name: str
    uid: int
    gid: int
    gids: frozenset[int]

    def may(self, wanted: int, status: os.stat_result) -> bool:
        """Whether the mode gives him the wanted bits. Root may do everything here."""
        if self.uid == 0:
            return True
        return wanted & ~_bits(self, status) == 0


def account(name: str) -> Account | None:
    """Look a user up; None where there is no such one."""
    try:
        found = pwd.getpwnam(name)
        return Account(name, found.pw_uid, found.pw_gid, frozenset(os.getgrouplist(name, found.pw_gid)))
    except (KeyError, ValueError, OSError):
        return None


def group_name(gid: int) -> str:
    """Name a group, by its number where it has no name."""
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def barred(sight: Sight, path: Path, who: Account) -> Path | None:
    """Name the first directory on the way to `path` that he cannot enter; None where nothing is known to bar him."""
    for directory in sight.way_to(path):
        try:
            status = directory.lstat()
        except OSError as error:
            if not isinstance(error, FileNotFoundError):
                sight.miss(directory, error)
            return None
        if not may(sight, ENTER, directory, status, who):
            return directory
    return None


def may(sight: Sight, wanted: int, real: Path, status: os.stat_result, who: Account) -> bool:
    """Whether he has the wanted bits; what an access control list decides is taken for given, and named unseen."""
    if who.may(wanted, status):
        return True
    if sight.has_acl(real):
        sight.miss(real, OSError("its access control list was not judged"))
        return True
    return False


def is_open_to_all(sight: Sight, path: Path) -> bool:
    """Whether everybody on the machine can connect to the socket that is there."""
    try:
        ways = [directory.lstat().st_mode & ENTER for directory in sight.way_to(path)]
        mode = sight.real(path).lstat().st_mode
    except OSError:
        return False
    return stat.S_ISSOCK(mode) and bool(mode & WRITE) and all(ways)


def _bits(who: Account, status: os.stat_result) -> int:
    if status.st_uid == who.uid:
        return status.st_mode >> 6 & 7
    if status.st_gid in who.gids:
        return status.st_mode >> 3 & 7
    return status.st_mode & 7
