"""shadow: users of the system, with the passwords of /etc/shadow and their expiry."""

import time
from collections.abc import Callable, Hashable
from typing import ClassVar

from authd_backends import nss
from authd_backends.contract import Placement, Request, Verdict
from authd_backends.errors import Unavailable
from authd_backends.system_users import Credential, SystemUserOptions, SystemUsers

_DAY = 86_400  # seconds


class ShadowBackend:
    """Decides as Debian's pam_unix does, by NSS and libcrypt. Needs root, or the group `shadow`.

    A user whose passwd row says ``x`` and whose shadow row is missing, or malformed so that glibc skips it, is
    UNAVAILABLE, as PAM_AUTHINFO_UNAVAIL. A hash in the passwd row itself counts, and does not expire.
    """

    options_type: ClassVar[type] = SystemUserOptions
    placement: ClassVar[Placement] = Placement.HELPER
    hashes_passwords: ClassVar[bool] = True

    def __init__(self, options: SystemUserOptions, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._users = SystemUsers(options, self._credential)

    def start(self) -> None:
        """Raises Unavailable where /etc/passwd or /etc/shadow cannot be read."""
        self._users.start(nss.PASSWD, nss.SHADOW)

    def check(self, request: Request) -> Verdict:
        return self._users.check(request)

    def close(self) -> None:
        """Nothing stays open between checks."""

    def generation(self) -> Hashable:
        """Differs after midnight UTC too: that is when passwords expire."""
        files = self._users.generation(nss.PASSWD, nss.SHADOW)
        return None if files is None else (files, self._today())

    def _credential(self, user: nss.Passwd) -> Credential:
        if not user.is_shadowed:
            return Credential(user.password)
        row = nss.getspnam(user.name)
        if row is None:
            raise Unavailable(f"{user.name}: expected a shadow row, got none, or one that libc cannot read")
        return Credential(row.password, expired(row, self._today()))

    def _today(self) -> int:
        return int(self._clock() // _DAY)


def expired(row: nss.Shadow, today: int) -> str:
    """Say why an account or its password has expired on a day, counted since 1970; nothing where neither has.

    Line by line what pam_unix decides (Linux-PAM 1.5.2: check_shadow_expiry): the day of expiry is the first one
    without access, a last change to come is no reason, an empty one counts as day -1.
    """
    age = today - row.last_change
    if row.expire != -1 and today >= row.expire:
        return "account expired"
    if row.last_change == 0:
        return "password must be changed (chage -d 0)"
    if age < 0 or row.maximum == -1 or age <= row.maximum:
        return ""
    if row.inactive != -1 and age > row.inactive and age > row.maximum + row.inactive:
        return "password expired and inactive"
    return "password expired"
