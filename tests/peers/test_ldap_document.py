"""docs/ldap.md as written, with two slapds."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from authd.config.load import load
from tests.servers.authd import CONFIGURATION, SOCKET, Authd
from tests.servers.box import Box
from tests.servers.certificates import Authority
from tests.servers.client import NO, OK, TEMPORARY_FAILURE, ask
from tests.servers.process import wait_until
from tests.servers.slapd import GROUP, PEOPLE, SERVICE, SERVICE_PASSWORD, Slapd, group, person

PACKAGES = ("slapd", "ldap-utils")
DOCUMENT = Path(__file__).parents[2] / "docs" / "ldap.md"
HOSTS = {"ldap1.example.org": "127.0.0.1", "ldap2.example.org": "127.0.0.2"}
ENTRIES = (
    person("alice", "secret")
    + person("bob", "secret")
    + person("carol", "secret")
    + group(GROUP, [f"uid={name},{PEOPLE}" for name in ("alice", "carol")])
)
CYRUS = f"""
ldap_servers: ldap://127.0.0.1/
ldap_bind_dn: {SERVICE}
ldap_password: {SERVICE_PASSWORD}
ldap_search_base: {PEOPLE}
ldap_start_tls: Yes
ldap_tls_cacert_file: /etc/authd/ca.pem
"""


def files() -> dict[str, str]:
    """Give the document's blocks by the path that each begins with."""
    blocks = re.findall(r"^```\w*\n(# (/\S+)\n.*?)^```$", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
    return {path: text for text, path in blocks}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def servers(box: Box, authority: Authority) -> Iterator[tuple[Slapd, Slapd]]:
    box.write("/etc/hosts", box.read("/etc/hosts") + "".join(f"{address} {name}\n" for name, address in HOSTS.items()))
    first, second = (
        Slapd(box, ENTRIES, address=address, authority=authority, names=[name, address])
        for name, address in HOSTS.items()
    )
    first.start()
    second.start()
    yield first, second
    first.stop()
    second.stop()


def running(box: Box, authority: Authority, configuration: str) -> Authd:
    authd = Authd(box, configuration)
    for path, content in (
        ("/etc/authd/ca.pem", authority.file.read_text()),
        ("/etc/authd/ldap-password", SERVICE_PASSWORD + "\n"),
        ("/etc/saslauthd.conf", CYRUS),
    ):
        box.write(path, content, mode=0o640, group="authd")
    authd.start()
    return authd


def test_search_and_bind_with_two_servers_and_a_group(
    box: Box, authority: Authority, servers: tuple[Slapd, Slapd]
) -> None:
    authd = running(box, authority, files()[str(CONFIGURATION)])
    socket = box.path(SOCKET)
    assert ask(socket, "alice", "secret") == OK
    assert ask(socket, "alice@example.org", "secret") == OK
    assert ask(socket, "alice", "guess") == NO
    assert ask(socket, "bob", "secret") == NO
    assert ask(socket, "mallory", "secret") == NO

    servers[0].stop()
    wait_until(lambda: ask(socket, "carol", "secret") == OK, "the second server")
    servers[1].stop()
    assert ask(socket, "alice", "another guess") == TEMPORARY_FAILURE

    for server in servers:
        server.start()
    wait_until(lambda: ask(socket, "alice", "a third guess") == NO, "the servers")
    assert authd.stop() == 0


def test_the_file_of_cyrus_is_read_as_it_is(box: Box, authority: Authority, servers: tuple[Slapd, Slapd]) -> None:
    authd = running(box, authority, files()["/etc/authd/from-cyrus.toml"])
    assert ask(box.path(SOCKET), "bob", "secret") == OK
    assert ask(box.path(SOCKET), "bob", "guess") == NO
    assert "/etc/saslauthd.conf:6: ldap_start_tls: Cyrus took 'Yes' for no" in authd.process.output
    assert "STARTTLS" in servers[0].log
    assert authd.stop() == 0


def test_the_configuration_for_active_directory_is_one(tmp_path: Path) -> None:
    path = tmp_path / "authd.toml"
    path.write_text(files()["/etc/authd/active-directory.toml"])
    path.chmod(0o640)
    assert load(path).warnings == []
