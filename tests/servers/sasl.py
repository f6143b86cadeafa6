"""Cyrus SASL's user database and libsasl2's own configuration."""

from tests.servers.box import Box

DATABASE = "/etc/sasldb2"


def set_password(box: Box, user: str, realm: str, password: str, *, path: str = DATABASE) -> None:
    """Add the user or change the password, with Debian's saslpasswd2; the file is made root:sasl 0660 as Debian's."""
    box.run(["saslpasswd2", "-p", "-c", "-f", path, "-u", realm, user], input=password)
    box.run(["chown", "root:sasl", path])


def delete_user(box: Box, user: str, realm: str, *, path: str = DATABASE) -> None:
    box.run(["saslpasswd2", "-d", "-f", path, "-u", realm, user])
