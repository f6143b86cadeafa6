"""The backend `ldap` and Debian's slapd: who comes in, what the server is asked, and who it is asked as."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from authd_backends import Outcome, conformance
from authd_backends.contract import Client, Request, Secret
from authd_backends.errors import OptionError, Unavailable
from authd_backends.ldap.backend import LdapBackend
from authd_backends.ldap.options import LdapOptions
from authd_backends.options import build
from tests.servers.box import Box
from tests.servers.certificates import Authority
from tests.servers.ldap import USUAL, asking
from tests.servers.slapd import (
    GROUP,
    PEOPLE,
    SERVICE,
    STRICT,
    SUFFIX,
    Slapd,
    entry,
    group,
    person,
    ssha,
    wait_until_logged,
)

PACKAGES = ("slapd", "ldap-utils")
SERVER = ("localhost", "127.0.0.1")  # the names in its certificate
TWICE = f"ou=twice,{SUFFIX}"

# What means something in a filter, a DN, a log line or a URL, each a user of his own
STRANGE = ("a*", "(b)", "c\\2a", "d,e", "f+g=h", 'i"j', "<k;l>", "#m", "n o", "ö", "p%u{user}", "q/r?s")

ENTRIES = (
    person("alice", "secret")
    + person("bob", "secret", "pwdReset: TRUE", f"pwdPolicySubentry: {STRICT}")
    + person("carl", "secret", "pwdAccountLockedTime: 000001010000Z")
    + person("dora", "secret", "pwdChangedTime: 20200101000000Z")
    + person("nopassword")
    + person("crypt", "", "userPassword: {CRYPT}$6$rounds=1000$saltsalt$" + "x" * 86)
    + person("two", "", f"userPassword: {ssha('one')}", f"userPassword: {ssha('other')}")
    + person("foreign", "", "userPassword: {WHATEVER}secret")
    + "".join(person(name, "secret") for name in STRANGE)
    + entry(TWICE, "objectClass: organizationalUnit", "ou: twice")
    + entry(f"uid=alice,{TWICE}", "objectClass: inetOrgPerson", "uid: alice", "cn: a", "sn: a")
    + group(GROUP, [f"uid=alice,{PEOPLE}", f"uid=d\\2ce,{PEOPLE}"])
)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def slapd(box: Box, authority: Authority) -> Iterator[Slapd]:
    server = Slapd(box, ENTRIES, authority=authority, names=SERVER)
    server.start()
    yield server
    server.stop()


BY_BIND: dict[str, Any] = {"method": "bind", "dn": f"uid={{login}},{PEOPLE}", "bind_dn": None, "password": None}
METHODS: dict[str, dict[str, Any]] = {
    "search": {"base": PEOPLE},
    "bind": BY_BIND,
    "compare": {"method": "compare", "base": PEOPLE},
}


@pytest.mark.parametrize("options", METHODS.values(), ids=METHODS)
def test_right_wrong_and_unknown(slapd: Slapd, options: dict[str, Any]) -> None:
    with asking(slapd.box, slapd.uri, **options) as ldap:
        assert ldap.check("alice", "secret").outcome is Outcome.ACCEPTED
        assert ldap.check("alice", "guess").outcome is Outcome.WRONG_PASSWORD
        unknown = Outcome.WRONG_PASSWORD if options is BY_BIND else Outcome.UNKNOWN_USER  # slapd does not tell
        assert ldap.check("mallory", "secret").outcome is unknown


@pytest.mark.parametrize("options", METHODS.values(), ids=METHODS)
@pytest.mark.parametrize("login", STRANGE)
def test_a_login_is_never_more_than_a_value(slapd: Slapd, login: str, options: dict[str, Any]) -> None:
    with asking(slapd.box, slapd.uri, **options) as ldap:
        assert ldap.check(login, "secret").outcome is Outcome.ACCEPTED
        assert ldap.check(login, "guess").outcome is Outcome.WRONG_PASSWORD


HOSTILE = (
    "*",
    "alice*",
    "alice)(uid=*",
    "*)(|(uid=*",
    "alice,ou=people",
    f"alice,{PEOPLE}",
    "alice\\",
    "alice\\2a",
    "alice#",
    " alice",
    "alice\n",
    "alice+uid=bob",
)


@pytest.mark.parametrize("options", METHODS.values(), ids=METHODS)
def test_an_injection_finds_nobody_and_the_server_sees_one_value(slapd: Slapd, options: dict[str, Any]) -> None:
    before = len(slapd.log)
    with asking(slapd.box, slapd.uri, **options) as ldap:
        outcomes = {login: ldap.check(login, "secret").outcome for login in HOSTILE if login.strip() != "alice"}

    assert set(outcomes.values()) <= {Outcome.UNKNOWN_USER, Outcome.WRONG_PASSWORD}
    filters = re.findall(r'SRCH base="([^"]*)" scope=2 deref=0 filter="(.*)"$', slapd.log[before:], re.MULTILINE)
    assert {base for base, _ in filters} <= {PEOPLE}
    assert [asked for _, asked in filters if not re.fullmatch(r"\(uid=(?:[^()*\\]|\\[0-9A-Fa-f]{2})*\)", asked)] == []


UNHOLDABLE = ("", "\udcff\udc80", "x" * 1025, "ö" * 600, "x" * 60_000)


@pytest.mark.parametrize("options", METHODS.values(), ids=METHODS)
def test_a_login_that_no_directory_holds_is_unknown(slapd: Slapd, options: dict[str, Any]) -> None:
    before = slapd.log.count("SRCH base=") + slapd.log.count("BIND dn=")
    with asking(slapd.box, slapd.uri, started=False, **options) as ldap:
        assert {ldap.check(login, "secret").outcome for login in UNHOLDABLE} == {Outcome.UNKNOWN_USER}
    assert slapd.log.count("SRCH base=") + slapd.log.count("BIND dn=") == before


@pytest.mark.parametrize("options", METHODS.values(), ids=METHODS)
def test_an_empty_password_and_an_empty_name_are_never_sent(slapd: Slapd, options: dict[str, Any]) -> None:
    """A bind with one of them succeeds, as nobody (RFC 4513, section 5.1)."""
    before = len(slapd.log)
    with asking(slapd.box, slapd.uri, **options) as ldap:
        assert ldap.check("alice", "").outcome is Outcome.WRONG_PASSWORD
        assert ldap.check("", "secret").outcome is Outcome.UNKNOWN_USER
    with asking(slapd.box, slapd.uri, **BY_BIND | {"dn": "{realm}"}) as ldap:
        assert ldap.check("alice", "secret").outcome is Outcome.UNKNOWN_USER
    binds = set(re.findall(r'BIND dn="([^"]*)" method', slapd.log[before:]))
    assert binds <= {SERVICE}


def test_each_login_is_a_bind_of_its_own_on_a_kept_connection(slapd: Slapd) -> None:
    with asking(slapd.box, slapd.uri, base=PEOPLE) as ldap:
        ldap.check("alice", "secret")
        connections, binds = slapd.log.count("ACCEPT from"), slapd.log.count(f'BIND dn="uid=alice,{PEOPLE}" method')
        for _ in range(5):
            assert ldap.check("alice", "secret").outcome is Outcome.ACCEPTED
        slapd.set_password("alice", "changed")
        try:
            assert ldap.check("alice", "secret").outcome is Outcome.WRONG_PASSWORD
            assert ldap.check("alice", "changed").outcome is Outcome.ACCEPTED
        finally:
            slapd.set_password("alice", "secret")
        wait_until_logged(slapd, f'BIND dn="uid=alice,{PEOPLE}" method', binds + 7)
    assert slapd.log.count("ACCEPT from IP") <= connections


def test_a_wrong_password_is_asked_once(slapd: Slapd) -> None:
    before = slapd.log.count(f'BIND dn="uid=alice,{PEOPLE}" method')
    with asking(slapd.box, slapd.uri, slapd.socket_uri, base=PEOPLE) as ldap:
        assert ldap.check("alice", "guess").outcome is Outcome.WRONG_PASSWORD
        ldap.check("mallory", "x")
    assert slapd.log.count(f'BIND dn="uid=alice,{PEOPLE}" method') == before + 1


@pytest.mark.parametrize(
    ("login", "outcome", "reason"),
    [
        ("bob", Outcome.EXPIRED, "password must be changed"),
        ("carl", Outcome.DISABLED, "account locked"),
        ("dora", Outcome.EXPIRED, "password expired"),
    ],
)
def test_the_password_policy_is_heard(slapd: Slapd, login: str, outcome: Outcome, reason: str) -> None:
    with asking(slapd.box, slapd.uri) as ldap:
        verdict = ldap.check(login, "secret")
    assert (verdict.outcome, verdict.reason) == (outcome, reason)


def test_a_user_without_a_password_does_not_come_in(slapd: Slapd) -> None:
    with asking(slapd.box, slapd.uri) as ldap:
        assert ldap.check("nopassword", "secret").outcome is Outcome.WRONG_PASSWORD


def test_the_name_is_the_directory_s_own_spelling(slapd: Slapd) -> None:
    with asking(slapd.box, slapd.uri, base=PEOPLE, filter="(|(uid={login})(mail={login}))") as ldap:
        assert ldap.check("ALICE", "secret").user == "alice"
        assert ldap.check("Alice@EXAMPLE.org", "secret").user == "alice@example.org"


def test_a_filter_may_ask_for_the_client(slapd: Slapd) -> None:
    with asking(slapd.box, slapd.uri, base=PEOPLE, filter="(&(uid={login})(cn={client}))") as ldap:
        assert ldap.backend.uses_client
        for address, outcome in (("alice", Outcome.ACCEPTED), ("192.0.2.1", Outcome.UNKNOWN_USER)):
            request = Request("alice", Secret(b"secret"), client=Client(address))
            assert ldap.run(ldap.backend.check(request)).outcome is outcome


def test_two_entries_for_one_user_are_an_outage(slapd: Slapd) -> None:
    with asking(slapd.box, slapd.uri) as ldap:
        verdict = ldap.check("alice", "secret")
    assert verdict.outcome is Outcome.UNAVAILABLE
    assert "expected one entry for 'alice', got several" in verdict.reason


def test_a_missing_base_is_an_outage_unless_its_name_came_from_the_client(slapd: Slapd) -> None:
    with asking(slapd.box, slapd.uri, base="ou=nowhere," + SUFFIX, started=False) as ldap:
        with pytest.raises(Unavailable, match=r"base: ou=nowhere,.*: No such object"):
            ldap.backend.start()
        verdict = ldap.check("alice", "secret")
        assert (verdict.outcome, "No such object" in verdict.reason) == (Outcome.UNAVAILABLE, True)
    with asking(slapd.box, slapd.uri, base="ou={realm}," + SUFFIX) as ldap:
        assert ldap.check("alice", "secret", realm="nowhere").outcome is Outcome.UNKNOWN_USER
        assert ldap.check("alice", "secret", realm="people").outcome is Outcome.ACCEPTED


def test_a_service_account_that_is_refused_is_an_outage(slapd: Slapd) -> None:
    with asking(slapd.box, slapd.uri, started=False, password="typo") as ldap:
        with pytest.raises(Unavailable, match="the service account is refused: Invalid credentials"):
            ldap.backend.start()
        verdict = ldap.check("alice", "secret")
    assert verdict.outcome is Outcome.UNAVAILABLE
    assert "typo" not in verdict.reason


def test_of_several_stored_hashes_any_one_counts(slapd: Slapd) -> None:
    with asking(slapd.box, slapd.uri, **METHODS["compare"]) as ldap:
        outcomes = [ldap.check("two", password).outcome for password in ("one", "other", "third")]
    assert outcomes == [Outcome.ACCEPTED, Outcome.ACCEPTED, Outcome.WRONG_PASSWORD]


def test_a_hash_that_cannot_be_read_or_is_not_shown_is_an_outage(slapd: Slapd) -> None:
    """Cyrus compares the former as clear text."""
    with asking(slapd.box, slapd.uri, **METHODS["compare"]) as ldap:
        for login, password in (("foreign", "{WHATEVER}secret"), ("nopassword", "secret")):
            assert ldap.check(login, password).outcome is Outcome.UNAVAILABLE


GROUPS: dict[str, dict[str, Any]] = {
    "attribute": {"group_dn": GROUP},
    "filter": {"group_base": SUFFIX, "group_filter": "(&(objectClass=groupOfNames)(member={dn}))"},
    "filter below the group": {"group_base": GROUP, "group_scope": "base", "group_filter": "(member={dn})"},
    "name of the group from the client": {"group_dn": "cn={service},ou=groups," + SUFFIX},
}


@pytest.mark.parametrize("options", GROUPS.values(), ids=GROUPS)
def test_who_is_not_in_the_group_stays_out(slapd: Slapd, options: dict[str, Any]) -> None:
    with asking(slapd.box, slapd.uri, base=PEOPLE, **options) as ldap:
        assert ldap.check("alice", "secret", service="mail").outcome is Outcome.ACCEPTED
        assert ldap.check("d,e", "secret", service="mail").outcome is Outcome.ACCEPTED
        out = ldap.check("n o", "secret", service="mail")
        assert (out.outcome, out.reason) == (Outcome.DISABLED, "not in the group")
        assert ldap.check("n o", "guess", service="mail").outcome is Outcome.WRONG_PASSWORD
        if "group_dn" in options and "{" in str(options["group_dn"]):
            assert ldap.check("alice", "secret", service="nosuch").outcome is Outcome.DISABLED


def test_a_missing_group_is_an_outage(slapd: Slapd) -> None:
    with asking(slapd.box, slapd.uri, base=PEOPLE, group_dn="cn=nowhere," + SUFFIX) as ldap:
        assert ldap.check("alice", "secret").outcome is Outcome.UNAVAILABLE


# ── how the server is reached ──


def test_tls_and_starttls(slapd: Slapd, authority: Authority) -> None:
    for uri, start_tls in (("ldaps://127.0.0.1", False), ("ldap://127.0.0.1", True), ("ldaps://localhost", False)):
        with asking(slapd.box, uri, base=PEOPLE, start_tls=start_tls, ca_file=str(authority.file)) as ldap:
            assert ldap.check("alice", "secret").outcome is Outcome.ACCEPTED
    assert "TLS established tls_ssf=256" in slapd.log


WRONG_TLS = {
    "an authority that nobody knows": ("ldaps://127.0.0.1", False, False),
    "an authority that nobody knows, StartTLS": ("ldap://127.0.0.1", True, False),
    "another name": ("ldaps://127.0.0.2", False, True),
    "another name, StartTLS": ("ldap://127.0.0.2", True, True),
}


@pytest.fixture(scope="module")
def other(slapd: Slapd, authority: Authority) -> Iterator[Slapd]:
    """A server at an address that is not in its certificate."""
    server = Slapd(slapd.box, person("alice", "secret"), address="127.0.0.2", authority=authority, names=SERVER)
    server.start()
    yield server
    server.stop()


@pytest.mark.parametrize(("uri", "start_tls", "known"), WRONG_TLS.values(), ids=WRONG_TLS)
def test_a_certificate_that_does_not_fit_is_an_outage_and_nothing_is_sent(
    slapd: Slapd, other: Slapd, authority: Authority, uri: str, start_tls: bool, known: bool
) -> None:
    binds = slapd.log.count("BIND dn=") + other.log.count("BIND dn=")
    ca_file = str(authority.file) if known else None
    with asking(slapd.box, uri, base=PEOPLE, start_tls=start_tls, ca_file=ca_file, started=False) as ldap:
        assert ldap.check("alice", "secret").outcome is Outcome.UNAVAILABLE
    assert slapd.log.count("BIND dn=") + other.log.count("BIND dn=") == binds


def test_a_server_without_starttls_gets_nothing_in_the_clear(box: Box, slapd: Slapd) -> None:
    plain = Slapd(box, person("alice", "secret"), address="127.0.0.3")
    plain.start()
    with asking(box, plain.uri, start_tls=True, started=False) as ldap:
        assert ldap.check("alice", "secret").outcome is Outcome.UNAVAILABLE
    plain.stop()
    assert "BIND dn=" not in plain.log


def test_a_client_certificate_is_the_service_account(slapd: Slapd, authority: Authority) -> None:
    own = authority.issue("authd-client", for_use_as="client")
    options: dict[str, Any] = {"cert_file": str(own.certificate), "key_file": str(own.key), "sasl_external": True}
    with asking(
        slapd.box, "ldaps://127.0.0.1", base=PEOPLE, ca_file=str(authority.file), bind_dn=None, password=None, **options
    ) as ldap:
        assert ldap.check("alice", "secret").outcome is Outcome.ACCEPTED
    assert f'BIND dn="{SERVICE}" mech=EXTERNAL' in slapd.log


def test_the_uid_at_the_unix_socket_is_the_service_account(slapd: Slapd) -> None:
    uri = f"ldapi://{str(slapd.box.path('/run/' + slapd.name + '/ldapi')).replace('/', '%2F')}"
    with asking(slapd.box, uri, base=PEOPLE, bind_dn=None, password=None, sasl_external=True) as ldap:
        assert ldap.check("alice", "secret").outcome is Outcome.ACCEPTED


def test_a_file_that_cannot_be_read_stops_the_start(slapd: Slapd) -> None:
    expected = "ca_file: expected a readable file, got /nowhere"
    with (
        asking(slapd.box, "ldaps://127.0.0.1", started=False, ca_file="/nowhere") as ldap,
        pytest.raises(OptionError, match=expected),
    ):
        ldap.backend.start()


# ── the cases of every backend ──


class Directory:
    """The server of this module, as its own tools change it."""

    login = "alice"
    realm = ""
    password = b"the password of alice"

    def __init__(self, slapd: Slapd, options: dict[str, Any]) -> None:
        self._slapd = slapd
        self._options = {"uris": [slapd.uri], **USUAL, **options}
        self.set_password(self.password)

    def backend(self) -> LdapBackend:
        table = {key: value for key, value in self._options.items() if value is not None}
        return LdapBackend(build(LdapOptions, table))

    def set_password(self, password: bytes) -> None:
        self._slapd.set_password("alice", password.decode())

    def take_away(self) -> None:
        self._slapd.stop()

    def bring_back(self) -> None:
        self._slapd.start()


@pytest.mark.parametrize("method", ["search", "compare"])
@pytest.mark.parametrize("case", conformance.cases(), ids=lambda case: case.__name__)
def test_conforms(case: conformance.Case, method: str, slapd: Slapd) -> None:
    directory = Directory(slapd, METHODS[method])
    try:
        with slapd.box.network():
            case(directory)
    finally:
        if not slapd.process.running:
            slapd.start()
        slapd.set_password("alice", "secret")


def test_a_request_s_password_is_bytes_and_may_be_any(slapd: Slapd) -> None:
    with asking(slapd.box, slapd.uri, base=PEOPLE) as ldap:
        for password in (b"\xff\xfe", b"x" * 60_000):
            verdict = ldap.run(ldap.backend.check(Request("alice", Secret(password))))
            assert verdict.outcome is Outcome.WRONG_PASSWORD
