"""What `make man` writes: manual pages, the reference of keys, completion."""

import re
from pathlib import Path

import pytest

from authd.cli.main import COMMANDS
from tools.documents.__main__ import ROOT, documents
from tools.documents.commands import every, program
from tools.documents.keys import tables

DOCUMENTS = documents()
MANUAL = (ROOT / "docs/man/authd.8").read_text()


@pytest.mark.parametrize("path", DOCUMENTS, ids=str)
def test_the_file_in_the_tree_is_what_parsers_and_types_give(path: Path) -> None:
    assert (ROOT / path).read_text() == DOCUMENTS[path], "run: make man"


def test_every_key_says_what_it_means() -> None:
    assert [(table.heading, key.name) for table in tables() for key in table.keys if not key.meaning] == []


def test_every_option_and_argument_of_every_command_says_what_it_means() -> None:
    commands = list(every(program()))

    unsaid = [
        *((command.words, option.names) for command in commands for option in command.options if not option.meaning),
        *((command.words, each.name) for command in commands for each in command.arguments if not each.meaning),
    ]

    assert [command.words[0] for command in program().commands] == list(COMMANDS)
    assert unsaid == []
    assert [command.words for command in commands if command.words and not command.options] == []


def test_every_variable_that_is_read_is_in_the_manual() -> None:
    sources = [path.read_text() for path in (ROOT / "authd").rglob("*.py")]

    read = {
        name
        for source in sources
        if "environ" in source
        for name in re.findall(r'\(b?"([A-Z]+(?:_[A-Z]+)+|HOME)"', source)
    }

    assert len(read) > 5
    assert [name for name in sorted(read) if name not in MANUAL] == []


def test_every_signal_that_the_daemon_takes_is_in_the_manual() -> None:
    sources = [path.read_text() for path in (ROOT / "authd" / "daemon").rglob("*.py")]

    taken = {name for source in sources for name in re.findall(r"\bSIG(?:HUP|TERM|INT|QUIT)\b", source)}

    assert taken
    assert [name for name in sorted(taken) if name not in MANUAL] == []
