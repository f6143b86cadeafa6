"""getpwent: users of the system, with the passwords of the passwd rows themselves; nothing expires."""

from collections.abc import Hashable
from typing import ClassVar

from authd_backends import nss
from authd_backends.contract import Placement, Request, Verdict
from authd_backends.errors import Unavailable
from authd_backends.system_users import Credential, SystemUserOptions, SystemUsers


class GetpwentBackend:
    """For systems without shadow passwords. A user who has one is UNAVAILABLE: it cannot be seen from here."""

    options_type: ClassVar[type] = SystemUserOptions
    placement: ClassVar[Placement] = Placement.HELPER
    hashes_passwords: ClassVar[bool] = True

    def __init__(self, options: SystemUserOptions) -> None:
        self._users = SystemUsers(options, _credential)

    def start(self) -> None:
        """Raises Unavailable where /etc/passwd cannot be read."""
        self._users.start(nss.PASSWD)

    def check(self, request: Request) -> Verdict:
        return self._users.check(request)

    def close(self) -> None:
        """Nothing stays open between checks."""

    def generation(self) -> Hashable:
        return self._users.generation(nss.PASSWD)


def _credential(user: nss.Passwd) -> Credential:
    if user.is_shadowed:
        raise Unavailable(f'{user.name}: expected a hash in the passwd row, got a mark: set type = "shadow"')
    return Credential(user.password)
