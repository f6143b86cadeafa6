"""docs/moving-accounts.md as written: the same passwords behind another backend."""

import re
from collections.abc import Iterator, Mapping

import pytest

from tests.servers import sasl
from tests.servers.authd import SOCKET
from tests.servers.box import Box
from tests.servers.client import NO, OK, ask
from tests.servers.document import Reader, document
from tests.servers.pam import add_user

DOCUMENT = document("moving-accounts.md")
PACKAGES = ("libpam-modules", "sasl2-bin", "sqlite3")
REALM = "mail.example.org"
OF_SASLDB = {"alice": "of sasldb", "bob": r"a \ and an é; 'quoted'"}
KIM = "of the system"
LISTENER = '[[listeners]]\npath = "/run/saslauthd/mux"\n[throttle]\nfailure_delay = "0s"\n'
CONFIGURATIONS = {
    "passwd-file": 'type = "passwd-file"\npath = "/etc/authd/users"\n',
    "sqlite": f"""
        type = "sqlite"
        path = "/etc/authd/users.sqlite"
        {re.findall(r"`(query = .*?)`", DOCUMENT.read_text())[0]}
        [[routes]]
        backends = ["new"]
        login = "{{user}}@{{realm}}"
        """,
}


@pytest.fixture(scope="module")
def moved(box: Box) -> Box:
    """A box in which the document was followed."""
    for user in ("authd", "sasl"):
        box.add_user(user)
    for user, password in OF_SASLDB.items():
        sasl.set_password(box, user, REALM, password)
    add_user(box, "kim", KIM)
    Reader(box, PACKAGES).follow(DOCUMENT, typed="")
    return box


@pytest.fixture(params=CONFIGURATIONS)
def answers(request: pytest.FixtureRequest, moved: Box) -> Iterator[Mapping[tuple[str, str], bytes]]:
    """What a daemon on the new backend alone says to each user with the right and a wrong password."""
    moved.make_directory(SOCKET.parent)
    moved.write("/etc/authd/authd.toml", f"{LISTENER}[backends.new]\n{CONFIGURATIONS[request.param]}")
    authd = moved.start(["authd", "serve"])
    authd.wait_for_output("listening on")
    logins = [*((user, password, REALM) for user, password in OF_SASLDB.items()), ("kim", KIM, "")]
    yield {
        (user, tried): ask(moved.path(SOCKET), user, tried, realm=realm)
        for user, password, realm in logins
        for tried in (password, "guess")
    }
    assert authd.stop() == 0


def test_every_user_has_his_password_and_no_other(answers: Mapping[tuple[str, str], bytes]) -> None:
    assert {key for key, answer in answers.items() if answer == OK} == {*OF_SASLDB.items(), ("kim", KIM)}
    assert {answer for (_, tried), answer in answers.items() if tried == "guess"} == {NO}
