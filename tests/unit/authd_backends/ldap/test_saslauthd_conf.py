from pathlib import Path
from typing import Any

import pytest

from authd_backends.contract import Secret
from authd_backends.errors import OptionError
from authd_backends.ldap.cyrus_file import _KEPT
from authd_backends.ldap.escape import in_filter
from authd_backends.ldap.options import Deref, LdapOptions, Method, Scope, Templates
from authd_backends.ldap.saslauthd_conf import read_saslauthd_conf


def read(tmp_path: Path, text: str) -> tuple[LdapOptions, list[str]]:
    path = tmp_path / "saslauthd.conf"
    path.write_text(text)
    path.chmod(0o600)
    options, warnings = read_saslauthd_conf(path)
    return options, [warning.removeprefix(f"{path}:") for warning in warnings]


BASE = "ldap_search_base: dc=example,dc=org\n"


def test_the_defaults_are_cyrus_s(tmp_path: Path) -> None:
    options, warnings = read(tmp_path, BASE)
    assert warnings == []
    assert options.uris == ("ldap://localhost/",)
    assert (options.method, options.filter, options.scope) == (Method.SEARCH, "(uid={login})", Scope.SUBTREE)
    assert (options.deref, options.referrals, options.verify_certificate) == (Deref.NEVER, False, True)


KEYS: dict[str, tuple[str, dict[str, Any]]] = {
    "servers": ("ldap_servers: ldap://a/ ldaps://b/", {"uris": ("ldap://a/", "ldaps://b/")}),
    "account": (
        "ldap_bind_dn: cn=x\nldap_password: p w ",
        {"bind_dn": "cn=x", "password": Secret(b"p w ")},
    ),
    "account, older name": ("ldap_bind_dn: cn=x\nldap_bind_pw: p", {"password": Secret(b"p")}),
    "filter": ("ldap_filter: (&(mail=%u%R)(host=%s))", {"filter": "(&(mail={login}{at_realm})(host={service}))"}),
    "filter in braces": ("ldap_filter: (cn={%u}%%)", {"filter": "(cn={{{login}}}%)"}),
    "fastbind": (
        "ldap_auth_method: fastbind\nldap_filter: uid=%U,dc=%2,dc=%1",
        {"method": Method.BIND, "dn": "uid={local},dc={label2},dc={label1}"},
    ),
    "custom": (
        "ldap_auth_method: custom\nldap_password_attr: secret",
        {"method": Method.COMPARE, "password_attribute": "secret", "default_scheme": "PLAIN", "weak_schemes": True},
    ),
    "scope, deref": ("ldap_scope: ONE\nldap_deref: find", {"scope": Scope.ONE, "deref": Deref.FINDING}),
    "referrals": ("ldap_referrals: on\nldap_restart: no", {"referrals": True}),
    "realm": ("ldap_default_domain: example.org", {"realm": "example.org"}),
    "group, attribute": (
        "ldap_group_dn: cn=mail,%D",
        {"group_dn": "cn=mail,{dn}", "group_attribute": "uniqueMember"},
    ),
    "group, filter": (
        "ldap_group_filter: (member=%D)\nldap_group_match_method: filter\nldap_group_scope: one",
        {"group_filter": "(member={dn})", "group_scope": Scope.ONE},
    ),
    "TLS": (
        "ldap_start_tls: yes\nldap_tls_cacert_file: /ca\nldap_tls_cert: /c\nldap_tls_key: /k\nldap_tls_check_peer: on",
        {"start_tls": True, "ca_file": Path("/ca"), "cert_file": Path("/c"), "key_file": Path("/k")},
    ),
    "TLS, further": (
        "ldap_tls_cacert_dir: /cas\nldap_tls_ciphers: NORMAL",
        {"ca_directory": Path("/cas"), "tls_ciphers": "NORMAL"},
    ),
    "limits": ("ldap_timeout: 1\nldap_time_limit: 9\nldap_size_limit: 1\nldap_debug: 0", {"connect_deadline": 1}),
    "EXTERNAL": (
        "ldap_use_sasl: yes\nldap_mech: EXTERNAL\nldap_auth_method: custom\nldap_id: x\nldap_realm: r",
        {"sasl_external": True},
    ),
    "the last one counts": ("LDAP_Filter: (a=%u)\nldap_filter: (b=%u)", {"filter": "(b={login})"}),
}


@pytest.mark.parametrize(("text", "expected"), KEYS.values(), ids=KEYS)
def test_each_key_is_read(tmp_path: Path, text: str, expected: dict[str, Any]) -> None:
    options, _ = read(tmp_path, BASE + text + "\n")
    assert {key: getattr(options, key) for key in expected} == expected


def test_every_key_of_cyrus_is_known(tmp_path: Path) -> None:
    text = (
        "".join(f"# {key}\n" for key in _KEPT) + BASE + "ldap_sasl_secprops: none\nldap_version: 3\nldap_authz_id: x\n"
    )
    assert read(tmp_path, text)[1] == []


@pytest.mark.parametrize(
    ("pattern", "asked"),
    [
        ("%u", "a.b@mail.example.org"),
        ("%U", "a.b"),
        ("%d", "mail.example.org"),
        ("%1 %2 %3 %4", "org example mail "),
        ("%s", "smtp"),
        ("%r", "realm.net"),
        ("%R", "@realm.net"),
        ("100%%", "100%"),
        ("%x", ""),
    ],
)
def test_the_tokens_are_cyrus_s(tmp_path: Path, pattern: str, asked: str) -> None:
    options, _ = read(tmp_path, f"{BASE}ldap_filter: (&(x={pattern})(y=%u))\n")
    values = {"login": "a.b@mail.example.org", "realm": "realm.net", "service": "smtp"}
    values |= options.further_values(values["login"], values["realm"])
    assert Templates(options).filter.render(values, in_filter) == f"(&(x={asked})(y=a.b@mail.example.org))"


def test_without_an_at_there_is_no_domain_and_the_labels_are_the_realm_s(tmp_path: Path) -> None:
    values = read(tmp_path, BASE)[0].further_values("alice", "example.org")
    assert (values["local"], values["domain"], values["label1"], values["label3"]) == ("alice", "", "org", "")


WARNINGS = {
    "a boolean that Cyrus took for no": (
        "ldap_start_tls: Yes",
        "ldap_start_tls: Cyrus took 'Yes' for no; it is what it says here",
    ),
    "an unknown key": ("ldap_serves: x", "ldap_serves: expected a known key (ldap_servers?): ignored, as by Cyrus"),
    "an unknown token": (
        "ldap_filter: (uid=%u%p)",
        "ldap_filter: expected a known token, got '%p': left out, as by Cyrus",
    ),
    "a value that Cyrus cut": (
        "ldap_group_filter: (x=%D" + "x" * 127 + ")\nldap_group_match_method: filter",
        "ldap_group_filter: Cyrus cut it after 127 bytes; it is taken whole here",
    ),
    "blanks": ("ldap_search_base: dc=x ", "ldap_search_base: has blanks at its end, which are part of it"),
    "an account without a password": (
        "ldap_bind_dn: cn=x",
        "ldap_bind_dn: stands alone: the service account is anonymous, as in Cyrus",
    ),
    "no verification": (
        "ldap_tls_check_peer: no",
        "ldap_tls_check_peer: the server's certificate is not verified: anybody between may read along",
    ),
    "version 2": ("ldap_version: 2", "ldap_version: version 3 is spoken"),
}


@pytest.mark.parametrize(("text", "warning"), WARNINGS.values(), ids=WARNINGS)
def test_what_cyrus_did_silently_is_told(tmp_path: Path, text: str, warning: str) -> None:
    assert f"2: {warning}" in read(tmp_path, f"{BASE}{text}\n")[1]


ERRORS = {
    "no colon": ("ldap_filter (uid=%u)", "2: expected KEY: VALUE, got something else"),
    "no value": ("ldap_filter:", "2: expected KEY: VALUE, got something else"),
    "a boolean that is none": ("ldap_start_tls: maybe", "2: ldap_start_tls: expected yes or no, got 'maybe'"),
    "a word that is none": ("ldap_scope: tree", "2: ldap_scope: expected sub or one or base, got 'tree'"),
    "a number that is none": ("ldap_timeout: soon", "2: ldap_timeout: expected a number, got 'soon'"),
    "SASL": ("ldap_use_sasl: yes\nldap_mech: DIGEST-MD5", "2: ldap_use_sasl: expected no, or ldap_mech: EXTERNAL"),
    "a group without its kind": (
        "ldap_group_filter: (a=b)",
        "2: ldap_group_match_method: expected ldap_group_dn beside it",
    ),
    "half a filter": ("ldap_filter: (uid=%u", " as filter: expected a filter of RFC 4515"),
}


@pytest.mark.parametrize(("text", "error"), ERRORS.values(), ids=ERRORS)
def test_what_cannot_work_stops_the_start(tmp_path: Path, text: str, error: str) -> None:
    with pytest.raises(OptionError) as raised:
        read(tmp_path, f"{BASE}{text}\n")
    assert error in str(raised.value)
    assert raised.value.option == "saslauthd_conf"


def test_only_a_password_and_a_comment_may_be_bytes_that_are_not_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "saslauthd.conf"
    path.touch(0o600)
    path.write_bytes(b"# f\xfcr alle\nldap_search_base: dc=x\nldap_bind_dn: cn=x\nldap_password: pa\xdfwort\n")
    assert read_saslauthd_conf(path)[0].password == Secret(b"pa\xdfwort")

    path.write_bytes(b"ldap_search_base: dc=x\nldap_filter: (cn=M\xfcller)\n")
    with pytest.raises(OptionError, match=r"saslauthd.conf:2: ldap_filter: expected UTF-8"):
        read_saslauthd_conf(path)


def test_a_file_that_others_may_write_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "saslauthd.conf"
    path.write_text(BASE)
    path.chmod(0o666)
    with pytest.raises(OptionError, match="expected a file that only its owner may write"):
        read_saslauthd_conf(path)
