"""What the service account asks: who is it, and is he in the group?"""

import math
import re
import unicodedata
from collections.abc import Mapping
from typing import NamedTuple

import ldap

from authd_backends.contract import Request
from authd_backends.errors import Unavailable
from authd_backends.ldap.connection import Answer
from authd_backends.ldap.directory import Directory
from authd_backends.ldap.escape import in_dn, in_filter
from authd_backends.ldap.opening import Handle
from authd_backends.ldap.options import LdapOptions, Method, Scope, Templates
from authd_backends.ldap.outcomes import described
from authd_backends.templates import Template

MAX_VALUE = 1024  # bytes of what a client sent: no directory has longer names, and servers refuse long requests

_SCOPES = {Scope.SUBTREE: ldap.SCOPE_SUBTREE, Scope.ONE: ldap.SCOPE_ONELEVEL, Scope.BASE: ldap.SCOPE_BASE}
_NOTHING = "1.1"  # RFC 4511, section 4.5.1.8: no attributes
_NAMED = re.compile(r"\(([A-Za-z0-9.;-]+)=\{(?:login|user|local)\}\)")
_NO_SUCH_ENTRY = (ldap.NO_SUCH_OBJECT, ldap.INVALID_DN_SYNTAX)

Values = Mapping[str, str]


class Entry(NamedTuple):
    dn: str
    name: str = ""  # the login in the directory's own spelling
    passwords: tuple[str, ...] = ()


class Questions:
    """The templates of the options, put to the servers. All of it raises Unavailable where there is no answer."""

    def __init__(self, options: LdapOptions, directory: Directory) -> None:
        self._options = options
        self._directory = directory
        self._templates = templates = Templates(options)
        self._seconds = math.ceil(options.operation_deadline)  # which the server may take
        self._naming = _NAMED.findall(options.filter)
        attributes = [*self._naming, *([options.password_attribute] if options.method is Method.COMPARE else ())]
        self._attributes = attributes or [_NOTHING]
        self._names = templates.names | {"login"}

    @property
    def uses_client(self) -> bool:
        return "client" in self._templates.names

    def values(self, request: Request) -> Values | None:
        """Give what the templates are filled with; None where no directory can hold it."""
        realm = request.realm or self._options.realm
        client = request.client.address if request.client else ""
        values = {
            "user": request.user,
            "realm": realm,
            "service": request.service,
            "login": request.login,
            "client": client,
            **self._options.further_values(request.login, realm),
        }
        try:
            fits = all(len(values[name].encode()) <= MAX_VALUE for name in self._names)
        except UnicodeEncodeError:
            return None
        return values if fits and request.login else None

    async def entry(self, values: Values) -> Entry | None:
        """Find the user's one entry."""
        base = self._templates.base.render(values, in_dn)
        try:
            answer = await self._search(base, self._options.scope, self._templates.filter, values, limit=2)
        except _NO_SUCH_ENTRY as error:
            _nobody_below(self._templates.base, f"base: {base}", error)
            return None
        except ldap.LDAPError as error:
            raise Unavailable(f"search below {base}: {described(error)}") from error
        if not answer.entries:
            return None
        if len(answer.entries) > 1:
            raise Unavailable(f"search below {base}: expected one entry for {values['login']!r}, got several")
        return self._entry(answer, values["login"])

    def look_for_base(self, handle: Handle) -> None:
        """See, and wait for it, whether the base is there. Raises Unavailable."""
        base = self._options.base
        if self._options.method is Method.BIND or self._templates.base.names:
            return
        try:
            handle.search_ext_s(base, ldap.SCOPE_BASE, attrlist=[_NOTHING], timeout=self._options.operation_deadline)
        except ldap.LDAPError as error:
            raise Unavailable(f"base: {base}: {described(error)}") from error

    def dn(self, values: Values) -> str:
        """Give the DN that the template makes of the user."""
        return self._templates.dn.render(values, in_dn)

    async def is_member(self, values: Values, dn: str) -> bool:
        """Whether the group that is asked for has him, or none is."""
        values = {**values, "dn": dn}
        if self._templates.group_dn.text:
            return await self._is_listed(self._templates.group_dn.render(values, in_dn), dn)
        if self._templates.group_filter.text:
            return await self._is_found(self._templates.group_base.render(values, in_dn), values)
        return True

    async def _is_listed(self, group: str, dn: str) -> bool:
        attribute = self._options.group_attribute
        try:
            await self._directory.read(lambda handle: int(handle.compare_ext(group, attribute, dn.encode())))
        except ldap.COMPARE_TRUE:
            return True
        except (ldap.COMPARE_FALSE, ldap.NO_SUCH_ATTRIBUTE):
            return False
        except _NO_SUCH_ENTRY as error:
            _nobody_below(self._templates.group_dn, f"group_dn: {group}", error)
            return False
        except ldap.LDAPError as error:
            raise Unavailable(f"group_dn: {group}: {described(error)}") from error
        raise Unavailable(f"group_dn: {group}: expected yes or no, got neither")

    async def _is_found(self, base: str, values: Values) -> bool:
        try:
            answer = await self._search(base, self._options.group_scope, self._templates.group_filter, values, limit=1)
        except ldap.SIZELIMIT_EXCEEDED:
            return True
        except _NO_SUCH_ENTRY as error:
            _nobody_below(self._templates.group_base, f"group_base: {base}", error)
            return False
        except ldap.LDAPError as error:
            raise Unavailable(f"group_base: {base}: {described(error)}") from error
        return bool(answer.entries)

    async def _search(self, base: str, scope: Scope, template: Template, values: Values, *, limit: int) -> Answer:
        asked = template.render(values, in_filter)
        return await self._directory.read(
            lambda handle: int(
                handle.search_ext(base, _SCOPES[scope], asked, self._attributes, timeout=self._seconds, sizelimit=limit)
            )
        )

    def _entry(self, answer: Answer, login: str) -> Entry:
        ((dn, attributes),) = answer.entries
        found = {name.lower(): values for name, values in attributes.items()}
        names = (_text(value) for name in self._naming for value in found.get(name.lower(), ()))
        stored = found.get(self._options.password_attribute.lower(), ())
        canonical = next((name for name in names if _folded(name) == _folded(login)), "")
        return Entry(dn, canonical, tuple(map(_text, stored)))


def _nobody_below(template: Template, where: str, error: ldap.LDAPError) -> None:
    """An entry that is missing is nobody's if its name came from the client, else a mistake in the configuration."""
    if not template.names:
        raise Unavailable(f"{where}: {described(error)}") from error


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()
