"""aiomysql's connection, closed to what a server, or who stands in for it, must not be able to ask of us."""

import ssl
from typing import Any

import aiomysql
from pymysql.constants import CLIENT
from pymysql.err import OperationalError

from authd_backends.errors import OptionError
from authd_backends.sql.options import ServerOptions, check_readable

_CLEAR = (b"mysql_clear_password", b"dialog")  # plugins by which the password travels as it is
_QUIT = b"\1\0\0\0\1"  # a packet of one byte, COM_QUIT
_CR_SSL_CONNECTION_ERROR = 2026
_CR_AUTH_PLUGIN_ERR = 2061
_CR_SERVER_LOST = 2013


def context_of(options: ServerOptions) -> ssl.SSLContext:
    """Give what verifies a server and its name. Raises OptionError for a file that cannot be used."""
    for name in ("ca_file", "cert_file", "key_file"):
        check_readable(name, getattr(options, name))
    try:
        context = ssl.create_default_context(cafile=options.ca_file)
    except OSError as error:
        raise OptionError(f"ca_file: {options.ca_file}: {error.strerror}", "ca_file") from error
    if options.cert_file is not None:
        try:
            context.load_cert_chain(options.cert_file, options.key_file)
        except OSError as error:
            raise OptionError(f"cert_file: {options.cert_file}: {error.strerror}", "cert_file") from error
    return context


class Cursor(aiomysql.Cursor):  # type: ignore[misc]
    async def _show_warnings(self, _: Any) -> None:
        """Ask for none: they quote what a client sent, and Python would print them."""


class Connection(aiomysql.Connection):  # type: ignore[misc]
    """A connection that goes on in TLS or not at all, takes one statement at a time and sends no file.

    aiomysql (0.3.2) goes on in the clear where the server does not offer TLS, gives the password to a server that asks
    for it in the clear, allows several statements in one query, and before 0.3 sends any file that the server asks for.
    """

    is_at_rest = False  # no query is under way

    _reader: Any  # of the class above, which has no types
    _writer: Any
    _server_auth_plugin: str

    @property
    def is_alive(self) -> bool:
        """Whether the server has not closed it, as far as has been heard."""
        return self._reader is not None and not self._reader.eof_received

    def abort(self) -> None:
        """Close it without waiting; where it is at rest the server is told, or it would log an aborted connection."""
        if self._writer is not None:
            if self.is_at_rest and self.is_alive:
                self._writer.write(_QUIT)
            self._writer.transport.abort()
        self._writer = self._reader = None

    def close(self) -> None:
        """Do so, where aiomysql gives it up: with TLS it would wait for the server's last word."""
        self.is_at_rest = False
        self.abort()

    async def establish(self) -> None:
        """Connect and log in. Raises OSError and PyMySQL's errors."""
        await self._connect()

    async def _request_authentication(self) -> None:
        if self._ssl_context is not None and not self.server_capabilities & CLIENT.SSL:
            raise OperationalError(_CR_SSL_CONNECTION_ERROR, "expected TLS, got a server that does not offer it")
        if self._server_auth_plugin.encode() in _CLEAR:
            self._server_auth_plugin = "mysql_native_password"  # what is really meant it asks for then
        self.client_flag &= ~CLIENT.MULTI_STATEMENTS
        await super()._request_authentication()

    async def _process_auth(self, plugin_name: bytes, auth_packet: Any) -> Any:
        if plugin_name in _CLEAR and self._ssl_context is None and not self._unix_socket:
            raise OperationalError(_CR_AUTH_PLUGIN_ERR, "expected TLS, got a server that asks for the bare password")
        return await super()._process_auth(plugin_name, auth_packet)

    async def _read_packet(self, *arguments: Any) -> Any:
        is_answer = self._next_seq_id == 1  # the first packet that follows a command
        packet = await super()._read_packet(*arguments)
        if is_answer and packet.is_load_local_packet():
            self.abort()
            raise OperationalError(_CR_SERVER_LOST, "expected rows, got a server that asks for a file")
        return packet
