"""The lines of a passwd-file, taken apart so that every byte can be put back.

``name:hash``, or with further fields as Dovecot's passwd-file has them (uid, gid, home, extra fields): those are kept
and mean nothing here. A line that is blank or begins with ``#`` is a comment. Bytes are UTF-8 with surrogateescape.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

_ROW = re.compile(r"(?P<name>[^:]+):(?P<stored>[^:\r]*)(?P<rest>.*)", re.DOTALL)
_NAME = re.compile(r"[^\s#:\0][^:\n\r\0]*")


@dataclass(frozen=True, slots=True)
class Row:
    """A user. `rest` is what follows the hash, from its colon on."""

    name: str
    stored: str
    rest: str = ""

    @property
    def raw(self) -> bytes:
        """The line, without its newline."""
        return f"{self.name}:{self.stored}{self.rest}".encode("utf-8", "surrogateescape")


@dataclass(frozen=True, slots=True)
class Comment:
    raw: bytes


@dataclass(frozen=True, slots=True)
class Broken:
    """A line that is neither: it has no colon, or nothing before it."""

    raw: bytes


Line = Row | Comment | Broken


def parse_line(raw: bytes) -> Line:
    """Understand one line, given without its newline."""
    text = raw.decode("utf-8", "surrogateescape")
    if not text.strip() or text.startswith("#"):
        return Comment(raw)
    match = _ROW.fullmatch(text)
    return Row(**match.groupdict()) if match else Broken(raw)


def split(content: bytes) -> list[bytes]:
    """Give the lines of a file. The last element is what stands behind the last newline, usually nothing.

    Lines are parsed when a name is looked for: a file may have a million.
    """
    return content.split(b"\n")


def join(lines: Sequence[bytes]) -> bytes:
    """Give the file that `split` took apart."""
    return b"\n".join(lines)


def is_name(name: str) -> bool:
    """Tell whether a login can stand in a file: no colon, line break or NUL, no ``#`` or blank in front."""
    return _NAME.fullmatch(name) is not None


def row_of(lines: Sequence[bytes], name: str) -> Row | None:
    """Give the row of a name: the first, where there are several."""
    return next((row for _, row in _rows_of(lines, name)), None)


def with_row(lines: Sequence[bytes], row: Row) -> list[bytes]:
    """Append a row. An unfinished last line is ended first."""
    kept = lines[:-1] if lines and not lines[-1] else lines
    return [*kept, row.raw, b""]


def with_stored(lines: Sequence[bytes], name: str, stored: str) -> list[bytes]:
    """Change the hash of a name, in the row that counts."""
    changed = list(lines)
    for number, row in islice(_rows_of(lines, name), 1):
        changed[number] = replace(row, stored=stored).raw
    return changed


def without(lines: Sequence[bytes], name: str) -> list[bytes]:
    """Take a name out, in every row it has: a second one would come to count."""
    gone = {number for number, _ in _rows_of(lines, name)}
    return [line for number, line in enumerate(lines) if number not in gone]


def _rows_of(lines: Sequence[bytes], name: str) -> Iterator[tuple[int, Row]]:
    begin = name.encode("utf-8", "surrogateescape") + b":"
    for number, line in enumerate(lines):
        if line.startswith(begin) and isinstance(row := parse_line(line), Row):
            yield number, row
