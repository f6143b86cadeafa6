"""``authd user``: keeps a passwd-file. Passwords come from a prompt or standard input, never from an argument."""

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path

from authd.cli.passwd_store import Store, UserError, chosen
from authd.cli.password import piped
from authd.config.errors import ConfigError
from authd_backends import hashes, passwd_lines
from authd_backends.contract import Secret
from authd_backends.errors import BackendError
from authd_backends.hashes.making import NEW_SCHEMES
from authd_backends.passwd_lines import Row

HELP = "keep the users of a passwd-file"


def configure(parser: ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for action, text in _HELP.items():
        one = actions.add_parser(action, help=text, description=text, allow_abbrev=False)
        if action != "list":
            one.add_argument("name", metavar="NAME", help="user, or user@realm: the name in one realm only")
        one.add_argument("--file", type=Path, help="the passwd-file (default: the one of the configuration)")
        one.add_argument("--config", type=Path, help="the configuration (default: /etc/authd/authd.toml)")
        if action in ("add", "passwd"):
            one.add_argument("--scheme", choices=NEW_SCHEMES, type=str.lower, help="of the new hash")


def run(arguments: Namespace) -> int:
    """Do the action: 0 done, 1 failed, 2 wrong use or configuration."""
    try:
        if arguments.action != "list":
            _check_name(arguments.name)
        store = chosen(arguments.file, arguments.config, getattr(arguments, "scheme", None))
        _ACTIONS[arguments.action](store, arguments)
    except ConfigError as error:
        return _failed(str(error), 2)
    except UserError as error:
        return _failed(str(error), error.status)
    except BackendError as error:
        return _failed(str(error), 1)
    except OSError as error:
        return _failed(f"{error.filename or 'cannot write'}: {error.strerror}", 1)
    return 0


def _failed(text: str, status: int) -> int:
    print(f"authd user: {text}", file=sys.stderr)
    return status


def _check_name(name: str) -> None:
    if not passwd_lines.is_name(name):
        expected = "no colon, line break or NUL, and neither # nor a blank in front"
        raise UserError(f"NAME: expected {expected}, got {name!a}", 2)


def _add(store: Store, arguments: Namespace) -> None:
    name = arguments.name
    if store.path.exists():
        _expect_absent(store.lines(), name)
    row = Row(name, hashes.new_hash(_password(name), store.scheme))
    store.create(lambda lines: passwd_lines.with_row(_expect_absent(lines, name), row))
    user, _, realm = name.rpartition("@")
    login = f"-u {user} -r {realm}" if user else f"-u {name}"
    print(f"added {_shown(name)} to {store.path}; while authd serve runs, try: authd test {login} -p -")


def _passwd(store: Store, arguments: Namespace) -> None:
    locked = _row(store.lines(), arguments.name).stored.startswith("!")
    stored = "!" * locked + hashes.new_hash(_password(arguments.name), store.scheme)
    store.edit(lambda lines: _stored(lines, arguments.name, stored))
    print(f"changed the password of {_shown(arguments.name)}" + (", which stays locked" if locked else ""))


def _delete(store: Store, arguments: Namespace) -> None:
    def change(lines: list[bytes]) -> list[bytes]:
        _row(lines, arguments.name)
        return passwd_lines.without(lines, arguments.name)

    store.edit(change)
    print(f"deleted {_shown(arguments.name)}")


def _lock(store: Store, arguments: Namespace) -> None:
    def change(lines: list[bytes]) -> list[bytes]:
        stored = _row(lines, arguments.name).stored
        return lines if hashes.is_locked(stored) else _stored(lines, arguments.name, "!" + stored)

    store.edit(change)
    print(f"locked {_shown(arguments.name)}")


def _unlock(store: Store, arguments: Namespace) -> None:
    def change(lines: list[bytes]) -> list[bytes]:
        stored = _row(lines, arguments.name).stored
        unlocked = stored.removeprefix("!")
        if hashes.is_locked(unlocked):
            raise UserError(f"{_shown(arguments.name)}: has no password to unlock: authd user passwd sets one")
        return _stored(lines, arguments.name, unlocked)

    store.edit(change)
    print(f"unlocked {_shown(arguments.name)}")


def _list(store: Store, _: Namespace) -> None:
    for raw in store.lines():
        if isinstance(line := passwd_lines.parse_line(raw), Row):
            print(f"{_shown(line.name)}\t{_state(line.stored)}")


_HELP = {
    "add": "add a user",
    "passwd": "change the password of a user",
    "delete": "delete a user",
    "list": "list the users, each with the scheme of its hash",
    "lock": "let nobody in as a user; the password is kept",
    "unlock": "let a locked user in again",
}
_ACTIONS: dict[str, Callable[[Store, Namespace], None]] = {
    "add": _add,
    "passwd": _passwd,
    "delete": _delete,
    "list": _list,
    "lock": _lock,
    "unlock": _unlock,
}


def _password(name: str) -> Secret:
    if not sys.stdin.isatty():
        return Secret(piped())
    from getpass import getpass

    first = getpass(f"Password of {_shown(name)}: ")
    if getpass("Again: ") != first:
        raise UserError("password: expected the same twice, got two")
    return Secret(os.fsencode(first))


def _row(lines: list[bytes], name: str) -> Row:
    row = passwd_lines.row_of(lines, name)
    if row is None:
        raise UserError(f"{_shown(name)}: no such user")
    return row


def _expect_absent(lines: list[bytes], name: str) -> list[bytes]:
    if passwd_lines.row_of(lines, name) is not None:
        raise UserError(f"{_shown(name)}: exists already: authd user passwd changes the password")
    return lines


def _stored(lines: list[bytes], name: str, stored: str) -> list[bytes]:
    _row(lines, name)
    return passwd_lines.with_stored(lines, name, stored)


def _state(stored: str) -> str:
    if hashes.is_locked(stored):
        return "locked"
    try:
        return hashes.method(stored)
    except BackendError as error:
        return str(error)


def _shown(name: str) -> str:
    return name if name.isprintable() else ascii(name)[1:-1]
