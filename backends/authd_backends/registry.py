"""Type names as they stand in the configuration, to the classes behind them."""

import re
from difflib import get_close_matches
from importlib import import_module
from typing import Any

from authd_backends.errors import MissingLibraryError, OptionError
from authd_backends.kinds import SHOWN, shown

ENTRY_POINTS = "authd.backends"  # the group in which other distributions name their backends

_CLASSES = {
    "passwd-file": "authd_backends.passwd_file:PasswdFileBackend",
    "sasldb": "authd_backends.sasldb.backend:SasldbBackend",
    "pam": "authd_backends.pam.backend:PamBackend",
    "shadow": "authd_backends.shadow:ShadowBackend",
    "getpwent": "authd_backends.getpwent:GetpwentBackend",
    "ldap": "authd_backends.ldap.backend:LdapBackend",
    "mysql": "authd_backends.sql.mysql:MysqlBackend",
    "postgresql": "authd_backends.sql.postgresql:PostgresqlBackend",
    "sqlite": "authd_backends.sql.sqlite:SqliteBackend",
}


def known_types() -> tuple[str, ...]:
    """The types that this package brings. Those of other distributions are found by name only: listing them is slow."""
    return tuple(_CLASSES)


def expected_types() -> str:
    """What a wrong type is told: the known ones, in words."""
    return f"expected {_listed(known_types())}"


def backend_type(name: str) -> type[Any]:
    """Give the class of a type.

    Raises OptionError for a name that nobody brings, with the nearest known one; MissingLibraryError where the library
    of an extra is not installed.
    """
    if name in _CLASSES:
        return _imported(name, _CLASSES[name])
    return _from_entry_point(name)


def _imported(name: str, reference: str) -> type[Any]:
    module, _, attribute = reference.partition(":")
    try:
        found: type[Any] = getattr(import_module(module), attribute)
    except ImportError as error:
        if error.name is not None and error.name.partition(".")[0] == __name__.partition(".")[0]:
            raise  # a defect of ours
        is_missing = isinstance(error, ModuleNotFoundError)
        reason = "" if is_missing else f": {error}".partition("\n")[0]  # one in C is missing, as libpq
        raise MissingLibraryError(f"backend {name} needs: pip install authd[{name}]{reason}") from error
    return found


def _from_entry_point(name: str) -> type[Any]:
    from importlib.metadata import entry_points  # slow, and no built-in type needs it

    for entry_point in entry_points(group=ENTRY_POINTS, name=name):
        found: type[Any] = entry_point.load()
        return found
    meant = next(iter(get_close_matches(_plain(name[:SHOWN]), _CLASSES, 1, cutoff=0.6)), None)
    expected = f"expected a known type ({meant}?)" if meant else expected_types()
    raise OptionError(f"type: {expected}, got {shown(name)}")


def _plain(name: str) -> str:
    return re.sub(r"[\s_]+", "-", name.lower())


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names[:-1]) + " or " + names[-1]
