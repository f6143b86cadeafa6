import os
from pathlib import Path
from typing import Any

import pytest

from authd_backends.errors import OptionError, Unavailable
from authd_backends.ldap.options import LdapOptions, sends_passwords_in_the_clear
from authd_backends.options import build

GOOD: dict[str, Any] = {"uris": ["ldaps://ldap.example.org"], "base": "dc=example,dc=org"}

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no server": ({"uris": []}, "uris: expected a list like"),
    "no URI": ({"uris": ["ldap.example.org"]}, "uris: expected a list like"),
    "a base in the URI": ({"uris": ["ldap://h/dc=example"]}, "uris: expected a list like"),
    "a server twice": ({"uris": ["ldap://h", "ldap://h"]}, "each once"),
    "StartTLS within TLS": ({"start_tls": True}, "start_tls: expected it with ldap:// only"),
    "a key alone": ({"key_file": "/k"}, "key_file: expected a cert_file"),
    "an account without a password": ({"bind_dn": "cn=x"}, "bind_dn: expected a password"),
    "an account with an empty password": ({"bind_dn": "cn=x", "password": ""}, "bind_dn: expected a password"),
    "a password without an account": ({"password": "hunter2"}, "bind_dn: expected one with a password"),
    "two passwords": (
        {"bind_dn": "cn=x", "password": "p", "password_file": "/p"},
        "password_file: expected no password",
    ),
    "EXTERNAL and a name": (
        {"sasl_external": True, "bind_dn": "cn=x", "password": "p"},
        "sasl_external: expected neither",
    ),
    "no base": ({"base": ""}, "base: expected the DN"),
    "a filter for everybody": ({"filter": "(uid=alice)"}, "filter: expected one like"),
    "an unknown name": ({"filter": "(uid={username})"}, r"filter: expected \{user\}"),
    "half a filter": ({"filter": "(uid={login}"}, "filter: expected a filter of RFC 4515"),
    "a DN for everybody": ({"method": "bind", "dn": "uid=alice"}, "dn: expected one like"),
    "the user's DN in his own": ({"method": "bind", "dn": "{dn}"}, r"dn: expected \{user\}"),
    "two groups": ({"group_dn": "cn=g", "group_filter": "(member={dn})"}, "group_filter: expected no group_dn"),
    "half a filter of groups": ({"group_filter": "member={dn})"}, "group_filter: expected a filter of RFC 4515"),
    "a Cyrus file and more": ({"saslauthd_conf": "/etc/saslauthd.conf"}, "uris: expected saslauthd_conf alone"),
    "an unknown scheme": ({"default_scheme": "ROT13"}, "default_scheme"),
}


@pytest.mark.parametrize(("changes", "expected"), WRONG.values(), ids=WRONG)
def test_options_that_cannot_be_meant_stop_the_start(changes: dict[str, Any], expected: str) -> None:
    with pytest.raises(OptionError, match=expected) as error:
        build(LdapOptions, GOOD | changes)
    assert error.value.option == expected.partition(":")[0] or error.value.option == "uris"
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize(
    "uri", ["ldap://h", "ldaps://h:3269/", "ldap://[::1]:389", "ldapi://%2Frun%2Fldapi", "ldapi:///"]
)
def test_each_kind_of_uri_is_taken(uri: str) -> None:
    assert build(LdapOptions, GOOD | {"uris": [uri]}).uris == (uri,)


def test_a_new_password_in_the_file_is_taken_up(tmp_path: Path) -> None:
    file = tmp_path / "password"
    options = build(LdapOptions, GOOD | {"bind_dn": "cn=x", "password_file": str(file)})
    for written, password in ((b"one\n", b"one"), (b"other", b"other"), (b" three \r\n", b" three ")):
        file.write_bytes(written)
        assert options.bind_password() == password
    file.write_bytes(b"\n")
    with pytest.raises(Unavailable, match="got nothing"):
        options.bind_password()
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(Unavailable, match="password: expected a regular file"):
        options.bind_password()


def test_what_travels_in_the_clear_is_known() -> None:
    clear = ["ldap://h", "ldap://127.0.0.1.example.org"]
    local = ["ldap://localhost", "ldap://127.0.0.1:389", "ldap://[::1]/", "ldapi:///", "ldaps://h"]
    assert sends_passwords_in_the_clear(build(LdapOptions, GOOD | {"uris": [*clear, *local]})) == clear
