"""README.md as written: what it shows works, what it names is there."""

import re
import subprocess
from pathlib import Path

import pytest

from authd.cli.main import COMMANDS, main
from authd_backends import registry

README = Path(__file__).parents[2] / "README.md"
TEXT = README.read_text()


def blocks(language: str) -> list[str]:
    """Give the fenced blocks of a language, those in lists without their indentation."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^\1```$", TEXT, re.MULTILINE | re.DOTALL)
    return [re.sub(rf"^{indentation}", "", block, flags=re.MULTILINE) for indentation, block in found]


def command_lines() -> set[str]:
    """Give the command and what stands behind it up to the first option or name, of every authd in code."""
    shell = re.findall(r"^authd ((?:[a-z]+ )*?[a-z]+)(?= alice| -|  |$)", "".join(blocks("sh")), re.MULTILINE)
    return {*shell, *re.findall(r"`authd ([a-z]+)", TEXT)}


@pytest.mark.parametrize("block", blocks("toml"))
def test_every_configuration_is_accepted_without_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], block: str
) -> None:
    file = tmp_path / "authd.toml"
    file.write_text(block)
    file.chmod(0o640)

    status = main(["check", "--config", str(file)])

    assert (status, capsys.readouterr().err) == (0, "")


def test_what_it_calls_defaults_are_the_defaults(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = next(block for block in blocks("toml") if "these are the defaults" in block)
    rest = shown[shown.index("[[listeners]]") :]

    effective = []
    for text in (shown, rest):
        (tmp_path / "authd.toml").write_text(text)
        main(["check", "--config", str(tmp_path / "authd.toml")])
        effective.append(capsys.readouterr().out)

    assert effective[0] == effective[1]


def test_every_command_is_in_its_table_and_no_other() -> None:
    named = re.findall(r"^\| `authd (\w+)` \|", TEXT, re.MULTILINE)

    assert sorted(named) == sorted(COMMANDS)


@pytest.mark.parametrize("words", sorted(command_lines()))
def test_every_command_line_is_one_of_authd(capsys: pytest.CaptureFixture[str], words: str) -> None:
    try:
        status = main([*words.split(), "-h"])  # saslauthd itself knows no --help
    except SystemExit as end:  # argparse's own help
        status = int(end.code or 0)

    assert status == 0
    assert "".join(capsys.readouterr())


@pytest.mark.parametrize("target", sorted(set(re.findall(r"(?:^ *|`)make (\w+)", TEXT, re.MULTILINE))))
def test_every_target_is_in_the_makefile(target: str) -> None:
    subprocess.run(["make", "--dry-run", target], cwd=README.parent, check=True, capture_output=True)


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#]+)\)", TEXT))))
def test_every_file_it_links_to_is_there(link: str) -> None:
    assert (README.parent / link).is_file()


def test_it_shows_each_backend_that_is_there() -> None:
    assert [name for name in registry.known_types() if f"\n| `{name}` |" not in TEXT] == []
