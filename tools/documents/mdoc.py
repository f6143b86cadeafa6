"""Text as mdoc(7) has it, the language of manual pages."""

import re
from collections.abc import Iterable, Iterator
from textwrap import wrap

WIDTH = 78  # of a line of text

_CHARACTERS = {"\\": "\\e", "-": "\\-", "`": "\\(ga", "'": "\\(aq"}
_MARKED = re.compile(r"(`+)(.+?)\1")


def escaped(text: str) -> str:
    """Give text in which nothing is an instruction to roff."""
    text = re.sub(r"[\\`'-]", lambda found: _CHARACTERS[found[0]], text)
    return _not_a_request(text)


def prose(markdown: str) -> str:
    """Give a line of text; what Markdown marks as code is bold."""
    pieces, end = [], 0
    for marked in _MARKED.finditer(markdown):
        pieces += [_plain(markdown[end : marked.start()]), f"\\fB{escaped(marked[2])}\\fP"]
        end = marked.end()
    text = "".join([*pieces, _plain(markdown[end:])])
    text = re.sub(r"(?<=[a-z0-9)])([.;:?!]) (?=[A-Z`\\])", r"\1\n", text)  # a sentence begins a line
    return _not_a_request(text)


def words(macro: str, *values: str) -> str:
    """Give a macro with its values, each one word of it."""
    return f".{macro} " + " ".join(f'"{_argument(each)}"' if _needs_quotes(each) else escaped(each) for each in values)


def folded(lines: Iterable[str]) -> Iterator[str]:
    """Give the lines of a page, those of running text no wider than `WIDTH`, none empty but in a display."""
    in_display = False
    for line in lines:
        in_display = line.startswith(".Bd -literal") or (in_display and line != ".Ed")
        if in_display or line.startswith("."):
            yield line
        else:
            yield from map(_not_a_request, _wrapped(line))


def _not_a_request(text: str) -> str:
    """A line that begins with a dot would be one to roff."""
    return re.sub(r"^\.", r"\\&.", text, flags=re.MULTILINE)


def _wrapped(line: str) -> list[str]:
    return wrap(line, WIDTH, break_on_hyphens=False, break_long_words=False)


def _plain(text: str) -> str:
    """Give text whose hyphens, but for those within words, are the character of options and paths."""
    text = re.sub(r"[\\`']", lambda found: _CHARACTERS[found[0]], text)
    return re.sub(r"(?<!\w)-|-(?!\w)", r"\\-", text)


def _argument(text: str) -> str:
    return escaped(text).replace('"', "\\(dq")


def _needs_quotes(text: str) -> bool:
    return not re.fullmatch(r"[\w.-]{3,}|[A-Z]+", text)
