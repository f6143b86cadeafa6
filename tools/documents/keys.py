"""What may stand in authd.toml, as the types of its tables say it."""

import ast
import inspect
import sys
from dataclasses import MISSING, dataclass, fields
from textwrap import dedent
from typing import Any, get_args, get_type_hints

from authd.config.settings import BackendSettings, Settings
from authd.config.show import as_toml
from authd_backends.kinds import Kind
from authd_backends.options import kinds_of
from authd_backends.registry import backend_type, expected_types, known_types

_NO_KEYS = {"name", "options"}  # of BackendSettings: the heading, and what the type of the backend brings


@dataclass(frozen=True, slots=True)
class Key:
    """One key; `expected` says its type, range and unit, `default` is how it would stand in the file."""

    name: str
    expected: str
    default: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the file, or what a type of backend adds to its own; the texts are Markdown."""

    heading: str
    summary: str
    keys: tuple[Key, ...]


def tables() -> list[Table]:
    """Give every table, in the order of `Settings`; the types of backends follow upon what is common to them."""
    found = []
    for name, hint in get_type_hints(Settings).items():
        many = get_args(hint)
        kind = many[0] if many else hint
        heading = f"[{name}]" if not many else f"[[{name}]]" if kind is not BackendSettings else f"[{name}.NAME]"
        found.append(Table(heading, _summary(kind), _keys(kind)))
        if kind is BackendSettings:
            found += map(_of_type, known_types())
    return found


def _of_type(name: str) -> Table:
    backend = backend_type(name)
    summary = (sys.modules[backend.__module__].__doc__ or "").partition("\n")[0].partition(": ")[2]
    return Table(f'type = "{name}"', f"{summary[0].upper()}{summary[1:]}", _keys(backend.options_type))


def _summary(kind: type[Any]) -> str:
    return " ".join((inspect.getdoc(kind) or "").split())


def _keys(kind: type[Any]) -> tuple[Key, ...]:
    kinds, meanings = kinds_of(kind), _meanings(kind)
    defaults = {each.name: each.default for each in fields(kind)}
    names = [name for name in kinds if kind is not BackendSettings or name not in _NO_KEYS]
    return tuple(
        Key(name, _expected(kind, name, kinds[name]), _default(kinds[name], defaults[name]), meanings[name])
        for name in names
    )


def _expected(table: type[Any], name: str, kind: Kind) -> str:
    """What the value may be; a backend's type is any string to its kind, since others may bring further ones."""
    return expected_types().removeprefix("expected ") if (table, name) == (BackendSettings, "type") else kind.expected


def _default(kind: Kind, default: Any) -> str:
    """As it would stand in the file; empty where the key is required."""
    if default is MISSING:
        return ""
    return "not set" if default is None else as_toml(kind.write(default))


def _meanings(kind: type[Any]) -> dict[str, str]:
    """Give the string below each field, those of the classes above too."""
    found: dict[str, str] = {}
    for each in reversed(kind.__mro__[:-1]):
        (definition,) = ast.parse(dedent(inspect.getsource(each))).body
        assert isinstance(definition, ast.ClassDef)
        for field, below in zip(definition.body, definition.body[1:], strict=False):
            match (field, below):
                case (ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text)))):
                    found[name] = text
                case _:
                    pass
    return found
