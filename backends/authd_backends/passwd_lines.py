"""The lines of a passwd-file, parsed so that rendering them gives every byte back.

``name:hash``, or with further fields as Dovecot's passwd-file has them (uid, gid, home, extra fields): those are kept
and mean nothing here. A line that is blank or begins with ``#`` is a comment. Bytes are UTF-8 with surrogateescape.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

_ROW = re.compile(r"(?P<name>[^:]+):(?P<stored>[^:\r]*)(?P<rest>.*)", re.DOTALL)
_NAME = re.compile(r"[^\s#:\0][^:\n\r\0]*")


@dataclass(frozen=True, slots=True)
class Row:
    """A user. `rest` is what follows the hash, from its colon on."""

    name: str
    stored: str
    rest: str = ""

    @property
    def raw(self) -> str:
        return f"{self.name}:{self.stored}{self.rest}"


@dataclass(frozen=True, slots=True)
class Comment:
    raw: str


@dataclass(frozen=True, slots=True)
class Broken:
    """A line that is neither: it has no colon, or nothing before it."""

    raw: str


Line = Row | Comment | Broken


def parse_line(raw: bytes) -> Line:
    """Understand one line, given without its newline."""
    text = raw.decode("utf-8", "surrogateescape")
    if not text.strip() or text.startswith("#"):
        return Comment(text)
    match = _ROW.fullmatch(text)
    return Row(**match.groupdict()) if match else Broken(text)


def parse(content: bytes) -> list[Line]:
    """Understand a file. The last element is what stands behind the last newline, usually nothing."""
    return [parse_line(raw) for raw in content.split(b"\n")]


def render(lines: Sequence[Line]) -> bytes:
    """Give the file that `parse` read."""
    return "\n".join(line.raw for line in lines).encode("utf-8", "surrogateescape")


def is_name(name: str) -> bool:
    """Tell whether a login can stand in a file: no colon, line break or NUL, no ``#`` or blank in front."""
    return _NAME.fullmatch(name) is not None


def row_of(lines: Sequence[Line], name: str) -> Row | None:
    """Give the row of a name: the first, where there are several."""
    return next((line for line in lines if isinstance(line, Row) and line.name == name), None)


def with_row(lines: Sequence[Line], row: Row) -> list[Line]:
    """Append a row. An unfinished last line is ended first."""
    kept = list(lines[:-1]) if lines and not lines[-1].raw else list(lines)
    return [*kept, row, Comment("")]


def with_stored(lines: Sequence[Line], name: str, stored: str) -> list[Line]:
    """Change the hash of a name, in the row that counts."""
    row = row_of(lines, name)
    return [replace(row, stored=stored) if row is not None and line is row else line for line in lines]


def without(lines: Sequence[Line], name: str) -> list[Line]:
    """Take a name out, in every row it has: a second one would come to count."""
    return [line for line in lines if not (isinstance(line, Row) and line.name == name)]
