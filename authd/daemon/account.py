"""Who the front becomes, below a parent that is root: the account, and whether it can run our code at all."""

import logging
import os
import shlex
import sys
from pathlib import Path

import authd
import authd_backends
from authd.config.settings import ServerSettings
from authd.unix import privileges
from authd.unix.privileges import Account, PrivilegeError

log = logging.getLogger(__name__)


def front_account(user: str, *, needs_helper: bool) -> Account:
    """Look up who the front becomes, with a warning where `stand_in` has to help. Raises PrivilegeError as it does."""
    try:
        return privileges.account(user)
    except PrivilegeError:
        other = stand_in(user, needs_helper=needs_helper)
    log.warning("server.user: there is no user %s on this system: serving as %s", user, other)
    return privileges.account(other)


def stand_in(missing_user: str, *, needs_helper: bool) -> str:
    """Give who the front becomes where `server.user` does not exist: nobody, if it is the default and no helper runs.

    Raises PrivilegeError with the command that makes the user.
    """
    if missing_user == ServerSettings().user and not needs_helper:
        return "nobody"
    command = f"useradd --system --home /nonexistent --shell /usr/sbin/nologin {shlex.quote(missing_user)}"
    raise PrivilegeError(f"server.user: expected a user of this system, got {missing_user!r}; make it: {command}")


def check_readable(account: Account) -> None:
    """Raise PrivilegeError if this process, now `account`, cannot read its interpreter or the code yet to be imported.

    So it is with a clone or an interpreter below root's home directory.
    """
    for file in filter(None, (sys.executable, os.__file__, authd.__file__, authd_backends.__file__)):
        for path in (Path(file), Path(os.path.realpath(file))):
            for directory in reversed(path.parents):
                _check_access(directory, os.X_OK, f"a directory that {account.name} may enter to {path}", "o+x")
            _check_access(path, os.R_OK, f"a file that {account.name} may read", "o+r")


def _check_access(path: Path, access: int, wanted: str, mode: str) -> None:
    if not os.access(path, access):
        raise PrivilegeError(
            f"{path}: expected {wanted}, got no permission; "
            f"mend it: install authd in a place for all, such as /opt/authd, or chmod {mode} {shlex.quote(str(path))}"
        )
