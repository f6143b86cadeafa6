"""`python -m tests.servers.pam_conformance CASE`, in a box: one of the cases of `conformance` against pam_unix.

Its user is LOGIN, made before; nobody may be called "nobody" there.
"""

import subprocess
import sys
from pathlib import Path

from authd_backends import conformance
from authd_backends.pam.backend import PamBackend, PamOptions

SERVICE, LOGIN = "smtp", "alice"

_USERS, _AWAY = Path("/etc/passwd"), Path("/etc/passwd.away")


class SystemUsers:
    """The users of this system, as `chpasswd` and `mv` change them."""

    login = LOGIN
    realm = ""
    password = b"the password of alice"

    def __init__(self) -> None:
        self.set_password(self.password)

    def backend(self) -> PamBackend:
        return PamBackend(PamOptions(default_service=SERVICE))

    def set_password(self, password: bytes) -> None:
        subprocess.run(["chpasswd", "--crypt-method", "YESCRYPT"], input=b"alice:" + password, check=True)

    def take_away(self) -> None:
        _USERS.rename(_AWAY)

    def bring_back(self) -> None:
        _AWAY.rename(_USERS)


if __name__ == "__main__":
    (case,) = [case for case in conformance.cases() if case.__name__ == sys.argv[1]]
    installation = SystemUsers()
    try:
        case(installation)
    finally:
        if _AWAY.exists():
            installation.bring_back()
