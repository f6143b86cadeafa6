"""An unmodified Postfix that asks authd, with its smtpd in Debian's chroot and without."""

from collections.abc import Iterator

import pytest

from authd_backends import Secret, hashes
from tests.servers.authd import Authd
from tests.servers.box import Box
from tests.servers.postfix import ROOT, Postfix, authenticate

PACKAGES = ("postfix", "libsasl2-modules")
USERS = "/etc/authd/users"
CONFIGURATION = f"""
[[listeners]]
path = "/run/saslauthd/mux"
group = "sasl"

[[listeners]]  # what a chrooted smtpd sees under the same name
path = "{ROOT}/run/saslauthd/mux"
group = "sasl"

[backends.users]
type = "passwd-file"
path = "{USERS}"
"""
SMTPD_CONF = "pwcheck_method: saslauthd\nmech_list: PLAIN LOGIN\n"

mechanisms = pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])


@pytest.fixture(scope="module")
def authd(box: Box) -> Iterator[Authd]:
    authd = Authd(box, CONFIGURATION)
    hash_ = hashes.new_hash(Secret(b"secret"))
    box.write(USERS, f"alice:{hash_}\nbob@example.org:{hash_}\n", mode=0o640, group="authd")
    box.make_directory(f"{ROOT}/run/saslauthd", mode=0o710, group="sasl")
    box.make_directory(f"{ROOT}/var")
    box.run(["ln", "-s", "../run", f"{ROOT}/var/run"])
    authd.start()
    yield authd
    authd.stop()


@pytest.fixture(scope="module", params=[False, True], ids=["not chrooted", "chrooted"])
def postfix(request: pytest.FixtureRequest, authd: Authd) -> Iterator[Postfix]:
    server = Postfix(authd.box, SMTPD_CONF, chroot=request.param)
    server.start()
    yield server
    server.stop()


@mechanisms
@pytest.mark.parametrize(
    ("user", "password", "code"),
    [
        ("alice", "secret", 235),
        ("alice", "guess", 535),
        ("alice@any.example", "secret", 235),
        ("bob@example.org", "secret", 235),
        ("bob@example.org", "guess", 535),
        ("bob", "secret", 535),
        ("mallory", "secret", 535),
    ],
)
def test_users_with_and_without_a_realm(postfix: Postfix, mechanism: str, user: str, password: str, code: int) -> None:
    with postfix.connect() as session:
        assert authenticate(session, mechanism, user, password) == code


@mechanisms
def test_over_tls(postfix: Postfix, mechanism: str) -> None:
    with postfix.connect_tls() as session:
        assert authenticate(session, mechanism, "alice", "guess") == 535
        assert authenticate(session, mechanism, "alice", "secret") == 235


def test_mechanisms_are_offered_to_old_clients_too(postfix: Postfix) -> None:
    with postfix.connect() as session:
        _, greeting = session.ehlo()
    offered = greeting.decode().splitlines()

    assert "AUTH PLAIN LOGIN" in offered
    assert "AUTH=PLAIN LOGIN" in offered


def test_no_password_is_in_a_log(postfix: Postfix) -> None:
    with postfix.connect() as session:
        authenticate(session, "PLAIN", "alice", "guess")
        authenticate(session, "LOGIN", "alice", "secret")

    logged = "".join(postfix.box.logs().values())
    assert "user=alice" in logged
    assert "sasl_username=alice" in logged
    assert "secret" not in logged
    assert "guess" not in logged


@mechanisms
@pytest.mark.parametrize("outage", [["mv", USERS, f"{USERS}.away"], ["chmod", "0", USERS]], ids=["gone", "unreadable"])
def test_a_backend_that_is_out_is_a_temporary_failure(
    authd: Authd, postfix: Postfix, mechanism: str, outage: list[str]
) -> None:
    with postfix.connect() as session:
        authd.box.run(outage)
        while_out = authenticate(session, mechanism, "alice", "secret")
        authd.box.run(["sh", "-c", f"mv {USERS}.away {USERS}; chmod 0640 {USERS}"])
        after = authenticate(session, mechanism, "alice", "secret")

    assert [while_out, after] == [454, 235]


@mechanisms
def test_a_stopped_authd_is_a_temporary_failure(authd: Authd, postfix: Postfix, mechanism: str) -> None:
    with postfix.connect() as session:
        status = authd.stop()
        while_stopped = authenticate(session, mechanism, "alice", "secret")
        authd.start()
        after = authenticate(session, mechanism, "alice", "secret")

    assert status == 0
    assert [while_stopped, after] == [454, 235]
