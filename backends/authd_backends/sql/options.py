"""What the configuration says of a database: what is asked, of whom, and how."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated

from authd_backends import files
from authd_backends.contract import Secret
from authd_backends.errors import OptionError, Unavailable
from authd_backends.hashes import Policy
from authd_backends.kinds import Duration, ListOf, Text
from authd_backends.sql.query import Statement, statement
from authd_backends.sql.schemas import Dialect, schema_query

_MAX_SECRET = 4096  # bytes of a password_file

Step = Annotated[float, Duration(minimum=0.05, maximum=60)]


@dataclass(frozen=True, kw_only=True, slots=True)
class QueryOptions:
    """Of every database. Exactly one of the first three is set; of `queries` the first that finds a row counts."""

    query: str | None = None
    """Gives a user's row: a column `password` and, where wanted, `active`, `expires`, `user`."""
    queries: tuple[str, ...] = ()
    """Several, in this order; the first that finds a row counts."""
    schema: str | None = None
    """The ready query for the tables of a program: see sql-schemas.md among the documents."""
    default_scheme: str | None = None
    """Of values that name no scheme and have the form of none."""
    weak_schemes: bool = False
    """Accept hashes that are computed in no time: unsalted MD5 and SHA, SMD5, md5crypt, DES, MySQL's."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerOptions(QueryOptions):
    """Of a database behind a server. Certificate and name are verified wherever TLS is used."""

    hosts: Annotated[tuple[str, ...], ListOf(Text(minimum=1), minimum=1)]
    """The preferred first: `"db1"`, `"db2:3307"`, `"[::1]"`, or the path of a Unix socket."""
    user: Annotated[str, Text(minimum=1)]
    """Account at the server."""
    database: Annotated[str, Text(minimum=1)]
    """Its name."""
    password: Secret | None = None
    """Of the account; better kept in `password_file`."""
    password_file: Path | None = None
    """A file that holds the password of the account, read at each connection."""
    tls: bool | None = None
    """Whether TLS is used, never through a Unix socket. Not set: where `ca_file` is."""
    ca_file: Path | None = None
    """Certificates that are trusted. Not set: the system's."""
    cert_file: Path | None = None
    """Certificate of the account."""
    key_file: Path | None = None
    """Its key. Not set: `cert_file` has it."""
    connect_deadline: Step = 2.0
    """For a connection, with the name's lookup, TLS and the server's own login."""
    query_deadline: Step = 3.0
    """For one query; the server ends it then, too."""


@dataclass(frozen=True, slots=True)
class Server:
    """A Unix socket, or a host and its port."""

    host: str = ""
    port: int = 0
    path: str = ""

    def __str__(self) -> str:
        if self.path:
            return self.path
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def check_query_options(options: QueryOptions, dialect: Dialect) -> None:
    """Raises OptionError for what no single option tells: not one source of the query, an unknown scheme or name."""
    given = [name for name in ("query", "queries", "schema") if getattr(options, name)]
    if len(given) != 1:
        got = " and ".join(given) or "none of them"
        raise OptionError(f"expected one of query, queries and schema, got {got}", given[1] if given else None)
    policy_of(options)
    statements_of(options, dialect)


def check_server_options(options: ServerOptions, dialect: Dialect, default_port: int) -> None:
    """Raises OptionError as `check_query_options`, and for hosts, passwords and TLS that cannot be meant."""
    check_query_options(options, dialect)
    servers_of(options.hosts, default_port)
    if options.password is not None and options.password_file is not None:
        raise OptionError("password_file: expected no password beside it, got one", "password_file")
    if options.key_file is not None and options.cert_file is None:
        raise OptionError("key_file: expected a cert_file beside it, got none", "key_file")
    for name in ("ca_file", "cert_file"):
        if getattr(options, name) is not None and not uses_tls(options):
            raise OptionError(f"{name}: expected it only with TLS, got no tls = true", name)


def policy_of(options: QueryOptions) -> Policy:
    """Give what the options say of hashes. Raises OptionError for an unknown scheme."""
    return Policy(options.default_scheme, options.weak_schemes)


def statements_of(options: QueryOptions, dialect: Dialect) -> tuple[Statement, ...]:
    """Give the queries, parsed. Raises OptionError for an unknown schema, and as `query.statement`."""
    if options.schema is not None:
        return (statement(schema_query(options.schema, dialect), dialect, "schema"),)
    if options.query is not None:
        return (statement(options.query, dialect),)
    return tuple(statement(each, dialect, "queries") for each in options.queries)


def servers_of(hosts: Sequence[str], default_port: int) -> tuple[Server, ...]:
    """Read ``"db1"``, ``"db2:3307"``, ``"[::1]:3307"`` or the path of a Unix socket. Raises OptionError."""
    servers = tuple(_server(host, default_port) for host in hosts)
    if len(set(servers)) < len(servers):
        raise OptionError("hosts: expected each once, got one twice", "hosts")
    return servers


def uses_tls(options: ServerOptions) -> bool:
    """Whether hosts, other than Unix sockets, are spoken to with TLS."""
    return options.ca_file is not None if options.tls is None else options.tls


def unprotected(options: ServerOptions, servers: Sequence[Server]) -> list[Server]:
    """Give the servers to which hashes would travel in the clear: not local ones."""
    return [] if uses_tls(options) else [each for each in servers if not each.path and not _is_loopback(each.host)]


def password_of(options: ServerOptions) -> Secret:
    """Give the password, from its file where one is named: a new one is taken up by the next connection.

    The end of its line does not belong to it. Raises Unavailable where the file cannot be read.
    """
    if options.password_file is None:
        return options.password or Secret(b"")
    try:
        content = files.read_regular(options.password_file, _MAX_SECRET)
    except OSError as error:
        raise Unavailable(f"{options.password_file}: {error.strerror}") from error
    return Secret(content.removesuffix(b"\n").removesuffix(b"\r"))


def check_readable(name: str, path: Path | None) -> None:
    """Raises OptionError unless the option of this name is a file that can be read, or not set."""
    try:
        if path is not None:
            os.close(files.open_regular(path))
    except OSError as error:
        raise OptionError(f"{name}: {path}: {error.strerror}", name) from error


def _server(host: str, default_port: int) -> Server:
    if host.startswith("/"):
        return Server(path=host)
    found = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\s:/@\[\]]+))(?::([0-9]{1,5}))?", host)
    port = int(found[3] or default_port) if found else 0
    if found is None or not 0 < port < 65536:
        expected = f'expected a host like "db1", "db1:{default_port}", "[::1]:{default_port}" or the path of a socket'
        raise OptionError(f"hosts: {expected}, got {host!r}", "hosts")
    return Server(found[1] or found[2], port)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
