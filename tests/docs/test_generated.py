"""What `make man` writes: manual pages, the reference of keys, completion."""

import re
from pathlib import Path

import pytest

from authd.cli.main import COMMANDS, main
from tools.documents.__main__ import ROOT, documents
from tools.documents.commands import every, program
from tools.documents.keys import tables

DOCUMENTS = documents()


def page(name: str) -> str:
    return DOCUMENTS[Path("docs/man") / name]


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


def test_the_example_of_a_configuration_can_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed$", page("authd.toml.5"), re.MULTILINE | re.DOTALL)
    file = tmp_path / "authd.toml"
    file.write_text(example)
    file.chmod(0o640)

    assert (main(["check", "--config", str(file)]), capsys.readouterr().err) == (0, "")


@pytest.mark.parametrize("name", ["authd.8", "authd-test.1", "authd-user.1"])
def test_the_examples_of_commands_are_commands(name: str) -> None:
    examples = re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed$", page(name), re.MULTILINE | re.DOTALL)
    known = {each.words for each in every(program()) if not each.commands}

    shown = re.findall(r"\bauthd ([a-z]+)(?: ([a-z]+)\b)?", "".join(examples))

    assert shown
    assert [words for words in shown if not {words, words[:1]} & known] == []


def test_every_variable_that_is_read_is_in_the_manual() -> None:
    sources = [path.read_text() for path in (ROOT / "authd").rglob("*.py")]

    read = {
        name
        for source in sources
        if "environ" in source
        for name in re.findall(r'\(b?"([A-Z]+(?:_[A-Z]+)+|HOME)"', source)
    }

    assert len(read) > 5
    assert [name for name in sorted(read) if name not in page("authd.8")] == []


def test_every_signal_that_the_daemon_takes_is_in_the_manual() -> None:
    sources = [path.read_text() for path in (ROOT / "authd" / "daemon").rglob("*.py")]

    taken = {name for source in sources for name in re.findall(r"\bSIG(?:HUP|TERM|INT|QUIT)\b", source)}

    assert taken
    assert [name for name in sorted(taken) if name not in page("authd.8")] == []
