"""The recipes of docs/realms.md, as written, before a real Postfix."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from authd_backends.hashes.libcrypt import hashed
from tests.servers.authd import Authd
from tests.servers.box import Box
from tests.servers.postfix import Postfix, authenticate

PACKAGES = ("postfix", "libsasl2-modules")
DOCUMENT = (Path(__file__).parents[2] / "docs" / "realms.md").read_text()
AS_SASLAUTHD_R, WITH_LOCAL_DOMAIN = re.findall(r"^```toml\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)
(SETTING,) = re.findall(r"^```\nsmtpd_sasl_local_domain = (\S+)\n```$", DOCUMENT, re.MULTILINE)
SMTPD_CONF = "pwcheck_method: saslauthd\nmech_list: PLAIN LOGIN\n"
HASH = hashed(b"secret", "$6$rounds=1000$saltsalt")


@contextmanager
def serving(box: Box, configuration: str, users: dict[str, list[str]], **settings: str) -> Iterator[Postfix]:
    authd = Authd(box, configuration)
    for path, names in users.items():
        box.write(path, "".join(f"{name}:{HASH}\n" for name in names), mode=0o640, group="authd")
    postfix = Postfix(box, SMTPD_CONF, chroot=False, **settings)
    authd.start()
    postfix.start()
    try:
        yield postfix
    finally:
        postfix.stop()
        authd.stop()


def code(postfix: Postfix, user: str) -> int:
    with postfix.connect() as session:
        return authenticate(session, "PLAIN", user, "secret")


def test_saslauthd_s_r_is_a_form_of_the_login(box: Box) -> None:
    with serving(box, AS_SASLAUTHD_R, {"/etc/authd/users": ["alice@example.org", "bob"]}) as postfix:
        codes = [code(postfix, user) for user in ("alice@example.org", "alice@example.net", "alice", "bob")]

    assert codes == [235, 535, 535, 235]


@pytest.fixture(scope="module")
def with_local_domain(box: Box) -> Iterator[Postfix]:
    users = {"/etc/authd/local": ["alice"], "/etc/authd/hosted": ["carol@mail.example.net"]}
    with serving(box, WITH_LOCAL_DOMAIN, users, smtpd_sasl_local_domain=SETTING) as postfix:
        yield postfix


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ("alice", 235),
        ("alice@example.org", 235),
        ("alice@mail.example.net", 535),
        ("carol@mail.example.net", 235),
        ("carol", 535),
        ("alice@elsewhere.example", 535),
    ],
)
def test_a_local_domain_is_a_realm_of_its_own(with_local_domain: Postfix, user: str, expected: int) -> None:
    assert code(with_local_domain, user) == expected
