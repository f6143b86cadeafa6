"""docs/radius.md as written: pam_radius_auth in the helper, and two FreeRADIUS servers."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.servers.authd import CONFIGURATION, SOCKET, Authd
from tests.servers.box import Box
from tests.servers.client import NO, OK, TEMPORARY_FAILURE, ask
from tests.servers.freeradius import FreeRadius

PACKAGES = ("freeradius", "iproute2", "libpam-radius-auth", "libpam-modules")

DOCUMENT = Path(__file__).parents[2] / "docs" / "radius.md"
SERVERS = "/etc/pam_radius_auth.conf"
HOSTS = {"radius1.example.org": "192.0.2.1", "radius2.example.org": "192.0.2.2"}
USERS = """
alice Cleartext-Password := "secret"
bob Cleartext-Password := "secret"
carol Cleartext-Password := "secret"
dave Cleartext-Password := "secret", Calling-Station-Id == "192.0.2.7"
"""


def files() -> dict[str, str]:
    """Give the document's blocks by the path that each begins with."""
    blocks = re.findall(r"^```\w*\n(# (/\S+)\n.*?)^```$", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
    return {path: text for text, path in blocks}


class Radius(NamedTuple):
    authd: Authd
    first: FreeRadius
    second: FreeRadius

    def ask(self, user: str, password: str, client_field: str = "") -> bytes:
        return ask(self.authd.box.path(SOCKET), user, password, client_field=client_field)


@pytest.fixture(scope="module")
def radius(box: Box) -> Iterator[Radius]:
    written = files()
    authd = Authd(box, written.pop(str(CONFIGURATION)))
    for path, text in written.items():
        box.write(path, text, mode=0o600)
    box.write("/etc/hosts", box.read("/etc/hosts") + "".join(f"{address} {name}\n" for name, address in HOSTS.items()))
    for address in HOSTS.values():
        box.run(["ip", "address", "add", address, "dev", "lo"])
    secrets = re.findall(r"^radius\S+ +(\S+)", written[SERVERS], re.MULTILINE)
    first, second = (
        FreeRadius(box, address, secret, USERS) for address, secret in zip(HOSTS.values(), secrets, strict=True)
    )
    first.start()
    authd.start()
    yield Radius(authd, first, second)
    assert authd.stop() == 0


def test_right_wrong_and_unknown(radius: Radius) -> None:
    assert radius.ask("alice", "secret") == OK
    assert radius.ask("alice", "guess") == NO
    assert radius.ask("mallory", "secret") == NO


def test_the_server_learns_the_client_s_address(radius: Radius) -> None:
    assert radius.ask("dave", "secret", "192.0.2.8;4711") == NO
    assert radius.ask("dave", "secret", "192.0.2.7;4711") == OK


def test_servers_that_do_not_answer_are_an_outage_and_the_second_stands_in_for_the_first(radius: Radius) -> None:
    radius.first.stop()
    assert radius.ask("bob", "secret") == TEMPORARY_FAILURE

    radius.second.start()
    assert radius.ask("bob", "secret") == OK
    assert radius.ask("bob", "guess") == NO

    radius.first.start()
    radius.second.stop()
    assert radius.ask("carol", "secret") == OK


def test_a_wrong_shared_secret_is_an_outage(radius: Radius) -> None:
    box = radius.authd.box
    box.write(SERVERS, re.sub("secret", "typo", files()[SERVERS]), mode=0o600)
    try:
        assert radius.ask("carol", "guess") == TEMPORARY_FAILURE
    finally:
        box.write(SERVERS, files()[SERVERS], mode=0o600)
