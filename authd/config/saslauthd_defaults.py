"""/etc/default/saslauthd and /etc/sysconfig/saslauthd: shell files, read without a shell.

Debian's /etc/init.d/saslauthd, and the unit of Fedora's family, make a command line of their assignments.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from authd.config.errors import ConfigError
from authd_backends.kinds import shown

DEBIAN, FEDORA = Path("/etc/default"), Path("/etc/sysconfig")
MAX_SIZE = 1 << 16  # characters
MAX_VALUE = 1 << 12  # characters; each variable may be ten times the one above
UNSET_OPTIONS = "-c -m /var/run/saslauthd"  # what the init script takes for none

_INSTANCE = re.compile(r"saslauthd[_a-zA-Z0-9-]*")  # as the init script looks for them: no saslauthd.dpkg-old
_VARIABLE = r"\$(?:(?P<name>[A-Za-z_][A-Za-z0-9_]*)|\{(?P<braced>[A-Za-z_][A-Za-z0-9_]*)\})"
_BEGINNING = re.compile(r"(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)=")
_BETWEEN = re.compile(r"(?:[ \t\r\n;]|#[^\n]*|\\\n)*")
_PIECE = re.compile(
    rf"""'(?P<literal>[^']*)' | "(?P<double>(?:[^"\\]|\\.)*)" | \\(?P<escaped>.)
    | {_VARIABLE} | (?P<bare>[^\s'"\\`$;&|<>()]+)""",
    re.VERBOSE | re.DOTALL,
)
_IN_DOUBLE = re.compile(rf"\\(?P<escaped>[\\\"$`\n]) | {_VARIABLE} | (?P<running>[`$])", re.VERBOSE)


def installed() -> list[Path]:
    """Give the files of all instances, in the order of the init script."""
    found = [*sorted(DEBIAN.glob("saslauthd*")), FEDORA / "saslauthd"]
    return [path for path in found if _INSTANCE.fullmatch(path.name) and path.is_file()]


def read(path: Path) -> dict[str, str]:
    """Read a file's assignments. Raises ConfigError where it cannot be read, or where only a shell could tell."""
    try:
        with path.open(encoding="utf-8", errors="surrogateescape") as file:
            text = file.read(MAX_SIZE + 1)
    except OSError as error:
        raise ConfigError([f"{path}: expected a file to read, got: {error.strerror}"]) from error
    if len(text) > MAX_SIZE:
        raise ConfigError([f"{path}: expected at most {MAX_SIZE} characters, got more"])
    return assignments(str(path), text)


def assignments(source: str, text: str) -> dict[str, str]:
    """Read ``NAME=value`` in the quotes of sh(1), with variables that are assigned above.

    Raises ConfigError for the first that is anything else: what that does nobody knows without running it.
    """
    values: dict[str, str] = {}
    at = _after_blanks(text, 0)
    while at < len(text):
        beginning = _BEGINNING.match(text, at)
        if beginning is None:
            raise _error(source, text, at)
        try:
            values[beginning[1]], at = _value(text, beginning.end(), values)
        except KeyError:
            raise _error(source, text, at) from None
        if len(values[beginning[1]]) > MAX_VALUE:
            expected = f"expected a value of at most {MAX_VALUE} characters"
            raise ConfigError([f"{source}:{_line(text, beginning.start())}: {expected}, got more"])
        if text[at : at + 1].strip(" \t\r\n;"):
            raise _error(source, text, beginning.start())
        at = _after_blanks(text, at)
    return values


def command_line(variables: Mapping[str, str]) -> list[str]:
    """Give the flags that saslauthd is started with; the shell splits values at blanks, whatever quotes are in them."""

    def given(flag: str, name: str) -> str:
        return f"{flag} {variables[name]}" if variables.get(name) else ""

    if "MECH" in variables:
        line = [given("-m", "SOCKETDIR"), given("-a", "MECH"), variables.get("FLAGS", "")]
    else:
        options = variables.get("OPTIONS") or UNSET_OPTIONS
        line = [given("-a", "MECHANISMS"), given("-O", "MECH_OPTIONS"), options, given("-n", "THREADS")]
    return " ".join(line).split()


def is_switched_off(variables: Mapping[str, str]) -> bool:
    """Whether the init script would not start it. The file that Debian ships has no START any more."""
    return variables.get("START", "yes") != "yes"


def _value(text: str, at: int, values: Mapping[str, str]) -> tuple[str, int]:
    """Give a value and where it ends. Raises KeyError for what is not known."""
    value = ""
    while piece := _PIECE.match(text, at):
        value += _IN_DOUBLE.sub(lambda found: _meaning(found, values), piece["double"] or "")
        value += piece["literal"] or piece["bare"] or _meaning(piece, values)
        at = piece.end()
    return value, at


def _meaning(found: re.Match[str], values: Mapping[str, str]) -> str:
    if found.groupdict().get("running"):
        raise KeyError
    if name := found["name"] or found["braced"]:
        return values[name]
    return (found["escaped"] or "").removeprefix("\n")


def _after_blanks(text: str, at: int) -> int:
    found = _BETWEEN.match(text, at)
    assert found is not None
    return found.end()


def _error(source: str, text: str, at: int) -> ConfigError:
    expected = "expected NAME=value without a command or an unknown variable"
    got = text[at:].partition("\n")[0]
    return ConfigError([f"{source}:{_line(text, at)}: {expected}, got {shown(got)}"])


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1
