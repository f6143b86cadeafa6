from argparse import ArgumentParser
from pathlib import Path

import pytest

from authd.cli import saslauthd
from authd.config.saslauthd_flags import SHORT


def status_of(*words: str) -> int:
    parser = ArgumentParser()
    saslauthd.configure(parser)
    return saslauthd.run(parser.parse_args(words))


@pytest.mark.parametrize("words", [["-h"], ["-a", "pam", "-ch"]])
def test_help_is_no_error_and_goes_to_standard_error(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    assert status_of(*words) == 0
    assert capsys.readouterr() == ("", saslauthd.USAGE)


@pytest.mark.parametrize("flag", SHORT.replace(":", ""))
def test_the_help_names_every_flag(flag: str) -> None:
    assert f"\n  -{flag} " in saslauthd.USAGE


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["-x"], "authd saslauthd: invalid option -- 'x'\n"),
        ([], "authd saslauthd: -a: expected one authentication mechanism\n"),
        (["--defaults"], "authd saslauthd: --defaults: expected a file, got none\n"),
    ],
)
def test_wrong_use_is_1_with_the_usage(capsys: pytest.CaptureFixture[str], words: list[str], complaint: str) -> None:
    assert status_of(*words) == 1
    assert capsys.readouterr() == ("", complaint + saslauthd.USAGE)


def test_what_authd_has_not_is_1_with_what_it_has_instead(capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of("-a", "kerberos5") == 1
    assert capsys.readouterr().err.endswith("use instead: -a pam, with pam_krb5.so in the PAM service\n")


def test_flags_behind_those_of_the_file_come_after_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    defaults = tmp_path / "saslauthd"
    defaults.write_text("MECHANISMS=sasldb OPTIONS='-m relative'")

    assert status_of("--defaults", str(defaults)) == 1
    assert "-m: expected an absolute path, got 'relative'" in capsys.readouterr().err
    assert status_of("--defaults", str(defaults), "-m", str(tmp_path / "none" / "run")) == 1
    assert "none/run: expected to make this directory, got: No such file or directory" in capsys.readouterr().err


def test_a_file_that_needs_a_shell_is_told_with_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    defaults = tmp_path / "saslauthd"
    defaults.write_text("START=yes\nOPTIONS=`hostname`\n")

    assert status_of("--defaults", str(defaults)) == 1
    assert capsys.readouterr().err.startswith(f"{defaults}:2: expected NAME=value without a command")
