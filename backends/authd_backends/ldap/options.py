"""What the configuration says of a directory."""

import re
from dataclasses import dataclass, fields
from enum import Enum
from pathlib import Path
from typing import Annotated, ClassVar

import ldap

from authd_backends import files
from authd_backends.contract import Secret
from authd_backends.errors import OptionError, Unavailable
from authd_backends.hashes import Policy
from authd_backends.kinds import Duration
from authd_backends.templates import NAMES, Template

# "ldap://host", "ldaps://[::1]:636/", "ldapi://%2Frun%2Fslapd%2Fldapi": one server each, and nothing behind it
_URI = re.compile(r"(?:ldaps?://(?:[\w.-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?|ldapi://[\w%./-]*)/?", re.ASCII)
_LOOPBACK = re.compile(r"ldap://(?:localhost|127(?:\.[0-9]+){3}|\[::1\])(?::|/|\Z)")
_MAX_SECRET = 4096  # bytes of a password_file

Step = Annotated[float, Duration(minimum=0.05, maximum=60)]


class Method(Enum):
    """How a password is checked."""

    SEARCH = "search"  # the service account finds the entry, then the user binds as it
    BIND = "bind"  # the user binds as the DN that the template gives
    COMPARE = "compare"  # the service account reads the hash, and it is computed here


class Scope(Enum):
    SUBTREE = "subtree"
    ONE = "one"
    BASE = "base"


class Deref(Enum):
    """When aliases are followed."""

    NEVER = "never"
    SEARCHING = "searching"
    FINDING = "finding"
    ALWAYS = "always"


@dataclass(frozen=True, kw_only=True, slots=True)
class LdapOptions:
    """`base`, `filter`, `dn` and those of the group are templates; the group's know ``{dn}``, the user's, besides.

    Raises OptionError for options that do not go together.
    """

    template_names: ClassVar[tuple[str, ...]] = NAMES

    saslauthd_conf: Path | None = None
    """Cyrus's own file, read as `saslauthd -a ldap` reads it, instead of all other keys."""
    uris: tuple[str, ...] = ()
    """The preferred first: `"ldap://host"`, `"ldaps://host"`, `"ldapi://%2Frun%2Fslapd%2Fldapi"`."""
    start_tls: bool = False
    """Change to TLS before anything else is sent."""
    ca_file: Path | None = None
    """Certificates that are trusted. Not set, and no `ca_directory`: the system's."""
    ca_directory: Path | None = None
    """The same as a directory of files named by their hashes, see openssl-rehash(1)."""
    cert_file: Path | None = None
    """Certificate of the service account."""
    key_file: Path | None = None
    """Its key. Not set: `cert_file` has it."""
    verify_certificate: bool = True
    """Whether the server has to show a certificate for its name."""
    tls_ciphers: str | None = None
    """As the TLS library of libldap writes them."""
    bind_dn: str = ""
    """The service account; empty: anonymous."""
    password: Secret | None = None
    """Of the service account; better kept in `password_file`."""
    password_file: Path | None = None
    """A file that holds that password, read at each connection."""
    sasl_external: bool = False
    """The service account is who its certificate, or its uid at an ldapi socket, says."""
    method: Method = Method.SEARCH
    """How a password is checked: search and bind, bind alone, or by the hash that the entry holds."""
    base: str = ""
    """Where the search begins, a template."""
    scope: Scope = Scope.SUBTREE
    """How far it goes."""
    filter: str = "(uid={login})"
    """What finds the user's entry, a template."""
    dn: str = ""
    """The template of the user's own name, for `method = "bind"`."""
    password_attribute: str = "userPassword"  # noqa: S105  # the name of an attribute
    """What holds the hash, for `method = "compare"`."""
    default_scheme: str | None = None
    """Of values that name no scheme and have the form of none."""
    weak_schemes: bool = False
    """Accept hashes that are computed in no time: unsalted MD5 and SHA, SMD5, md5crypt, DES, MySQL's."""
    realm: str = ""
    """Where the client sends none."""
    deref: Deref = Deref.NEVER
    """When aliases are followed."""
    referrals: bool = False
    """Whether other servers are asked that an answer names."""
    group_dn: str = ""
    """A group that the user has to be in, a template that knows `{dn}`, the user's, besides."""
    group_attribute: str = "member"
    """What of the group's entry names its members."""
    group_base: str = ""
    """Where the search for a group begins, a template; empty: at `base`."""
    group_scope: Scope = Scope.SUBTREE
    """How far it goes."""
    group_filter: str = ""
    """What finds the groups of a user, a template that knows `{dn}`: one has to be found."""
    connect_deadline: Step = 2.0
    """For a connection, with the name's lookup, TLS and the service account's bind."""
    operation_deadline: Step = 2.0
    """For one search or bind; the server is told of it, too."""

    def __post_init__(self) -> None:
        if self.saslauthd_conf is not None:
            _check_nothing_beside(self)
            return
        _check_servers(self)
        _check_account(self)
        _check_questions(self)
        self.policy()

    def further_values(self, login: str, realm: str) -> dict[str, str]:  # noqa: ARG002  # those of a Cyrus file need them
        """Give what `template_names` holds besides `NAMES`."""
        return {}

    def policy(self) -> Policy:
        """Give what the options say of hashes. Raises OptionError for an unknown scheme."""
        return Policy(self.default_scheme, self.weak_schemes)

    def uses_tls(self) -> bool:
        """Whether any server is spoken to with TLS."""
        return self.start_tls or any(uri.startswith("ldaps:") for uri in self.uris)

    def bind_password(self) -> bytes:
        """Give the service account's password, from its file where one is named: the next connection takes a new one.

        The end of its line does not belong to it. Raises Unavailable where the file cannot be read, or holds nothing.
        """
        if self.password_file is None:
            return self.password.reveal() if self.password else b""
        try:
            content = files.read_regular(self.password_file, _MAX_SECRET).removesuffix(b"\n").removesuffix(b"\r")
        except OSError as error:
            raise Unavailable(f"{self.password_file}: {error.strerror}") from error
        if not content:
            raise Unavailable(f"{self.password_file}: expected a password, got nothing")
        return content


class Templates:
    """The options that are made of what the client sent, parsed. Raises OptionError as `Template`."""

    def __init__(self, options: LdapOptions) -> None:
        self._names = options.template_names
        self.base = self._parsed("base", options.base)
        self.filter = self._parsed("filter", options.filter)
        self.dn = self._parsed("dn", options.dn)
        self.group_dn = self._parsed("group_dn", options.group_dn, "dn")
        self.group_base = self._parsed("group_base", options.group_base or options.base, "dn")
        self.group_filter = self._parsed("group_filter", options.group_filter, "dn")
        every = (self.base, self.filter, self.dn, self.group_dn, self.group_base, self.group_filter)
        self.names = frozenset[str]().union(*(each.names for each in every)) - {"dn"}  # of what the client sent

    def _parsed(self, key: str, text: str, *further: str) -> Template:
        try:
            return Template(text, (*self._names, *further))
        except OptionError as error:
            raise OptionError(f"{key}: {error}", key) from error


def sends_passwords_in_the_clear(options: LdapOptions) -> list[str]:
    """Give the servers to which passwords would travel readable by others: not local ones, without TLS."""
    if options.start_tls:
        return []
    return [uri for uri in options.uris if uri.startswith("ldap:") and not _LOOPBACK.match(uri)]


def _check_nothing_beside(options: LdapOptions) -> None:
    for field in fields(options):
        if field.name != "saslauthd_conf" and getattr(options, field.name) != field.default:
            raise OptionError(f"{field.name}: expected saslauthd_conf alone, got both", field.name)


def _check_servers(options: LdapOptions) -> None:
    expected = 'expected a list like ["ldaps://ldap1.example.org", "ldaps://ldap2.example.org"]'
    if not options.uris:
        raise OptionError(f"uris: {expected}, got none", "uris")
    for uri in options.uris:
        if not _URI.fullmatch(uri) or options.uris.count(uri) > 1:
            raise OptionError(f"uris: {expected}, each once, got {uri!r}", "uris")
        if options.start_tls and not uri.startswith("ldap:"):
            raise OptionError(f"start_tls: expected it with ldap:// only, got {uri!r}", "start_tls")
    if options.key_file is not None and options.cert_file is None:
        raise OptionError("key_file: expected a cert_file beside it, got none", "key_file")


def _check_account(options: LdapOptions) -> None:
    has_password = bool(options.password) or options.password_file is not None
    if options.password is not None and options.password_file is not None:
        raise OptionError("password_file: expected no password beside it, got one", "password_file")
    if options.sasl_external and (options.bind_dn or has_password):
        raise OptionError("sasl_external: expected neither bind_dn nor password beside it, got one", "sasl_external")
    if options.bind_dn.strip() and not has_password:  # a bind without a password succeeds, as nobody
        raise OptionError("bind_dn: expected a password or password_file beside it, got neither", "bind_dn")
    if has_password and not options.bind_dn.strip():
        raise OptionError("bind_dn: expected one with a password, got none", "bind_dn")


def _check_questions(options: LdapOptions) -> None:
    templates = Templates(options)
    if options.method is Method.BIND:
        if not templates.dn.names:
            raise OptionError(f'dn: expected one like "uid={{login}},ou=people,dc=example", got {options.dn!r}', "dn")
    else:
        if not options.base:
            raise OptionError("base: expected the DN below which the users are, got none", "base")
        if not templates.filter.names:
            raise OptionError(f'filter: expected one like "(uid={{login}})", got {options.filter!r}', "filter")
    if options.group_dn and options.group_filter:
        raise OptionError("group_filter: expected no group_dn beside it, got one", "group_filter")
    if options.group_filter and not (options.group_base or options.base):
        raise OptionError("group_base: expected the DN below which the groups are, got none", "group_base")
    for key in ("filter", "group_filter"):
        _check_filter(key, getattr(templates, key))


def _check_filter(key: str, template: Template) -> None:
    """Have libldap read it, as it does before it connects."""
    if not template.text:
        return
    try:
        nobody = ldap.initialize("ldapi://%2Fdev%2Fnull")
        nobody.search_ext("", ldap.SCOPE_BASE, template.render(dict.fromkeys(template.names, "x")))
    except ldap.FILTER_ERROR:
        raise OptionError(f"{key}: expected a filter of RFC 4515, got {template.text!r}", key) from None
    except ldap.LDAPError:
        return  # it could be sent
