"""Queries with bound names: ``:user :realm :login :service :client`` become the parameters of a driver.

What a client sent is never part of a query's text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from authd_backends.contract import Request
from authd_backends.errors import OptionError
from authd_backends.sql.schemas import Dialect
from authd_backends.templates import NAMES

Values = dict[str, str | None]


@dataclass(frozen=True, slots=True)
class Statement:
    """A query as its driver takes it: ``%(login)s`` and ``%%``, or ``:login`` for SQLite."""

    text: str
    names: frozenset[str]
    option: str = "query"  # where it stands

    def bind(self, request: Request) -> Values | None:
        """Give the values of the names; None where one of them is text that no column holds: NUL, or not UTF-8.

        An unknown client is None, SQL's NULL.
        """
        values = {name: _value(name, request) for name in self.names}
        return values if all(map(_can_be_stored, values.values())) else None


def statement(query: str, dialect: Dialect, option: str = "query") -> Statement:
    """Parse a query.

    Raises OptionError for a name that is unknown, for a query that looks for neither ``:login`` nor ``:user``, and for
    a quote or comment without an end. What else the server objects to it says itself.
    """
    pieces: list[str] = []
    names: set[str] = set()
    for piece, name in _tokens(query, dialect, option):
        if name is None:
            pieces.append(piece if dialect is Dialect.SQLITE else piece.replace("%", "%%"))
            continue
        if name not in NAMES:
            raise OptionError(f"{option}: expected {', '.join(f':{each}' for each in NAMES)}, got :{name}", option)
        names.add(name)
        pieces.append(f":{name}" if dialect is Dialect.SQLITE else f"%({name})s")
    if not names & {"login", "user"}:
        raise OptionError(f"{option}: expected a query that has :login or :user outside of quotes, got neither", option)
    return Statement("".join(pieces), frozenset(names), option)


def _value(name: str, request: Request) -> str | None:
    if name == "client":
        return request.client.address if request.client else None
    value: str = getattr(request, name)
    return value


def _can_be_stored(value: str | None) -> bool:
    if value is None or value.isascii():
        return value is None or "\0" not in value
    try:
        value.encode()
    except UnicodeEncodeError:  # surrogateescape's, for bytes that are not UTF-8
        return False
    return "\0" not in value


# ── where names are names ──

_NAME = r":(?P<name>[A-Za-z_]\w*)"
_STANDARD = (r"'(?:[^']|'')*'", r'"(?:[^"]|"")*"')
_BACKSLASHED = (r"'(?:[^'\\]|\\.|'')*'", r'"(?:[^"\\]|\\.|"")*"')
_BACKQUOTED = r"`(?:[^`]|``)*`"
_COMMENT = r"/\*.*?\*/"
_DASHED = r"--[^\n]*"
_DOLLARED = r"(?<![\w$])\$(?P<tag>(?:[A-Za-z_]\w*)?)\$.*?\$(?P=tag)\$"
_OPENED = r"(?P<open>['\"`]|/\*)"
_OPENED_STANDARD = r"(?P<open>['\"]|/\*)"


def _lexicon(*forms: str) -> re.Pattern[str]:
    """All that matters of a dialect, the first form that fits first; `::` is a cast, and what is left is one character.

    Every form consumes something, and each is linear in what it consumes.
    """
    return re.compile("|".join((*forms, "::", _NAME, ".")), re.DOTALL)


# MySQL 8.4, 11.2.1 and 11.7: a comment of two dashes needs a space behind them
_MYSQL = _lexicon(*_BACKSLASHED, _BACKQUOTED, r"--(?=\s|\Z)[^\n]*", r"#[^\n]*", _COMMENT, _OPENED)
# PostgreSQL 15, 4.1: E'…' has backslashes, comments nest (see _tokens)
_POSTGRESQL = _lexicon(
    r"(?<!\w)[eE]" + _BACKSLASHED[0], *_STANDARD, _DOLLARED, _DASHED, r"(?P<nesting>/\*)", _OPENED_STANDARD
)
# sqlite.org/lang_keywords.html: names in double quotes, brackets or backquotes
_SQLITE = _lexicon(*_STANDARD, _BACKQUOTED, r"\[[^\]]*\]", _DASHED, _COMMENT, _OPENED)

_LEXICONS = {Dialect.MYSQL: _MYSQL, Dialect.POSTGRESQL: _POSTGRESQL, Dialect.SQLITE: _SQLITE}


def _tokens(query: str, dialect: Dialect, option: str) -> Iterator[tuple[str, str | None]]:
    """Give the pieces of a query in order, those that are a name with it. Raises OptionError for an open end."""
    lexicon, position = _LEXICONS[dialect], 0
    while match := lexicon.match(query, position):
        found, position = match.groupdict(), match.end()
        if found.get("nesting"):
            position = _end_of_comment(query, match.start(), option)
        elif found.get("open"):
            raise OptionError(f"{option}: expected an end of what {found['open']} begins, got none", option)
        yield query[match.start() : position], found["name"]


def _end_of_comment(query: str, start: int, option: str) -> int:
    depth = 0
    for match in re.compile(r"/\*|\*/").finditer(query, start):
        depth += 1 if match[0] == "/*" else -1
        if not depth:
            return match.end()
    raise OptionError(f"{option}: expected an end of what /* begins, got none", option)
