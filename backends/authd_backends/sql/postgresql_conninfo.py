"""What libpq is told: where a server is, who asks, and what is verified."""

import re
import ssl
from pathlib import Path

from psycopg import pq
from psycopg.conninfo import make_conninfo

from authd_backends.errors import OptionError, Unavailable
from authd_backends.sql.options import Server, ServerOptions, check_readable, password_of, uses_tls
from authd_backends.sql.postgresql_connection import addresses_of

PORT = 5432
_SOCKET = re.compile(r"(?P<folder>.*)/\.s\.PGSQL\.(?P<port>\d{1,5})")
_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem")


def check_files(options: ServerOptions) -> None:
    """Raises OptionError for files that cannot be read: libpq would say so at each login, and only then."""
    for name in ("ca_file", "cert_file", "key_file"):
        check_readable(name, getattr(options, name))
    _tls(options)


async def conninfo_of(options: ServerOptions, server: Server) -> str:
    """Give libpq's options for a server, its addresses among them. Raises OSError where it has none, Unavailable."""
    try:
        password = password_of(options).reveal().decode()
    except UnicodeDecodeError as error:
        raise Unavailable(f"{options.password_file}: expected UTF-8, got something else") from error
    given = {
        **(_place_of_socket(server.path) if server.path else await _place(server)),
        **({"sslmode": "disable"} if server.path else _tls(options)),
        "user": options.user,
        "password": password or None,
        "dbname": options.database,
        "client_encoding": "UTF8",
        "application_name": "authd",
        "gssencmode": "disable",
        "target_session_attrs": "any",
    }
    return make_conninfo(**{key: value for key, value in given.items() if value is not None})


def _tls(options: ServerOptions) -> dict[str, str | None]:
    """Give libpq's options. Raises OptionError where no authority is known."""
    if not uses_tls(options):
        # without TLS the password must not travel as it is; libpq 15 and older know no such option
        return {"sslmode": "disable", "require_auth": "none,md5,scram-sha-256" if pq.version() >= 160000 else None}
    files = {"sslcert": options.cert_file, "sslkey": options.key_file or options.cert_file}
    return {
        "sslmode": "verify-full",
        "sslrootcert": str(options.ca_file or _bundle()),
        **{key: None if file is None else str(file) for key, file in files.items()},
    }


def _place_of_socket(path: str) -> dict[str, str | None]:
    found = _SOCKET.fullmatch(path)
    return {"host": found["folder"], "port": found["port"]} if found else {"host": path, "port": str(PORT)}


async def _place(server: Server) -> dict[str, str | None]:
    addresses = await addresses_of(server.host, server.port)
    hosts = ",".join([server.host] * len(addresses))
    return {"host": hosts, "hostaddr": ",".join(addresses), "port": str(server.port)}


def _bundle() -> str:
    """Give the system's authorities; libpq knows them by itself only from 16 on."""
    for path in (ssl.get_default_verify_paths().cafile, *_BUNDLES):
        if path and Path(path).is_file():
            return path
    raise OptionError("ca_file: expected a file, got none, and the system has none of its own", "ca_file")
