import tomllib
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authd.config.location import Finding, Key, dotted, line_of, lines_of_keys, located

DOCUMENT = '''\
# [server] of a comment
title = """
[server]
user = 1 """
motd = ["[listeners]", # path = 1
  'path = "x"', '''
DOCUMENT += """'''
[routes]''', { a.b = 1, "c]" = [ 2, 3 ] },
]

[server] # the real one
  "user" = 'authd'
limits.max."a.b" = 1_000

[[listeners]]
path = "/run/a"
[listeners.more]
deep = true
[[ listeners ]]
path = "/run/b"
mode = "0660"
[backends.'the users']
options = { path = "/x", tls = { ca = "\\u0022/y" } }
"""


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ((), 1),
        (("title",), 2),
        (("motd",), 5),
        (("motd", 2), 6),
        (("motd", 3), 6),
        (("motd", 4, "a", "b"), 7),
        (("motd", 4, "c]", 2), 7),
        (("server",), 10),
        (("server", "user"), 11),
        (("server", "limits"), 12),
        (("server", "limits", "max", "a.b"), 12),
        (("listeners",), 14),
        (("listeners", 1, "path"), 15),
        (("listeners", 1, "more", "deep"), 17),
        (("listeners", 2), 18),
        (("listeners", 2, "mode"), 20),
        (("backends", "the users"), 21),
        (("backends", "the users", "options", "tls", "ca"), 22),
        (("backends", "the users", "absent"), 21),
        (("listeners", 2, "absent"), 18),
        (("absent", "too"), 1),
    ],
)
def test_a_key_is_found_on_its_line_or_on_that_of_what_should_hold_it(key: Key, line: int) -> None:
    assert line_of(lines_of_keys(DOCUMENT), key) == line


def test_windows_line_ends_count_once() -> None:
    assert lines_of_keys("a = 1\r\nb = 2\r\n")["b",] == 2


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (("server", "user"), "server.user"),
        (("listeners", 2, "mode"), "listeners[2].mode"),
        (("backends", "my users", "path"), 'backends."my users".path'),
        (("a\n", ""), r'"a\u000a".""'),
    ],
)
def test_a_key_is_written_as_toml_writes_it(key: Key, text: str) -> None:
    assert dotted(key) == text


def test_findings_come_in_the_order_of_the_lines() -> None:
    findings = [Finding(("b",), "second"), Finding(("a",), "first"), Finding(("b",), "third")]

    assert located("F", "a = 1\nb = 2\n", findings) == ["F:1: a: first", "F:2: b: second", "F:2: b: third"]


@dataclass
class Writer:
    """Writes a document and notes on which line each key went."""

    draw: st.DrawFn
    text: str = ""
    lines: dict[Key, int] = field(default_factory=dict)

    def put(self, text: str) -> None:
        self.text += text

    def note(self, key: Key) -> None:
        self.lines.setdefault(key, self.text.count("\n") + 1)

    def gap(self, *, newline: bool = False) -> None:
        blanks = ["", " ", "\t", " # [a] = '\n", "\n", "\r\n"] if newline else ["", " ", "\t "]
        self.put(self.draw(st.sampled_from(blanks)))

    def table(self, key: Key) -> None:
        for name in self.draw(st.lists(names, unique=True, max_size=3)):
            self.pair((*key, name), name)
            self.put(self.draw(st.sampled_from(["\n", "\r\n", ' # "]\n', "\n\n"])))

    def pair(self, key: Key, name: str) -> None:
        self.note(key)
        self.put(self.draw(st.sampled_from(spellings(name))))
        for more in self.draw(st.lists(names, max_size=2)):
            self.gap()
            key = (*key, more)
            self.note(key)
            self.put("." + self.draw(st.sampled_from(spellings(more))))
        self.gap()
        self.put("=")
        self.gap()
        self.value(key, depth=2)
        self.gap()

    def value(self, key: Key, depth: int) -> None:
        match self.draw(st.sampled_from(["scalar", "array", "inline"][: 1 + depth])):
            case "array":
                self.array(key, depth)
            case "inline":
                self.inline(key, depth)
            case _:
                self.put(self.draw(st.sampled_from(SCALARS)))

    def array(self, key: Key, depth: int) -> None:
        self.put("[")
        for number in range(1, self.draw(st.integers(1, 4))):
            self.gap(newline=True)
            self.note((*key, number))
            self.value((*key, number), depth - 1)
            self.gap(newline=True)
            self.put(",")
        self.gap(newline=True)
        self.put("]")

    def inline(self, key: Key, depth: int) -> None:
        self.put("{")
        for number, name in enumerate(self.draw(st.lists(names, unique=True, max_size=3))):
            self.put(", " if number else " ")
            self.note((*key, name))
            self.put(self.draw(st.sampled_from(spellings(name))) + " = ")
            self.value((*key, name), depth - 1)
        self.put("}")

    def header(self, name: str) -> None:
        spelt = self.draw(st.sampled_from(spellings(name)))
        if self.draw(st.booleans()):
            self.note((name,))
            self.put(f"[ {spelt} ]\n")
            self.table((name,))
            return
        for number in range(1, self.draw(st.integers(2, 4))):
            self.note((name,))
            self.note((name, number))
            self.put(f"[[{spelt}]] # ]]\n")
            self.table((name, number))
            self.note((name, number, "below"))
            self.put(f"[{spelt}.below]\n")
            self.table((name, number, "below"))


SCALARS = [
    "1",
    "-1.5e3",
    "true",
    "1979-05-27 07:32:00.5Z",
    '"a = \\"[b]\\" # c"',
    "'C:\\'",
    '"""\n[a]\n"" b = 1 \\"""\n"""',
    '"""a"""""',
    "'''\n[[a]]\nb = '' \\'''",
    "''''a'''",
    '""',
]
names = st.text("ab-_1", min_size=1, max_size=3) | st.text(max_size=4)


def spellings(name: str) -> list[str]:
    escaped = "".join(f"\\U{ord(character):08x}" for character in name)
    bare = [name] if name and set(name) <= set("ab-_1") else []
    return [*bare, f'"{escaped}"']


@st.composite
def documents(draw: st.DrawFn) -> tuple[str, dict[Key, int]]:
    writer = Writer(draw)
    writer.table(())
    taken = {key[0] for key in writer.lines}
    for name in draw(st.lists(names.filter(lambda name: name not in taken), unique=True, max_size=4)):
        writer.header(name)
    return writer.text, writer.lines


def keys_of(value: Any, above: Key = ()) -> set[Key]:
    below: dict[Any, Any] = {}
    if isinstance(value, dict):
        below = value
    elif isinstance(value, list):
        below = dict(enumerate(value, 1))
    return {above}.union(*(keys_of(each, (*above, name)) for name, each in below.items()))


@given(documents())
def test_every_key_of_any_document_is_found_on_the_line_that_it_was_written_on(
    document: tuple[str, dict[Key, int]],
) -> None:
    text, lines = document
    parsed = tomllib.loads(text)

    assert lines_of_keys(text) == {(): 1, **lines}
    assert keys_of(parsed) == {(), *lines}


@given(st.text("ab=.,[]{}\"'\n #\\", max_size=60))
def test_whatever_tomllib_accepts_every_key_has_a_line(text: str) -> None:
    try:
        parsed = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return

    assert keys_of(parsed) <= lines_of_keys(text).keys()
