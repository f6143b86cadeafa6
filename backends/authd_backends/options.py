"""A TOML table becomes a frozen dataclass, read by its annotations, or all that is wrong with it at once.

A plain annotation is read as it says: ``str``, ``bool``, ``int``, ``float``, ``Path`` (absolute), ``Secret``, an enum
(by value), ``tuple[X, ...]``, ``X | None`` (None: the key is absent) and ``Any``. ``Annotated[X, kind]`` names the kind
itself, as in ``Annotated[float, Duration()]``.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import MISSING, Field, dataclass, fields
from difflib import get_close_matches
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

from authd_backends.contract import Secret
from authd_backends.errors import OptionError
from authd_backends.kinds import (
    HIDDEN,
    SHOWN,
    UNSHOWN,
    Anything,
    Duration,
    FilePath,
    Flag,
    Hidden,
    Kind,
    ListOf,
    Mismatch,
    Number,
    Range,
    Size,
    Text,
    Word,
    shown,
)

__all__ = [
    "Duration",
    "FilePath",
    "Kind",
    "ListOf",
    "Mismatch",
    "OptionErrors",
    "Problem",
    "Range",
    "Size",
    "Text",
    "build",
    "is_secret",
    "unknown_key",
    "written",
]

_SECRET_KEY = re.compile(r"(password|passphrase|passwd|secret|token)s?\d*\Z", re.IGNORECASE)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Problem:
    """One key that cannot be used. `got` is safe to print: quoted, escaped, cut, and never a secret."""

    key: str
    expected: str
    got: str

    def __str__(self) -> str:
        return f"{self.key}: expected {self.expected}, got {self.got}"


class OptionErrors(OptionError):  # noqa: N818  # several of one table, where OptionError is one
    """All that is wrong with a table, so that the caller can say where each key stands."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


def build(options_type: type[T], table: Mapping[str, object], also_known: Collection[str] = ()) -> T:
    """Make an instance of a dataclass from a table of TOML.

    `also_known` are keys that somebody else takes out of the same table: what a misspelt key may have meant.
    Raises OptionErrors with every unknown, missing and wrong key; what ``__post_init__`` raises goes through.
    """
    kinds = kinds_of(options_type)
    problems = [unknown_key(key, (*kinds, *also_known)) for key in table if key not in kinds]
    values: dict[str, Any] = {}
    for key, kind in kinds.items():
        if key not in table:
            continue
        try:
            values[key] = kind.read(table[key])
        except Mismatch as mismatch:
            problems.append(Problem(key, kind.expected, _got(key, kind, table[key], mismatch.got)))
    problems += [Problem(key, kinds[key].expected, "nothing") for key in _required(options_type) if key not in table]
    if problems:
        raise OptionErrors(problems)
    return options_type(**values)


def written(options: Any) -> dict[str, object]:
    """Give the table that `build` reads as equal options; an option that is None stays None, a secret is hidden."""
    values = {key: (kind, getattr(options, key)) for key, kind in kinds_of(type(options)).items()}
    return {
        key: None if value is None else HIDDEN if _hides(key, kind) else kind.write(value)
        for key, (kind, value) in values.items()
    }


def kinds_of(options_type: type[Any]) -> dict[str, Kind]:
    """Give the kind of each option, in the order of the class. Raises TypeError for an annotation nobody can read."""
    hints = get_type_hints(options_type, include_extras=True)
    return {field.name: _kind(hints[field.name]) for field in _fields(options_type)}


def unknown_key(key: str, known: Collection[str]) -> Problem:
    """Say what a key that nobody knows may have meant: the nearest known one, or else all of them."""
    meant = next(iter(get_close_matches(key[:SHOWN], known, n=1)), None)
    return Problem(key, f"a known key ({f'{meant}?' if meant else ', '.join(known)})", "an unknown one")


def is_secret(key: str) -> bool:
    """Whether the value of a key of this name must not be shown. The path in a ``password_file`` may."""
    return _SECRET_KEY.search(key) is not None


_PLAIN: dict[Any, Kind] = {
    Any: Anything(),
    str: Text(),
    bool: Flag(),
    int: Range(),
    float: Number(),
    Path: FilePath(),
    Secret: Hidden(),
}


def _kind(hint: Any) -> Kind:
    arguments = get_args(hint)
    if get_origin(hint) is Annotated:
        return next((each for each in arguments[1:] if hasattr(each, "read")), None) or _kind(arguments[0])
    if get_origin(hint) in (Union, UnionType) and len(arguments) == 2 and NoneType in arguments:
        return _kind(next(each for each in arguments if each is not NoneType))
    if get_origin(hint) is tuple and arguments[1:] == (Ellipsis,):
        return ListOf(_kind(arguments[0]))
    if isinstance(hint, type) and issubclass(hint, Enum):
        return Word(hint)
    if hint not in _PLAIN:
        raise TypeError(f"expected an annotation that authd_backends.options knows, got {hint!r}")
    return _PLAIN[hint]


def _fields(options_type: type[Any]) -> list[Field[Any]]:
    return [field for field in fields(options_type) if field.init]


def _required(options_type: type[Any]) -> list[str]:
    return [each.name for each in _fields(options_type) if each.default is MISSING and each.default_factory is MISSING]


def _got(key: str, kind: Kind, value: object, got: str) -> str:
    return UNSHOWN if _hides(key, kind) else got or shown(value)


def _hides(key: str, kind: Kind) -> bool:
    return is_secret(key) and not isinstance(kind, Word | Flag)
