"""How single values stand in TOML: durations, sizes, paths, words. `options` reads whole tables with them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Protocol

from authd_backends.contract import Secret

SHOWN = 60  # characters of a wrong value that an error shows
HIDDEN = "…"
UNSHOWN = "a value that is not shown"
PATH_MAX = 4095  # bytes, Linux's without the NUL
_LARGEST = 2.0**63
_UNITS = {"d": 86_400, "h": 3600, "m": 60, "s": 1}
_YEAR = 366 * 86_400.0  # seconds
_SIZES = {"T": 1 << 40, "G": 1 << 30, "M": 1 << 20, "K": 1 << 10, "": 1}


class Mismatch(ValueError):  # noqa: N818  # half of an error: `build` knows the key and what was expected
    """A value that a kind refuses. `got` replaces the value where that alone would not explain it."""

    def __init__(self, got: str = "") -> None:
        super().__init__(got)
        self.got = got


class Kind(Protocol):
    """How one value stands in TOML: `write` gives what `read` gives back equal."""

    @property
    def expected(self) -> str:
        """What to write instead of a wrong value."""

    def read(self, value: object) -> Any:
        """Convert a value of TOML. Raises Mismatch."""

    def write(self, value: Any) -> object:
        """Convert back to a value of TOML."""


def quoted(text: str) -> str:
    """Quote as a basic string of TOML; what does not print is escaped."""
    return '"' + "".join(map(_escaped, text)) + '"'


def shown(value: object) -> str:
    """Describe a value of TOML in a few printable characters."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return quoted(value) if len(value) <= SHOWN else quoted(value[:SHOWN]) + "…"
        case int():
            return str(value) if value.bit_length() < 128 else "a number of more than 128 bits"
        case float():
            return str(value)
        case list():
            return "a list" if value else "an empty list"
        case Mapping():
            return "a table"
        case _:
            return f"a {type(value).__name__}"


class Anything:
    """Whatever TOML can hold, left as it is."""

    expected = "a value"

    def read(self, value: object) -> object:
        return value

    def write(self, value: object) -> object:
        return value


@dataclass(frozen=True, slots=True)
class Text:
    """A string without NUL, which no file, account or server can have in a name."""

    expected: str = "a string"
    minimum: int = 0  # characters

    def read(self, value: object) -> str:
        if not isinstance(value, str) or len(value) < self.minimum:
            raise Mismatch
        if "\0" in value:
            raise Mismatch(f"a NUL in {shown(value)}")
        return value

    def write(self, value: str) -> str:
        return value


class Flag:
    """A boolean, and never a number."""

    expected = "true or false"

    def read(self, value: object) -> bool:
        if not isinstance(value, bool):
            raise Mismatch
        return value

    def write(self, value: bool) -> bool:
        return value


@dataclass(frozen=True, slots=True)
class Range:
    """A whole number between bounds, both included."""

    minimum: int = -(2**63)
    maximum: int = 2**63 - 1

    @property
    def expected(self) -> str:
        if self == Range():
            return "a whole number"
        return f"a whole number from {self.minimum} to {self.maximum}"

    def read(self, value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not self.minimum <= value <= self.maximum:
            raise Mismatch
        return value

    def write(self, value: int) -> int:
        return value


class Number:
    """A finite number."""

    expected = "a number"

    def read(self, value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _LARGEST:
            raise Mismatch
        return float(value)

    def write(self, value: float) -> float:
        return float(value)


@dataclass(frozen=True, slots=True)
class Duration:
    """``"250ms"``, ``"8s"``, ``"5m"``, ``"8h"`` or ``"1d"``, as seconds; so are the bounds, both included."""

    minimum: float = 0.0
    maximum: float = _YEAR

    @property
    def expected(self) -> str:
        return f'a duration like "8s" ({quoted(self.write(self.minimum))} to {quoted(self.write(self.maximum))})'

    def read(self, value: object) -> float:
        found = re.fullmatch(r"([0-9]{1,12})(ms|s|m|h|d)", value) if isinstance(value, str) else None
        if found is None:
            raise Mismatch
        number, unit = int(found[1]), found[2]
        seconds = number / 1000 if unit == "ms" else float(number * _UNITS[unit])
        if not self.minimum <= seconds <= self.maximum:
            raise Mismatch
        return seconds

    def write(self, value: float) -> str:
        seconds, thousandths = divmod(round(value * 1000), 1000)
        if thousandths:
            return f"{seconds * 1000 + thousandths}ms"
        unit = next(unit for unit, size in _UNITS.items() if (seconds and seconds % size == 0) or unit == "s")
        return f"{seconds // _UNITS[unit]}{unit}"


@dataclass(frozen=True, slots=True)
class Size:
    """``"64M"``: K, M, G and T are powers of 1024, none is bytes; the bounds are bytes, both included."""

    minimum: int = 0
    maximum: int = 1 << 50

    @property
    def expected(self) -> str:
        return f'a size like "64M" ({quoted(self.write(self.minimum))} to {quoted(self.write(self.maximum))})'

    def read(self, value: object) -> int:
        found = re.fullmatch(r"([0-9]{1,16})([KMGT]?)", value) if isinstance(value, str) else None
        if found is None:
            raise Mismatch
        size = int(found[1]) * _SIZES[found[2]]
        if not self.minimum <= size <= self.maximum:
            raise Mismatch
        return size

    def write(self, value: int) -> str:
        unit = next(unit for unit, size in _SIZES.items() if (value and value % size == 0) or not unit)
        return f"{value // _SIZES[unit]}{unit}"


@dataclass(frozen=True, slots=True)
class FilePath:
    """A path; a relative one would depend on the directory in which the daemon was started."""

    absolute: bool = True
    longest: int = PATH_MAX  # bytes

    @property
    def expected(self) -> str:
        length = f" of at most {self.longest} bytes" if self.longest < PATH_MAX else ""
        return ("an absolute path" if self.absolute else "a path") + length

    def read(self, value: object) -> Path:
        text = Text(minimum=1).read(value)
        if len(text.encode("utf-8", "surrogateescape")) > self.longest or (self.absolute and not text.startswith("/")):
            raise Mismatch
        return Path(text)

    def write(self, value: Path) -> str:
        return str(value)


class Hidden:
    """A string that is wrapped as it is read, and never written."""

    expected = "a string"

    def read(self, value: object) -> Secret:
        try:
            return Secret(Text().read(value).encode())
        except Mismatch:
            raise Mismatch(UNSHOWN) from None

    def write(self, value: Secret) -> str:  # noqa: ARG002  # nothing of it is written
        return HIDDEN


@dataclass(frozen=True, slots=True)
class Word:
    """A member of an enum, by its value."""

    members: type[Enum]

    @property
    def expected(self) -> str:
        return " or ".join(quoted(member.value) for member in self.members)

    def read(self, value: object) -> Enum:
        for member in self.members:
            if member.value == value:
                return member
        raise Mismatch

    def write(self, value: Enum) -> object:
        return value.value


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of one kind, as a tuple."""

    kind: Kind
    minimum: int = 0  # elements

    @property
    def expected(self) -> str:
        return "a list" + (f" of at least {self.minimum}" if self.minimum else "") + f" (each {self.kind.expected})"

    def read(self, value: object) -> tuple[Any, ...]:
        if not isinstance(value, list) or len(value) < self.minimum:
            raise Mismatch
        return tuple(map(self._element, value))

    def write(self, value: tuple[Any, ...]) -> list[object]:
        return list(map(self.kind.write, value))

    def _element(self, value: object) -> Any:
        try:
            return self.kind.read(value)
        except Mismatch as mismatch:
            raise Mismatch(f"one with {mismatch.got or shown(value)}") from None


def _escaped(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
