"""Who may use the control socket."""

import grp
import os
import socket
import stat
from pathlib import Path

from authd.unix.sockets import peer_credentials, peer_groups

ADMIN_GROUP = "authd-admin"


def admin_gid() -> int | None:
    """Look the group of administrators up; None where there is none."""
    try:
        return grp.getgrnam(ADMIN_GROUP).gr_gid
    except KeyError:
        return None


def gives_to_administrators(directory: Path) -> bool:
    """Whether what is made in a directory belongs to their group by itself (setgid), as in /run/authd below systemd."""
    try:
        found = directory.stat()
    except OSError:
        return False
    return bool(found.st_mode & stat.S_ISGID) and found.st_gid == admin_gid()


def may_ask(caller: socket.socket, admin_gid: int | None) -> bool:
    """Whether root is there, the user of this process, or a member of the group. Raises OSError.

    The kernel tells the caller's groups: to look a user's up could take as long as a directory server likes.
    """
    who = peer_credentials(caller)
    return who.uid in (0, os.geteuid()) or admin_gid in (who.gid, *peer_groups(caller))
