"""Kinds of values that only the daemon's own sections hold."""

import re
from pathlib import Path

from authd_backends.errors import OptionError
from authd_backends.kinds import FilePath, ListOf, Mismatch, Text, quoted
from authd_backends.templates import Template

SUN_PATH_MAX = 107  # bytes of a Unix socket's path, unix(7), without the NUL
SOCKET_PATH = FilePath(longest=SUN_PATH_MAX)
NAME = Text(expected="a name", minimum=1)
NAMES = ListOf(Text(), minimum=1)
LOGIN_NAMES = ("user", "realm", "service")  # what a route knows when it makes the login


class Mode:
    """Permissions of a socket, as a string: TOML's own numbers would turn 660 into 0o1224 without a word."""

    expected = 'octal permissions like "0660"'

    def read(self, value: object) -> int:
        if not isinstance(value, str) or not re.fullmatch(r"0?[0-7]{3}", value):
            raise Mismatch
        return int(value, 8)

    def write(self, value: int) -> str:
        return f"{value:04o}"


class Network:
    """An address or network; bits behind the mask are refused: nobody can tell which of the two was meant."""

    expected = 'an address or network like "10.0.0.0/8"'

    def read(self, value: object) -> str:
        from ipaddress import ip_network  # 4 ms that most configurations need not spend

        text = Text(minimum=1).read(value)
        try:
            ip_network(text)
        except ValueError as error:
            raise Mismatch(f"{quoted(text)}, which has host bits set" if "host bits" in str(error) else "") from None
        return text

    def write(self, value: str) -> str:
        return value


class LoginTemplate:
    """The template of a route's login."""

    expected = "a template of " + ", ".join(f"{{{name}}}" for name in LOGIN_NAMES)

    def read(self, value: object) -> str:
        text = Text(minimum=1).read(value)
        try:
            Template(text, LOGIN_NAMES)
        except OptionError:
            raise Mismatch from None
        return text

    def write(self, value: str) -> str:
        return value


class Listen:
    """Where to listen: a TCP address with its port, or the path of a Unix socket."""

    expected = 'an address like "127.0.0.1:9479" or an absolute path'

    def read(self, value: object) -> str:
        text = Text(minimum=1).read(value)
        if text.startswith("/"):
            return str(SOCKET_PATH.read(text))
        found = re.fullmatch(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):([0-9]{1,5})", text)
        if found is None or not 0 < int(found[1]) < 65536:
            raise Mismatch
        return text

    def write(self, value: str) -> str:
        return value


class ListenerPaths:
    """Paths of listeners; with ``"*"`` among them any will do, as without the key."""

    expected = 'a list of at least 1 (each the path of a listener or "*")'

    def read(self, value: object) -> tuple[Path, ...] | None:
        if isinstance(value, list) and "*" in value:
            return None
        paths: tuple[Path, ...] = ListOf(FilePath(), minimum=1).read(value)
        return paths

    def write(self, value: tuple[Path, ...]) -> list[object]:
        return list(map(str, value))
