"""The backend `pam`: asks the modules of a PAM service."""

import re
from collections.abc import Hashable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Annotated, ClassVar

from authd_backends import nss
from authd_backends.contract import Client, Outcome, Placement, Request, Secret, Verdict
from authd_backends.errors import OptionError, Unavailable
from authd_backends.options import Mismatch, Range
from authd_backends.pam import stacks, transaction
from authd_backends.pam.codes import Code, named, outcome
from authd_backends.pam.dialogue import Dialogue
from authd_backends.pam.transaction import Handle, Question

MAX_RESPONSE = 511  # bytes: PAM_MAX_RESP_SIZE counts the NUL
NOT_ALLOWED = "service_not_allowed"


@dataclass(frozen=True, slots=True)
class ServiceName:
    """A kind of option: the name of a file in /etc/pam.d. libpam looks for it in lower case."""

    expected: str = 'the name of a PAM service: lower case, no "/", no leading ".", at most 255 bytes'

    def read(self, value: object) -> str:
        if not isinstance(value, str) or not re.fullmatch(r"[^/.\0][^/\0]*", value) or value != value.lower():
            raise Mismatch
        if len(value.encode("utf-8", "surrogateescape")) > 255:
            raise Mismatch
        return value

    def write(self, value: str) -> str:
        return value


@dataclass(frozen=True, kw_only=True, slots=True)
class PamOptions:
    services: tuple[Annotated[str, ServiceName()], ...] = ("smtp", "imap", "pop", "sieve", "ldap")
    """PAM services that clients may name."""
    default_service: Annotated[str, ServiceName()] | None = None
    """The PAM service for all others. Not set: nobody is known there."""
    min_uid: Annotated[int, Range(0, 2**32 - 1)] = 1000
    """Logins that are users of the system below it are refused before their password is tried. 0: none is."""


class PamBackend:
    """Asks the client's service if `services` has it, or else `default_service`; without one PAM is not asked.

    That is UNKNOWN_USER, reason ``service_not_allowed``: this backend knows nobody there, and the next one may.

    What no module was made for is not passed on: an empty login, one that is no C string or longer than
    PAM_MAX_RESP_SIZE is an unknown user, such a password is wrong. pam_unix would give a longer one to libcrypt, which
    refuses it; pam_exec and unix_chkpwd(8) would cut it.

    A login below `min_uid` is refused before its password is tried, and so is one that a module turned into such a
    user. A login that NSS does not know is PAM's own affair. Where NSS cannot tell, it is UNAVAILABLE: pam_unix would
    take that for an unknown user.

    The modules of a service stay loaded from its first check on, in the process of that check, which gives 3 to 6 times
    as many checks of pam_permit a second.

    Debian's common-auth and common-account hide an outage behind pam_deny. A service that shows it names its modules
    itself: ``auth required pam_unix.so`` and ``account required pam_unix.so``.
    """

    options_type: ClassVar[type] = PamOptions
    placement: ClassVar[Placement] = Placement.HELPER
    hashes_passwords: ClassVar[bool] = True  # pam_unix does; with modules that wait, `max_concurrent` is set
    uses_client: ClassVar[bool] = True  # modules see PAM_RHOST: what one client was told is not another's answer

    def __init__(self, options: PamOptions) -> None:
        self._options = options
        self._held: dict[bytes, Handle] = {}
        self._nobody = Dialogue(b"", Secret(b""))  # of the handles that are held

    def start(self) -> None:
        """Look whether libpam and the services' files are there; no module is loaded.

        Raises MissingLibraryError, OptionError for a service that asks for no password, Unavailable for one without
        any file.
        """
        transaction.libpam()
        missing = [service for service in self._options.services if _lacks_file(service, "services")]
        default = self._options.default_service
        if default is not None and _lacks_file(default, "default_service"):
            missing.append(default)
        if missing:
            raise Unavailable(
                f"/etc/pam.d: expected a file for {', '.join(missing)}, or one for {stacks.FALLBACK}, got neither"
            )

    def check(self, request: Request) -> Verdict:
        service = request.service if request.service in self._options.services else self._options.default_service
        if service is None:
            return Verdict(Outcome.UNKNOWN_USER, NOT_ALLOWED)
        try:
            return self._refusal(request) or self._asked(request, service.encode("utf-8", "surrogateescape"))
        except Unavailable as outage:
            return Verdict(Outcome.UNAVAILABLE, str(outage))

    def close(self) -> None:
        """Let the modules go."""
        while self._held:
            transaction.end(self._held.popitem()[1])

    def generation(self) -> Hashable:
        """None: only the modules know where their users are."""
        return None

    def _refusal(self, request: Request) -> Verdict | None:
        """Refuse what PAM is not to be asked. Raises Unavailable."""
        login = _encoded(request.login)
        if not login or b"\0" in login or len(login) > MAX_RESPONSE:
            return Verdict(Outcome.UNKNOWN_USER, f"login: expected 1 to {MAX_RESPONSE} bytes without NUL")
        if b"\0" in request.password.reveal() or len(request.password.reveal()) > MAX_RESPONSE:
            return Verdict(Outcome.WRONG_PASSWORD, f"password: expected at most {MAX_RESPONSE} bytes without NUL")
        return self._below_min_uid(request.login)

    def _below_min_uid(self, login: str) -> Verdict | None:
        user = nss.getpwnam(login) if self._options.min_uid else None
        if user is None or user.uid >= self._options.min_uid:
            return None
        return Verdict(Outcome.DISABLED, f"uid {user.uid}: expected at least {self._options.min_uid}", user.name)

    def _asked(self, request: Request, service: bytes) -> Verdict:
        self._hold(service)
        login = _encoded(request.login)
        answer = transaction.ask(Question(service, login, request.password, _rhost(request.client)))
        said = "; ".join(answer.messages)
        user = answer.user.decode("utf-8", "surrogateescape") if answer.user != login else ""
        found = outcome(answer.step, answer.status)
        if found is Outcome.ACCEPTED:
            return (self._below_min_uid(user) if user else None) or Verdict(found, said, user)
        reason = f"{answer.step.value}: {named(answer.status)}" + (f": {said}" if said else "")
        return Verdict(found, reason, user, 0.0 if found is Outcome.UNAVAILABLE else answer.delay)

    def _hold(self, service: bytes) -> None:
        """Keep one transaction of the service open, or each check would load its modules anew, and unload them."""
        if service not in self._held:
            handle, status = transaction.start(service, self._nobody)
            if status == Code.SUCCESS:
                self._held[service] = handle


def _lacks_file(service: str, option: str) -> bool:
    """Tell whether PAM knows nothing of a service. Raises OptionError for one that asks for no password."""
    modules = stacks.auth_modules(service)
    if modules is not None and "pam_rootok" in modules:
        raise OptionError(
            f"{option}: expected services that ask for a password, got {service!r}, whose pam_rootok lets everybody in "
            "where PAM runs as root",
            option,
        )
    return modules is None


def _encoded(login: str) -> bytes:
    """Give the client's bytes; nothing where there were none such."""
    try:
        return login.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return b""


def _rhost(client: Client | None) -> bytes | None:
    """Give the client's address without its zone, which may hold any text; None for what is no address."""
    if client is None:
        return None
    try:
        return str(ip_address(client.address.partition("%")[0])).encode()
    except ValueError:
        return None
