"""What administrators write: each harness fails where its invariant does not hold."""

import re
import tomllib
from collections.abc import Iterator
from typing import Any

from authd.config.errors import ConfigError
from authd.config.load import parse
from authd.config.location import Key, lines_of_keys
from authd.config.show import show
from authd_backends import OptionError
from authd_backends.ldap.saslauthd_conf import read_saslauthd_conf
from authd_backends.sql.query import statement
from authd_backends.sql.schemas import Dialect
from authd_backends.templates import NAMES, Template
from tests.fuzz.memory import named_file

_PASSWORD = "correct-horse-battery"


def configuration(data: bytes) -> None:
    """Each problem is told with a line of the file; what is in force, shown as TOML, is read as just that."""
    try:
        loaded = parse("authd.toml", data)
    except ConfigError as error:
        assert error.problems
        for problem in error.problems:
            found = re.match(r"authd\.toml:(\d+): |authd\.toml: expected TOML, got arrays or tables nested", problem)
            assert found, problem
            assert int(found[1] or 1) <= data.count(b"\n") + 1
        return
    shown = show(loaded.settings, "authd.toml")
    assert show(parse("authd.toml", shown.encode()).settings, "authd.toml") == shown


def toml_lines(data: bytes) -> None:
    """Every key and element of a document has a line of it."""
    try:
        text = data.decode()
        document = tomllib.loads(text)
    except (ValueError, RecursionError):
        return
    lines = lines_of_keys(text)
    last = text.count("\n") + 1
    for key in _keys(document, ()):
        assert 1 <= lines[key] <= last, key


def _keys(value: Any, key: Key) -> Iterator[Key]:
    yield key
    match value:
        case dict():
            for name, each in value.items():
                yield from _keys(each, (*key, name))
        case list():
            for number, each in enumerate(value, 1):
                yield from _keys(each, (*key, number))
        case _:
            pass


def saslauthd_conf(data: bytes) -> None:
    """Each problem and each warning is told with file and line, and none with the password."""
    with named_file(data + f"\nldap_password: {_PASSWORD}\n".encode()) as path:
        try:
            told = read_saslauthd_conf(path)[1]
        except OptionError as error:
            told = [str(error)]
        for text in told:
            assert text.startswith(f"{path}:")
            assert _PASSWORD not in text or _PASSWORD.encode() in data


def sql_query(data: bytes) -> None:
    """Nothing of a query is changed but names and per cents; or a text says what is wrong with it."""
    text = data.decode("utf-8", "replace")
    for dialect in Dialect:
        try:
            made = statement(text, dialect)
        except OptionError:
            continue
        bound = {name: f":{name}" for name in NAMES}
        assert (made.text if dialect is Dialect.SQLITE else made.text % bound) == text


def template(data: bytes) -> None:
    """What is put in for a name is never looked at for further names."""
    text = data.decode("utf-8", "surrogateescape").replace("\0", "")
    try:
        made = Template(text)
    except OptionError:
        return
    assert made.names <= set(NAMES)
    marked = made.render({name: f"\0{name}\0" for name in NAMES})
    assert made.render({name: f"{{{name}}}" for name in NAMES}) == re.sub("\0([a-z]+)\0", r"{\1}", marked)
