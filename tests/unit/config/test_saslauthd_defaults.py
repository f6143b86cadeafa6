"""What a shell makes of such a file is asked of /bin/sh itself."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authd.config import saslauthd_defaults
from authd.config.errors import ConfigError
from authd.config.saslauthd_defaults import assignments, command_line, installed, is_switched_off, read

DEBIAN_12 = """
# Settings for saslauthd daemon
START=yes
DESC="SASL Authentication Daemon"
NAME="saslauthd"
# Example: MECHANISMS="pam"
MECHANISMS="pam"
MECH_OPTIONS=""
THREADS=5
OPTIONS="-c -m /var/run/saslauthd"
"""
FEDORA = """
SOCKETDIR=/run/saslauthd
MECH=ldap
FLAGS="-O /etc/own.conf -r"
"""
CHARACTERS = "ab Z0 -_/.:#='\"\\$\n\t~{}"


def in_shell(text: str, name: str) -> str | None:
    """Give what /bin/sh assigns, or None where it will not have the text."""
    script = f'{text}\nprintf "%s|" "${name}"'
    done = subprocess.run(["/bin/sh", "-efuc", script], capture_output=True, env={"PATH": "/none"}, check=False)
    return done.stdout.decode().removesuffix("|") if done.returncode == 0 else None


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("A=x", {"A": "x"}),
        ("A=", {"A": ""}),
        ("A=1;B=2 C=3", {"A": "1", "B": "2", "C": "3"}),
        ("export A='x \"y'  # why", {"A": 'x "y'}),
        ('A="x \\"y\\" \\$z \\n"', {"A": 'x "y" $z \\n'}),
        ("A=x\\ y'z'\"w\"", {"A": "x yzw"}),
        ("A=x#y", {"A": "x#y"}),
        ("A=1\r\nB=2\r\n", {"A": "1", "B": "2"}),
        (
            'D=/run/mail\nA="-m $D -O ${D}/x" B=$D',
            {"D": "/run/mail", "A": "-m /run/mail -O /run/mail/x", "B": "/run/mail"},
        ),
        ("A=x\\\ny", {"A": "xy"}),
        ("# nothing\n\n", {}),
    ],
)
def test_assignments_are_read_in_the_quotes_of_the_shell(text: str, values: dict[str, str]) -> None:
    assert assignments("saslauthd", text) == values


@settings(max_examples=60)
@given(st.text(CHARACTERS, max_size=12))
def test_what_is_read_is_what_the_shell_assigns(value: str) -> None:
    """Refusing is always right: only a value that differs from the shell's would be wrong."""
    text = f"A={value}"
    try:
        values = assignments("saslauthd", text)
    except ConfigError:
        return
    if "~" not in value:
        assert values["A"] == in_shell(text, "A")


@pytest.mark.parametrize(
    ("text", "line", "got"),
    [
        ("A=`id`", 1, '"A=`id`"'),
        ("A=1\nB=$(id)", 2, '"B=$(id)"'),
        ('A="$(id)"', 1, r'"A=\"$(id)\""'),
        ("A=1 reboot", 1, '"reboot"'),
        ("if [ -f x ]; then A=1; fi", 1, '"if [ -f x ]; then A=1; fi"'),
        (". /etc/other", 1, '". /etc/other"'),
        ("A=$UNKNOWN", 1, '"A=$UNKNOWN"'),
        ("A=${B:-x}", 1, '"A=${B:-x}"'),
        ("A='never closed", 1, '"A=\'never closed"'),
        ("A=x&", 1, '"A=x&"'),
    ],
)
def test_what_only_a_shell_could_tell_is_refused_with_its_line(text: str, line: int, got: str) -> None:
    with pytest.raises(ConfigError) as caught:
        assignments("/etc/default/saslauthd", text)

    expected = "expected NAME=value without a command or an unknown variable"
    assert str(caught.value) == f"/etc/default/saslauthd:{line}: {expected}, got {got}"


def test_variables_that_grow_with_each_other_come_to_an_end() -> None:
    text = "A0=0123456789\n" + "".join(f'A{number + 1}="{f"$A{number}" * 10}"\n' for number in range(12))

    with pytest.raises(ConfigError, match="saslauthd:4: expected a value of at most 4096 characters, got more"):
        assignments("saslauthd", text)


def test_of_a_file_beyond_reason_nothing_is_taken(tmp_path: Path) -> None:
    """What stands at its end would be left out."""
    (tmp_path / "saslauthd").write_text("MECHANISMS=pam\n" + "# a comment\n" * 6000 + "OPTIONS=-r\n")

    with pytest.raises(ConfigError, match="saslauthd: expected at most 65536 characters, got more"):
        read(tmp_path / "saslauthd")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (DEBIAN_12, "-a pam -c -m /var/run/saslauthd -n 5"),
        ("MECHANISMS=ldap MECH_OPTIONS=/etc/own.conf", "-a ldap -O /etc/own.conf -c -m /var/run/saslauthd"),
        ("MECHANISMS='pam ldap' OPTIONS='-r  -m\t/x'", "-a pam ldap -r -m /x"),
        ("OPTIONS='-a pam'", "-a pam"),
        (FEDORA, "-m /run/saslauthd -a ldap -O /etc/own.conf -r"),
    ],
)
def test_the_command_line_is_the_one_of_the_init_script_or_the_unit(text: str, words: str) -> None:
    assert command_line(assignments("saslauthd", text)) == words.split()


@pytest.mark.parametrize(("text", "is_off"), [("START=no", True), ("START=", True), ("START=yes", False), ("", False)])
def test_only_a_start_that_is_not_yes_switches_it_off(text: str, is_off: bool) -> None:
    assert is_switched_off(assignments("saslauthd", text)) is is_off


def test_instances_are_the_files_that_the_init_script_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("saslauthd-postfix", "saslauthd", "saslauthd.dpkg-old", "saslauthd~", "ssh"):
        (tmp_path / name).write_text("")
    monkeypatch.setattr(saslauthd_defaults, "DEBIAN", tmp_path)
    monkeypatch.setattr(saslauthd_defaults, "FEDORA", tmp_path / "none")

    assert installed() == [tmp_path / "saslauthd", tmp_path / "saslauthd-postfix"]


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected a file to read, got: No such file"):
        read(tmp_path / "saslauthd")
