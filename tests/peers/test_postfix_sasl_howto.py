"""docs/postfix-sasl-howto.md as written, and that it is the same in Korean."""

import re
from collections.abc import Iterator

import pytest

from tests.servers.box import Box
from tests.servers.document import Reader, blocks, document
from tests.servers.pam import add_user
from tests.servers.postfix import Postfix, authenticate

PACKAGES = ("libsasl2-modules", "postfix", "sasl2-bin")
ENGLISH, KOREAN = document("postfix-sasl-howto.md"), document("ko/postfix-sasl-howto.md")


@pytest.fixture(scope="module")
def postfix(box: Box) -> Iterator[Postfix]:
    server = Postfix(box, "", chroot=True, smtpd_sasl_auth_enable="no")
    box.run(["gpasswd", "--delete", "postfix", "sasl"])
    box.add_user("authd")
    add_user(box, "kim", "of the system")
    server.start()
    reader = Reader(box, PACKAGES)
    printed = reader.follow(ENGLISH, typed="secret")
    assert '0: OK "Success."' in "".join(printed)
    yield server
    server.stop()
    assert reader.daemon is not None
    assert reader.daemon.stop() == 0


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
@pytest.mark.parametrize(
    ("user", "password", "code"),
    [
        ("alice", "secret", 235),
        ("alice@mail.example.org", "secret", 235),
        ("alice", "guess", 535),
        ("alice@elsewhere.example", "secret", 535),
        ("kim", "of the system", 235),
        ("kim", "secret", 535),
    ],
)
def test_users_of_sasldb_and_of_the_system_log_in(
    postfix: Postfix, mechanism: str, user: str, password: str, code: int
) -> None:
    with postfix.connect_tls() as session:
        assert authenticate(session, mechanism, user, password) == code


def test_no_password_is_taken_in_the_clear(postfix: Postfix) -> None:
    with postfix.connect() as session:
        assert not session.has_extn("auth")


def test_the_korean_text_has_the_same_steps() -> None:
    assert blocks(KOREAN) == blocks(ENGLISH)
    assert headings(KOREAN.read_text()) == headings(ENGLISH.read_text())


def headings(text: str) -> list[str]:
    return re.findall(r"^## (\d+)\.", text, re.MULTILINE)
