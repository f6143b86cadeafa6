"""The backend `ldap`: passwords that a directory checks, or hashes that it holds."""

import asyncio
import logging
import os
import time
from collections.abc import Hashable
from typing import ClassVar

import ldap

from authd_backends import hashes
from authd_backends.contract import Outcome, Placement, Request, Secret, Verdict
from authd_backends.errors import BackendError, OptionError, Unavailable
from authd_backends.files import open_regular
from authd_backends.ldap.directory import Directory
from authd_backends.ldap.opening import Role, close, opened
from authd_backends.ldap.options import LdapOptions, Method, sends_passwords_in_the_clear
from authd_backends.ldap.outcomes import PasswordPolicyRequest, verdict_of_refusal, verdict_of_success
from authd_backends.ldap.questions import Entry, Questions, Values
from authd_backends.ldap.saslauthd_conf import read_saslauthd_conf

log = logging.getLogger(__name__)

_LEARNING = 0.1  # how much the time of one refusal changes what counts as usual
_LONGEST_PRETENCE = 1.0  # seconds

_UNKNOWN = Verdict(Outcome.UNKNOWN_USER)


class LdapBackend:
    """Binds as the user at each check, on a connection that serves no other purpose, or compares the hash it may read.

    An unknown user takes as long as a wrong password took of late, without a bind that the server would count.
    """

    options_type: ClassVar[type] = LdapOptions
    placement: ClassVar[Placement] = Placement.LOOP
    hashes_passwords: ClassVar[bool] = False  # "compare" does, on threads that are bounded by themselves

    def __init__(self, options: LdapOptions) -> None:
        """Raises OptionError for a saslauthd.conf that cannot work."""
        self._warnings: list[str] = []
        if options.saslauthd_conf is not None:
            options, self._warnings = read_saslauthd_conf(options.saslauthd_conf)
        self._options = options
        self._directory = Directory(options)
        self._questions = Questions(options, self._directory)
        self.uses_client = self._questions.uses_client
        self._usual_refusal = 0.0  # seconds
        self._usual_hash: str | None = None

    def start(self) -> None:
        """Connect once, and see whether the base is there. OptionError stops the start, Unavailable does not."""
        for warning in self._warnings:
            log.warning("%s", warning)
        for uri in sends_passwords_in_the_clear(self._options):
            log.warning("%s: passwords go there in the clear: expected ldaps:// or start_tls = true", uri)
        self._check_files()
        end = time.monotonic() + self._options.connect_deadline
        problems: list[str] = []
        for uri in self._options.uris:
            if problems and time.monotonic() > end:
                break
            try:
                handle = opened(uri, Role.SERVICE, self._options)
            except Unavailable as outage:
                problems.append(str(outage))
                continue
            try:
                return self._questions.look_for_base(handle)
            finally:
                close(handle)
        raise Unavailable("; ".join(problems))

    async def check(self, request: Request) -> Verdict:
        values = self._questions.values(request)
        if values is None:
            return _UNKNOWN
        password = request.password.reveal()
        if not password or b"\0" in password:  # an empty one would be a bind as nobody, which succeeds
            return Verdict(Outcome.WRONG_PASSWORD, "a password that is never sent")
        try:
            match self._options.method:
                case Method.SEARCH:
                    return await self._search_and_bind(values, password)
                case Method.BIND:
                    return await self._bind(values, Entry(self._questions.dn(values)), password)
                case Method.COMPARE:
                    return await self._compare(values, request.password)
        except Unavailable as outage:
            return Verdict(Outcome.UNAVAILABLE, str(outage))

    async def probe(self) -> None:
        """Read nothing of the root DSE as the service account. Raises Unavailable."""
        try:
            await self._directory.read(lambda handle: int(handle.search_ext("", ldap.SCOPE_BASE, attrlist=["1.1"])))
        except ldap.LDAPError:
            return  # an answer

    def close(self) -> None:
        self._directory.close()

    def generation(self) -> Hashable:
        """A directory does not tell."""
        return None

    async def _search_and_bind(self, values: Values, password: bytes) -> Verdict:
        entry = await self._questions.entry(values)
        if entry is None:
            await asyncio.sleep(min(self._usual_refusal, _LONGEST_PRETENCE))
            return _UNKNOWN
        return await self._bind(values, entry, password)

    async def _bind(self, values: Values, entry: Entry, password: bytes) -> Verdict:
        """Bind as the user. An empty DN would be a bind as nobody, which succeeds with any password."""
        if not entry.dn.strip():
            return _UNKNOWN
        policy, began = [PasswordPolicyRequest()], time.monotonic()
        try:
            answer = await self._directory.bind(lambda handle: int(handle.simple_bind(entry.dn, password, policy)))
        except ldap.LDAPError as error:
            verdict = verdict_of_refusal(error)
            if verdict.outcome is Outcome.WRONG_PASSWORD:
                self._learn(time.monotonic() - began)
        else:
            verdict = verdict_of_success(answer.controls)
        return await self._of_member(values, entry, verdict)

    async def _compare(self, values: Values, secret: Secret) -> Verdict:
        entry = await self._questions.entry(values)
        policy = self._options.policy()
        if entry is None:
            await hashes.on_thread(hashes.spend, secret, self._usual_hash, policy)
            return _UNKNOWN
        if not entry.passwords:
            expected = f"expected {self._options.password_attribute}"
            raise Unavailable(f"{entry.dn}: {expected}, got none: is there one, and may bind_dn read it?")
        self._usual_hash = entry.passwords[0]
        return await self._of_member(values, entry, await hashes.on_thread(_judged, entry, secret, self._options))

    async def _of_member(self, values: Values, entry: Entry, verdict: Verdict) -> Verdict:
        """Ask for the group behind the right password only: who guesses learns nothing of it."""
        if verdict.outcome is Outcome.ACCEPTED and not await self._questions.is_member(values, entry.dn):
            return Verdict(Outcome.DISABLED, "not in the group", user=entry.name)
        return Verdict(verdict.outcome, verdict.reason, user=entry.name)

    def _learn(self, seconds: float) -> None:
        self._usual_refusal += (seconds - self._usual_refusal) * (_LEARNING if self._usual_refusal else 1.0)

    def _check_files(self) -> None:
        for key in ("ca_file", "cert_file", "key_file", "password_file"):
            path = getattr(self._options, key)
            try:
                if path is not None:
                    os.close(open_regular(path))
            except OSError as error:
                raise OptionError(f"{key}: expected a readable file, got {path}: {error.strerror}", key) from error


def _judged(entry: Entry, secret: Secret, options: LdapOptions) -> Verdict:
    """Compare with each value. One that cannot be read is an outage, unless another one is the password's."""
    problem = ""
    for stored in entry.passwords:
        try:
            if hashes.matches(stored, secret, options.policy()):
                return Verdict(Outcome.ACCEPTED)
        except BackendError as error:
            problem = f"{entry.dn}: {options.password_attribute}: {error}"
    if problem:
        return Verdict(Outcome.UNAVAILABLE, problem)
    if all(map(hashes.is_locked, entry.passwords)):
        return Verdict(Outcome.DISABLED, "locked")
    return Verdict(Outcome.WRONG_PASSWORD)
