"""The reference of every key, in Markdown."""

from collections.abc import Iterator
from pathlib import Path

from tools.documents.keys import Key, Table, tables

_DOCS = Path(__file__).parents[2] / "docs"
_BEGIN = """\
# Every key of authd.toml

Made by `make man` of the types that read the file: what stands here is what `authd check` accepts. Unknown keys and
wrong values stop the start. `authd check` prints the values in force.

A duration is a number with `ms`, `s`, `m`, `h` or `d`; a size one with `K`, `M`, `G` or `T` (powers of 1024), or
alone, in bytes. Both stand in quotes. A template is text with `{user}` and `{realm}` as the client sent them,
`{service}`, `{login}` what the route made of them, and `{client}`, the client's address; `{{` and `}}` are the braces
themselves. A route's `login` knows the first three only. Queries of SQL have the same names as `:user`, `:realm`,
`:service`, `:login` and `:client`.
"""


def reference() -> str:
    """Give the document."""
    return _BEGIN + "".join(line for table in tables() for line in _table(table))


def _table(table: Table) -> Iterator[str]:
    level = "##" if table.heading.startswith("[") else "###"
    yield f"\n{level} `{table.heading}`\n\n{table.summary}{_how_to(table)}\n\n"
    yield "| key | value | default | means |\n|---|---|---|---|\n"
    yield from map(_row, table.keys)


def _how_to(table: Table) -> str:
    file = table.heading.rpartition(" ")[2].strip('"') + ".md"
    return f" How to: [{file}]({file})." if (_DOCS / file).is_file() else ""


def _row(key: Key) -> str:
    default = "required" if not key.default else key.default if key.default == "not set" else f"`{key.default}`"
    cells = (f"`{key.name}`", key.expected, default, key.meaning)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"
