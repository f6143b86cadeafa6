"""Cyrus's own file, /etc/saslauthd.conf, to options: read as `saslauthd -a ldap` (saslauthd/lak.c) reads it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from authd_backends.contract import Secret
from authd_backends.errors import OptionError
from authd_backends.ldap.cyrus_file import TOKENS, CyrusFile
from authd_backends.ldap.options import Deref, LdapOptions, Method, Scope
from authd_backends.templates import NAMES

_LONGEST_STEP = 2.0  # seconds, however long ldap_timeout is: two servers have to fit into the backend's deadline

_SCOPES = {"sub": Scope.SUBTREE, "one": Scope.ONE, "base": Scope.BASE}
_DEREFS = {
    "never": Deref.NEVER,
    "search": Deref.SEARCHING,
    "find": Deref.FINDING,
    "always": Deref.ALWAYS,
}
_METHODS = {"bind": Method.SEARCH, "custom": Method.COMPARE, "fastbind": Method.BIND}
_OF_GROUP = {"attr": "ldap_group_dn", "filter": "ldap_group_filter"}


@dataclass(frozen=True, kw_only=True, slots=True)
class CyrusOptions(LdapOptions):
    """What such a file says; its templates have Cyrus's further names."""

    template_names: ClassVar[tuple[str, ...]] = (
        *NAMES,
        *sorted(set(TOKENS.values()) - {*NAMES, "dn"}),
    )

    def further_values(self, login: str, realm: str) -> dict[str, str]:
        local, _, domain = login.partition("@")
        labels = (domain or realm).split(".")[::-1]
        return {
            "local": local,
            "domain": domain,
            "at_realm": f"@{realm}" if realm else "",
            **{f"label{n}": labels[n - 1] if n <= len(labels) else "" for n in range(1, 10)},
        }


def read_saslauthd_conf(path: Path) -> tuple[LdapOptions, list[str]]:
    """Give the options and the warnings, a line ``FILE:LINE: …`` each. Raises OptionError."""
    file = CyrusFile(path)
    values = _of_servers(file) | _of_account(file) | _of_questions(file) | _of_group(file)
    try:
        return CyrusOptions(**values), file.warnings
    except OptionError as error:
        raise OptionError(f"{path}: as {error}", "saslauthd_conf") from error


def _of_servers(file: CyrusFile) -> dict[str, Any]:
    seconds = file.number("ldap_timeout", 5)
    step = min(max(seconds, 1), _LONGEST_STEP)
    if file.number("ldap_version", 3) != 3:
        file.warn("ldap_version", "version 3 is spoken")
    if not file.switch("ldap_tls_check_peer", True):
        file.warn("ldap_tls_check_peer", "the server's certificate is not verified: anybody between may read along")
    return {
        "uris": tuple(file.values.get("ldap_servers", "ldap://localhost/").split()),
        "start_tls": file.switch("ldap_start_tls", False),
        "ca_file": file.file("ldap_tls_cacert_file"),
        "ca_directory": file.file("ldap_tls_cacert_dir"),
        "cert_file": file.file("ldap_tls_cert"),
        "key_file": file.file("ldap_tls_key"),
        "verify_certificate": file.switch("ldap_tls_check_peer", True),
        "tls_ciphers": file.values.get("ldap_tls_ciphers"),
        "referrals": file.switch("ldap_referrals", False),
        "deref": file.word("ldap_deref", _DEREFS, "never"),
        "connect_deadline": step,
        "operation_deadline": step,
    }


def _of_account(file: CyrusFile) -> dict[str, Any]:
    if file.switch("ldap_use_sasl", False):
        mechanism = file.values.get("ldap_mech", "").upper()
        if mechanism == "EXTERNAL" and file.values.get("ldap_auth_method", "").lower() == "custom":
            return {"sasl_external": True}
        raise file.error("ldap_use_sasl", "expected no, or ldap_mech: EXTERNAL with ldap_auth_method: custom, got yes")
    name, password = file.values.get("ldap_bind_dn", ""), file.values.get("ldap_password", "")
    for key, value, other in (("ldap_bind_dn", name, password), ("ldap_password", password, name)):
        if value and not other:
            file.warn(key, "stands alone: the service account is anonymous, as in Cyrus")
    if not (name and password):
        return {}
    return {"bind_dn": name, "password": Secret(password.encode("utf-8", "surrogateescape"))}


def _of_questions(file: CyrusFile) -> dict[str, Any]:
    method = file.word("ldap_auth_method", _METHODS, "bind")
    asked = file.template("ldap_filter", "(uid=%u)")
    values = {
        "method": method,
        "base": file.template("ldap_search_base", ""),
        "scope": file.word("ldap_scope", _SCOPES, "sub"),
        "password_attribute": file.values.get("ldap_password_attr", "userPassword"),
        "realm": file.values.get("ldap_default_realm", ""),
    }
    if method is Method.COMPARE:  # {MD5} and {SHA}, and values without a scheme, are what people have it for
        values |= {"default_scheme": "PLAIN", "weak_schemes": True}
    return values | ({"dn": asked} if method is Method.BIND else {"filter": asked})


def _of_group(file: CyrusFile) -> dict[str, Any]:
    if not {"ldap_group_dn", "ldap_group_filter"} & file.values.keys():
        return {}
    needed = file.word("ldap_group_match_method", _OF_GROUP, "attr")
    if needed not in file.values:
        raise file.error("ldap_group_match_method", f"expected {needed} beside it, got none", "ldap_group_filter")
    if needed == "ldap_group_dn":
        attribute = file.values.get("ldap_group_attr", "uniqueMember")
        return {"group_dn": file.template(needed, ""), "group_attribute": attribute}
    return {
        "group_filter": file.template(needed, ""),
        "group_base": file.template("ldap_group_search_base", ""),
        "group_scope": file.word("ldap_group_scope", _SCOPES, "sub"),
    }
