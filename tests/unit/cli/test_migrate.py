import stat
from argparse import ArgumentParser
from pathlib import Path

import pytest

from authd.cli import migrate
from authd.config import saslauthd_defaults
from authd.config.load import parse


def status_of(*words: str) -> int:
    parser = ArgumentParser()
    migrate.configure(parser)
    return migrate.run(parser.parse_args(words))


@pytest.fixture
def defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation as Debian has it, with a second instance and one that is switched off."""
    monkeypatch.setattr(saslauthd_defaults, "DEBIAN", tmp_path)
    monkeypatch.setattr(saslauthd_defaults, "FEDORA", tmp_path / "none")
    (tmp_path / "saslauthd").write_text('START=yes\nMECHANISMS="pam"\nOPTIONS="-c -m /run/saslauthd"\n')
    (tmp_path / "saslauthd-postfix").write_text('MECHANISMS="sasldb"\nOPTIONS="-m /var/spool/postfix/run"\n')
    (tmp_path / "saslauthd-old").write_text('START=no\nMECHANISMS="rimap"\n')
    return tmp_path


def test_all_instances_that_are_started_come_to_one_configuration(
    defaults: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status_of() == 0

    text, errors = capsys.readouterr()
    settings = parse("authd.toml", text.encode()).settings
    assert errors == f"authd migrate: {defaults}/saslauthd-old: left out, since START is not yes\n"
    assert text.startswith(f"# from {defaults}/saslauthd\n# from {defaults}/saslauthd-postfix\n#\n")
    assert [each.path.parent for each in settings.listeners] == [Path("/run/saslauthd"), Path("/var/spool/postfix/run")]
    assert [route.backends for route in settings.routes] == [("pam",), ("sasldb",)]


def test_a_file_that_is_named_is_taken_alone_and_be_it_switched_off(
    defaults: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (defaults / "saslauthd-old").write_text("START=no MECHANISMS=shadow")

    assert status_of(str(defaults / "saslauthd-old")) == 0
    assert 'type = "shadow"' in capsys.readouterr().out


def test_flags_stand_behind_two_dashes(defaults: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of("--", "-a", "getpwent", "-rn3") == 0

    text = capsys.readouterr().out
    assert text.startswith("# from the command line\n#\n")
    assert 'type = "getpwent"' in text
    assert 'type = "pam"' not in text


def test_nothing_to_start_from_is_told(defaults: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("saslauthd", "saslauthd-postfix"):
        (defaults / name).unlink()

    assert status_of() == 2
    assert "expected one to start from, got none; name FILE, or give the flags behind --" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("MECHANISMS=rimap", "-a rimap: expected a mechanism that authd has; use instead: "),
        ("MECHANISMS=pam OPTIONS=-h", "expected the flags of a daemon, got -h"),
        ("THREADS=5", "-a: expected one authentication mechanism"),
        ("MECHANISMS=`which pam`", ":1: expected NAME=value without a command or an unknown variable, got "),
        (f"MECHANISMS=pam OPTIONS='-m /{'x' * 120}'", "listeners[1].path: expected an absolute path of at most 107"),
    ],
)
def test_what_cannot_be_had_is_told_and_nothing_is_written(
    defaults: Path, capsys: pytest.CaptureFixture[str], text: str, told: str
) -> None:
    file, output = defaults / "other", defaults / "authd.toml"
    file.write_text(text)

    assert status_of("--output", str(output), str(file)) == 2
    assert told in capsys.readouterr().err
    assert not output.exists()


def test_the_file_is_for_its_owner_and_group_alone(defaults: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = defaults / "authd.toml"

    assert status_of("--output", str(output)) == 0
    assert stat.S_IMODE(output.stat().st_mode) == 0o640
    assert parse("authd.toml", output.read_bytes()).settings.cache.enabled
    assert capsys.readouterr().out == ""
    assert {path.name for path in defaults.iterdir()} == {
        "saslauthd",
        "saslauthd-postfix",
        "saslauthd-old",
        "authd.toml",
    }


@pytest.mark.parametrize("is_dangling", [False, True])
def test_a_file_that_is_there_is_kept(defaults: Path, capsys: pytest.CaptureFixture[str], is_dangling: bool) -> None:
    output = defaults / "authd.toml"
    output.symlink_to("nowhere") if is_dangling else output.write_text("mine")
    before = output.lstat()

    assert status_of("--output", str(output)) == 1
    assert output.lstat() == before
    assert f"{output}: expected no such file, got one; --force replaces it\n" in capsys.readouterr().err


def test_force_replaces_it(defaults: Path) -> None:
    output = defaults / "authd.toml"
    output.write_text("mine")

    assert status_of("--force", "--output", str(output)) == 0
    assert parse("authd.toml", output.read_bytes()).settings.cache.enabled


@pytest.mark.parametrize("words", [["--output", ""], ["--output", "", "--force"], ["--output", "/", "--force"]])
def test_what_can_be_no_file_is_told(defaults: Path, capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    assert status_of(*words) == 1
    assert "expected to write it, got: expected a regular file" in capsys.readouterr().err


def test_a_directory_that_is_not_there_is_told(defaults: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of("--output", str(defaults / "none" / "authd.toml")) == 1
    assert "none/authd.toml: expected to write it, got: No such file or directory" in capsys.readouterr().err
