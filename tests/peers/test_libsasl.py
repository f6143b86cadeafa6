"""libsasl2's sasl_checkpass, which Postfix, Cyrus IMAP and OpenLDAP call."""

from collections.abc import Iterator

import pytest

from tests.servers import libsasl, sasl
from tests.servers.authd import Authd
from tests.servers.box import Box
from tests.servers.libsasl import BADAUTH, FAIL, OK

PACKAGES = ("sasl2-bin",)


@pytest.fixture(scope="module")
def authd(box: Box) -> Iterator[Authd]:
    authd = Authd(box, sasl.AUTHD)
    sasl.set_password(box, "alice", "example.org", "secret")
    sasl.set_password(box, "älice", "mail", "sécret€")
    sasl.set_password(box, "token", "mail", "x" * 2000)
    box.write(libsasl.CONFIGURATION, "pwcheck_method: saslauthd\n")
    authd.start()
    yield authd
    authd.stop()


@pytest.mark.parametrize(
    ("login", "password", "code"),
    [
        ("alice@example.org", "secret", OK),
        ("alice@example.org", "guess", BADAUTH),
        ("alice", "secret", BADAUTH),  # without a realm it is the host's
        ("mallory@example.org", "secret", BADAUTH),
        ("@example.org", "secret", BADAUTH),
        ("alice@gone.example", "secret", FAIL),
        ("älice", "sécret€", OK),
        ("token", "x" * 2000, OK),
        ("alice", "x" * (8162 - len("alice") - len("smtp")), BADAUTH),  # the longest that libsasl2 sends
    ],
)
def test_the_code_that_the_mail_server_sees(authd: Authd, login: str, password: str, code: int) -> None:
    [(codes, _)] = libsasl.check(authd.box, (login, password, 1))

    assert codes == {code: 1}


def test_no_descriptor_is_lost_in_the_client(authd: Authd) -> None:
    """libsasl2 never closes its socket when the answer does not come: a temporary failure has to be an answer."""
    right, wrong, outage = (
        ("alice@example.org", "secret", 700),
        ("alice@example.org", "guess", 700),
        ("alice@gone.example", "secret", 700),
    )

    (_, before), *checks = libsasl.check(authd.box, ("alice", "first", 1), right, wrong, outage)

    assert checks == [({OK: 700}, before), ({BADAUTH: 700}, before), ({FAIL: 700}, before)]


def test_a_stopped_daemon_is_a_failure_and_the_next_login_after_its_return_works(authd: Authd) -> None:
    authd.stop()
    stopped = libsasl.check(authd.box, ("alice@example.org", "secret", 1))
    authd.start()
    returned = libsasl.check(authd.box, ("alice@example.org", "secret", 1))

    assert [codes for codes, _ in stopped + returned] == [{FAIL: 1}, {OK: 1}]
