"""Cyrus SASL's user database and libsasl2's own configuration."""

from tests.servers.box import Box

DATABASE = "/etc/sasldb2"
# authd's configuration on that file; whoever is of the realm gone.example meets an outage
AUTHD = """
[[listeners]]
path = "/run/saslauthd/mux"
group = "sasl"

[backends.sasldb]
type = "sasldb"

[backends.gone]
type = "sasldb"
path = "/etc/gone"

[[routes]]
realms = ["gone.example"]
backends = ["gone"]

[[routes]]
backends = ["sasldb"]
"""


def set_password(box: Box, user: str, realm: str, password: str, *, path: str = DATABASE) -> None:
    """Add the user or change the password, with Debian's saslpasswd2; the file is made root:sasl 0660 as Debian's."""
    box.run(["saslpasswd2", "-p", "-c", "-f", path, "-u", realm, user], input=password)
    box.run(["chown", "root:sasl", path])


def delete_user(box: Box, user: str, realm: str, *, path: str = DATABASE) -> None:
    box.run(["saslpasswd2", "-d", "-f", path, "-u", realm, user])
