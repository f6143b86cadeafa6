"""Both daemons on the same users of one slapd, over the loopback: search as the service account, then bind."""

from collections.abc import Iterator
from contextlib import contextmanager

from authd_backends.hashes.libcrypt import hashed
from bench.contenders import FEW, Contenders
from bench.databases import PASSWORD
from tests.servers.slapd import PEOPLE, SERVICE, SERVICE_PASSWORD, Slapd, person

_AUTHD = """
[backends.ldap]
type = "ldap"
uris = ["{uri}"]
bind_dn = "{service}"
password = "{password}"
base = "{base}"
"""
_CYRUS = """
ldap_servers: {uri}
ldap_bind_dn: {service}
ldap_password: {password}
ldap_search_base: {base}
"""


@contextmanager
def on_ldap(contenders: Contenders, *, bcrypt: bool = False) -> Iterator[None]:
    """Run a slapd that logs nothing and both daemons, caches off; `bcrypt`: all have one password, hashed so."""
    stored = "{CRYPT}" + hashed(PASSWORD.encode(), "$2y$10$saltsaltsaltsaltsaltsu")
    users = (
        person(f"user{number}", "", f"userPassword: {stored}") if bcrypt else person(f"user{number}", f"secret{number}")
        for number in range(FEW)
    )
    server = Slapd(contenders.box, "".join(users), log_level="none")
    server.start()
    names = {"uri": server.uri, "service": SERVICE, "password": SERVICE_PASSWORD, "base": PEOPLE}
    contenders.box.write("/etc/saslauthd.conf", _CYRUS.format(**names), mode=0o600)
    with contenders.authd_with(_AUTHD.format(**names)), contenders.saslauthd("ldap"):
        yield
    server.stop()
