"""Connections are opened on threads: libldap blocks in DNS, connect, StartTLS and TLS, whatever it is told."""

from enum import Enum
from pathlib import Path
from typing import Any

import ldap

from authd_backends.errors import Unavailable
from authd_backends.ldap.options import Deref, LdapOptions
from authd_backends.ldap.outcomes import described

Handle = Any  # ldap.ldapobject.SimpleLDAPObject, which has no types

_SYSTEM_CAS = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt")
_KEEPALIVE = {"OPT_X_KEEPALIVE_IDLE": 30, "OPT_X_KEEPALIVE_INTERVAL": 10, "OPT_X_KEEPALIVE_PROBES": 3}
_DEREF = {
    Deref.NEVER: ldap.DEREF_NEVER,
    Deref.SEARCHING: ldap.DEREF_SEARCHING,
    Deref.FINDING: ldap.DEREF_FINDING,
    Deref.ALWAYS: ldap.DEREF_ALWAYS,
}


class Role(Enum):
    """Who a connection belongs to."""

    SERVICE = "service"  # bound once as the service account
    USER = "user"  # bound as another user each time


def opened(uri: str, role: Role, options: LdapOptions) -> Handle:
    """Connect, and come back with a server that has answered: a frozen one takes connections, too.

    It takes a few times `connect_deadline` at most, but for DNS. Raises Unavailable.
    """
    try:
        handle = ldap.initialize(uri)
    except ldap.LDAPError as error:
        raise Unavailable(f"{uri}: {described(error)}") from error
    try:
        _set_options(handle, options)
        if options.start_tls:
            handle.start_tls_s()
        if role is Role.SERVICE:
            _bind(handle, options)
        else:
            _ask_who_is_there(handle)
    except ldap.LDAPError as error:
        close(handle)
        raise Unavailable(f"{uri}: {described(error)}") from error
    except BaseException:
        close(handle)
        raise
    return handle


def close(handle: Handle) -> None:
    """Let go of the socket, whatever became of the connection."""
    try:
        handle.unbind_ext()
    except ldap.LDAPError:
        return


def _set_options(handle: Handle, options: LdapOptions) -> None:
    handle.timeout = options.connect_deadline  # of each operation that is waited for here
    settings = {
        ldap.OPT_PROTOCOL_VERSION: ldap.VERSION3,
        ldap.OPT_NETWORK_TIMEOUT: options.connect_deadline,
        ldap.OPT_TIMEOUT: options.connect_deadline,  # of StartTLS's own
        ldap.OPT_REFERRALS: int(options.referrals),
        ldap.OPT_DEREF: _DEREF[options.deref],
        ldap.OPT_RESTART: 1,
        **{getattr(ldap, name): value for name, value in _KEEPALIVE.items()},
    }
    for option, value in settings.items():
        handle.set_option(option, value)
    if options.uses_tls():
        _set_tls(handle, options)


def _set_tls(handle: Handle, options: LdapOptions) -> None:
    demanded = ldap.OPT_X_TLS_DEMAND if options.verify_certificate else ldap.OPT_X_TLS_NEVER
    handle.set_option(ldap.OPT_X_TLS_REQUIRE_CERT, demanded)
    handle.set_option(ldap.OPT_X_TLS_PROTOCOL_MIN, 0x303)  # TLS 1.2
    authorities = options.ca_file or (None if options.ca_directory else _system_authorities())
    for option, value in (
        (ldap.OPT_X_TLS_CACERTFILE, authorities),
        (ldap.OPT_X_TLS_CACERTDIR, options.ca_directory),
        (ldap.OPT_X_TLS_CERTFILE, options.cert_file),
        (ldap.OPT_X_TLS_KEYFILE, options.key_file or options.cert_file),
        (ldap.OPT_X_TLS_CIPHER_SUITE, options.tls_ciphers),
    ):
        if value is not None:
            handle.set_option(option, str(value))
    try:
        handle.set_option(ldap.OPT_X_TLS_NEWCTX, 0)
    except ValueError as error:  # python-ldap's word for files that cannot be read
        raise Unavailable(f"TLS: expected readable certificates and keys, got: {error}") from error


def _system_authorities() -> str | None:
    return next((each for each in _SYSTEM_CAS if Path(each).exists()), None)


def _bind(handle: Handle, options: LdapOptions) -> None:
    """Become the service account. Raises Unavailable where the server refuses it: its word may change."""
    try:
        if options.sasl_external:
            handle.sasl_external_bind_s()
        elif options.bind_dn:
            handle.simple_bind_s(options.bind_dn, options.bind_password())
        else:
            _ask_who_is_there(handle)
    except (ldap.INVALID_CREDENTIALS, ldap.INSUFFICIENT_ACCESS, ldap.NO_SUCH_OBJECT, ldap.INVALID_DN_SYNTAX) as error:
        raise Unavailable(f"the service account is refused: {described(error)}") from error


def _ask_who_is_there(handle: Handle) -> None:
    """Read nothing of the root DSE. That the server refuses even this is an answer as well."""
    try:
        handle.search_ext_s("", ldap.SCOPE_BASE, "(objectClass=*)", ["1.1"], sizelimit=1)
    except ldap.LDAPError as error:
        if not is_answer(error):
            raise


def is_answer(error: ldap.LDAPError) -> bool:
    """Whether a server said so, in a result: what libldap itself complains of has a negative code."""
    details = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
    return int(details.get("result", -1)) > 0 and "msgid" in details
