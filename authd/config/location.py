"""Where a key stands in the text of a TOML document, which tomllib does not tell."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from authd_backends.kinds import quoted

Key = tuple[str | int, ...]  # ("listeners", 2, "mode"): what stands in an array is counted from 1

_TOKEN = re.compile(
    r"""
    (?P<blank> [ \t\r]+ | \#[^\n]* )
    | (?P<string> \"{3} (?:\\.|[^\\])*? \"{3,5} | '{3} .*? '{3,5} | \" (?:\\.|[^\"\\])* \" | '[^']*' )
    | (?P<mark> [][{}=,.\n] )
    | (?P<bare> [^][{}=,.\s\#\"']+ )
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to say about a key."""

    key: Key
    text: str


def located(source: str, text: str, findings: Iterable[Finding]) -> list[str]:
    """Give ``SOURCE:LINE: key: text`` for each finding, in the order of the lines."""
    if not (found := list(findings)):
        return []
    lines = lines_of_keys(text)
    numbered = sorted(((line_of(lines, each.key), each) for each in found), key=lambda pair: pair[0])
    return [f"{source}:{line}: {dotted(each.key)}: {each.text}" for line, each in numbered]


def line_of(lines: Mapping[Key, int], key: Key) -> int:
    """Give the line of a key or, where it does not stand in the document, of what should hold it."""
    while key not in lines:
        key = key[:-1]
    return lines[key]


def dotted(key: Key) -> str:
    """Write a key as TOML does, and with numbers for arrays: ``listeners[2].mode``."""
    text = ""
    for part in key:
        text += f"[{part}]" if isinstance(part, int) else f".{_bare_or_quoted(part)}"
    return text.removeprefix(".")


def lines_of_keys(text: str) -> dict[Key, int]:
    """Give the line on which each table, key and element of an array first stands; the document itself is line 1.

    `text` is a document that tomllib accepts: nothing is checked here. What is nested almost too deeply for Python
    may be left out.
    """
    scanner = _Scanner(text)
    with suppress(RecursionError):
        scanner.document()
    return scanner.lines


class _Scanner:
    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, int]] = []
        line = 1
        for token in _TOKEN.finditer(text):
            if token.lastgroup != "blank":
                self._tokens.append((token[0], line))
            line += token[0].count("\n")
        self._tokens.append(("", line))
        self._at = 0
        self.lines: dict[Key, int] = {(): 1}
        self._arrays: dict[Key, int] = {}  # how many [[headers]] of each array were met

    def document(self) -> None:
        table: Key = ()
        while self._next_is_not():
            if self._took("\n"):
                continue
            if not self._took("["):
                self._pair(table)
            elif self._took("["):
                table = self._array_header()
            else:
                table = self._key((), until="]")

    def _array_header(self) -> Key:
        line = self._line
        array = self._key((), until="]")
        self._took("]")
        number = self._arrays[array] = self._arrays.get(array, 0) + 1
        self.lines[*array, number] = line
        return (*array, number)

    def _pair(self, table: Key) -> None:
        self._value(self._key(table, until="="))

    def _key(self, table: Key, until: str) -> Key:
        """Read ``a.b.c`` up to and with `until`; of an array of tables, its last element is meant."""
        line, key = self._line, table
        while self._next_is_not(until):
            if self._took("."):
                continue
            key = (*self._last_element(key), _unquoted(self._take()))
            self.lines.setdefault(key, line)
        self._take()
        return key

    def _last_element(self, key: Key) -> Key:
        return (*key, self._arrays[key]) if key in self._arrays else key

    def _value(self, key: Key) -> None:
        if self._took("["):
            self._array(key)
        elif self._took("{"):
            self._inline_table(key)
        else:
            self._take()
            while self._next_is_not(",", "]", "}", "\n"):
                self._take()

    def _array(self, key: Key) -> None:
        number = 1
        while self._next_is_not("]"):
            if self._took(","):
                number += 1
            elif not self._took("\n"):
                self.lines[*key, number] = self._line
                self._value((*key, number))
        self._take()

    def _inline_table(self, key: Key) -> None:
        while self._next_is_not("}"):
            if not self._took(",") and not self._took("\n"):
                self._pair(key)
        self._take()

    @property
    def _line(self) -> int:
        return self._tokens[self._at][1]

    def _next_is_not(self, *marks: str) -> bool:
        return self._tokens[self._at][0] not in (*marks, "")

    def _took(self, mark: str) -> bool:
        if self._tokens[self._at][0] != mark:
            return False
        self._take()
        return True

    def _take(self) -> str:
        token = self._tokens[self._at][0]
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return token


def _bare_or_quoted(part: str) -> str:
    return part if re.fullmatch(r"[A-Za-z0-9_-]+", part) else quoted(part)


def _unquoted(token: str) -> str:
    if not token.startswith(('"', "'")):
        return token
    text: str = tomllib.loads(f"key = {token}")["key"]
    return text
