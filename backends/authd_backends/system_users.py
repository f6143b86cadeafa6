"""What `shadow` and `getpwent` have in common: a user of the system, his hash, and whether he may come in."""

import re
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from authd_backends import files, hashes, nss
from authd_backends.contract import Outcome, Request, Secret, Verdict
from authd_backends.errors import BackendError, Unavailable
from authd_backends.options import Range

SHELLS = Path("/etc/shells")
NOLOGIN = (Path("/run/nologin"), Path("/etc/nologin"))  # those of Debian's pam_nologin

_SHELL = re.compile(r"^[^#/\n]*(/[^\s#]+)", re.MULTILINE)  # as getusershell(3) of glibc reads it
_DEFAULT_SHELLS = ("/bin/sh", "/bin/csh")  # its own, without a file
_EMPTY_SHELL = "/bin/sh"  # what an empty field means in passwd(5)


@dataclass(frozen=True, kw_only=True, slots=True)
class SystemUserOptions:
    check_shell: bool = False
    """Refuse users whose shell is not in `/etc/shells`."""
    check_nologin: bool = False
    """Refuse all but root while `/run/nologin` or `/etc/nologin` exists."""
    min_uid: Annotated[int, Range(0, 2**32 - 1)] = 1000
    """Users below it are refused before their password is tried."""
    weak_schemes: bool = False
    """Accept md5crypt and DES."""


@dataclass(frozen=True, slots=True)
class Credential:
    """The stored password of a user, and why it does not let him in any more; nothing where it does."""

    stored: str = field(repr=False)
    expired: str = ""


class SystemUsers:
    """Checks a login of the system whose credential is got by `credential`, which may raise BackendError.

    A user below `min_uid` is refused without a look at his password, so that root's cannot be guessed here.
    All else that speaks against a user is told only to the one who knows his password. Who cannot be known or cannot
    come in costs a hash all the same.
    """

    def __init__(self, options: SystemUserOptions, credential: Callable[[nss.Passwd], Credential]) -> None:
        self._options = options
        self._policy = hashes.Policy(weak_schemes=options.weak_schemes)
        self._credential = credential
        self._decoy: str | None = None  # costs what the last known user's hash did

    def start(self, *paths: Path) -> None:
        """Compute one hash ahead of the first check. Raises Unavailable where one of the files cannot be read."""
        hashes.spend(Secret(b"nobody's"))
        for path in paths:
            nss.check_readable(path)

    def check(self, request: Request) -> Verdict:
        try:
            user = nss.getpwnam(request.login)
            if user is None:
                self._spend(request.password)
                return Verdict(Outcome.UNKNOWN_USER)
            return self._verdict(user, request.password)
        except BackendError as outage:
            return Verdict(Outcome.UNAVAILABLE, str(outage))

    def generation(self, *paths: Path) -> Hashable:
        """As `nss.generation`, with what the options look at."""
        users = nss.generation(*paths)
        if users is None:
            return None
        return (users, self._options.check_nologin and _nologin(), self._options.check_shell and _shells_stamp())

    def _verdict(self, user: nss.Passwd, password: Secret) -> Verdict:
        if user.uid < self._options.min_uid:
            return self._disabled(user, password, f"uid {user.uid}: expected at least {self._options.min_uid}")
        credential = self._credential(user)
        if not credential.stored:
            return self._disabled(user, password, "no password")
        if credential.stored[0] in "!*":
            return self._disabled(user, password, "locked")
        if not self._matches(user, credential.stored, password):
            return Verdict(Outcome.WRONG_PASSWORD, user=user.name)
        if hindrance := self._hindrance(user):
            return Verdict(Outcome.DISABLED, hindrance, user.name)
        if credential.expired:
            return Verdict(Outcome.EXPIRED, credential.expired, user.name)
        return Verdict(Outcome.ACCEPTED, user=user.name)

    def _disabled(self, user: nss.Passwd, password: Secret, reason: str) -> Verdict:
        self._spend(password)
        return Verdict(Outcome.DISABLED, reason, user.name)

    def _matches(self, user: nss.Passwd, stored: str, password: Secret) -> bool:
        crypt = "{CRYPT}" + stored  # nothing but crypt(3): "{PLAIN}secret" is no hash here
        try:
            accepted = hashes.matches(crypt, password, self._policy)
        except BackendError as error:
            raise Unavailable(f"{user.name}: {error}") from error
        self._decoy = _without_digest(crypt)
        return accepted

    def _spend(self, password: Secret) -> None:
        hashes.spend(password, like=self._decoy)

    def _hindrance(self, user: nss.Passwd) -> str:
        """Say why a user may not come in, whatever his password; nothing where he may."""
        if self._options.check_nologin and user.uid != 0 and _nologin():
            return "nologin: closed to all but root"
        if self._options.check_shell and (user.shell or _EMPTY_SHELL) not in _shells():
            return f"shell: expected one of {SHELLS}, got {user.shell!r}"
        return ""


def _without_digest(stored: str) -> str:
    """Make a value that costs the same and matches nothing: no hash of a user is kept from check to check."""
    head, dollar, digest = stored.rpartition("$") if "$" in stored else stored.rpartition("}")
    return head + dollar + "." * len(digest)


def _nologin() -> bool:
    return any(path.exists() for path in NOLOGIN)


def _shells() -> frozenset[str]:
    try:
        return frozenset(_SHELL.findall(SHELLS.read_text("utf-8", "surrogateescape")))
    except FileNotFoundError:
        return frozenset(_DEFAULT_SHELLS)
    except OSError as error:
        raise Unavailable(f"{SHELLS}: {error.strerror}") from error


def _shells_stamp() -> Hashable:
    try:
        return files.stamp(SHELLS)
    except Unavailable as missing:
        return str(missing)
