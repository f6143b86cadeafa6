"""The file authd.toml to settings, or to every error in it."""

import os
import re
import stat
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from authd.config.default import CONFIG_FILE, default_text, is_there
from authd.config.errors import ConfigError
from authd.config.location import located
from authd.config.notices import readable_secrets
from authd.config.sections import read_settings
from authd.config.settings import Settings
from authd_backends.kinds import quoted, shown

MAX_SIZE = 1 << 20  # bytes; what is larger is no configuration
EMBEDDED = "embedded default"


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration that can be used. A warning is a line ``FILE:LINE: key: …``; `source` is the file's name."""

    settings: Settings
    warnings: list[str]
    source: str
    path: Path | None  # of the file; None: the embedded default, or the file that has come in its place meanwhile
    content: bytes = field(repr=False)  # of the file
    written_by_others: str = ""  # who may write the file beside root and this process, in words; empty: nobody


def load(path: Path | None) -> Loaded:
    """Read a file; None is /etc/authd/authd.toml if it exists, else the embedded default.

    Raises ConfigError with every problem, a line each, in the order of the file.
    """
    if path is None and not is_there(CONFIG_FILE):
        return parse(EMBEDDED, default_text().encode())
    path = path or CONFIG_FILE
    source = _source(path)
    try:
        with path.open("rb") as file:
            content, status = file.read(MAX_SIZE + 1), os.fstat(file.fileno())
    except OSError as error:
        raise ConfigError([f"{source}: expected a file to read, got: {error.strerror}"]) from error
    if len(content) > MAX_SIZE:
        raise ConfigError([f"{source}: expected at most {MAX_SIZE} bytes, got more"])
    return parse(source, content, status, path.absolute())


def load_again(path: Path | None) -> Loaded:
    """Read a file beside other work: what may never end, such as a pipe, is refused. Raises as `load` does."""
    if path is not None and path.exists() and not path.is_file():
        raise ConfigError([f"{_source(path)}: expected a regular file, got something else"])
    return load(path)


def parse(source: str, content: bytes, status: os.stat_result | None = None, path: Path | None = None) -> Loaded:
    """Read what stands in a file of this name; `status` is the file's. Raises ConfigError as `load` does."""
    text = _decoded(source, content)
    table = _parsed(source, text)
    settings, problems = read_settings(table)
    if settings is None:
        raise ConfigError(located(source, text, problems))
    readable_by_all = status is not None and status.st_mode & stat.S_IROTH
    findings = list(readable_secrets(table)) if readable_by_all else []
    return Loaded(settings, located(source, text, findings), source, path, content, _writers(status))


def _source(path: Path) -> str:
    return str(path) if str(path).isprintable() else quoted(str(path))


def _writers(status: os.stat_result | None) -> str:
    if status is None:
        return ""
    if status.st_uid not in (0, os.geteuid()):
        return f"its owner, uid {status.st_uid}"
    return f"others, mode {stat.S_IMODE(status.st_mode):04o}" if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH) else ""


def _decoded(source: str, content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError([f"{source}:{line}: expected UTF-8, got the byte 0x{content[error.start]:02x}"]) from None


def _parsed(source: str, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ConfigError([f"{source}: expected TOML, got arrays or tables nested too deeply"]) from None
    except ValueError as error:
        found = re.fullmatch(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", str(error), re.DOTALL)
        message, line, column = found.groups() if found else (str(error), None, None)
        place = f"{source}:{line or text.count(chr(10)) + 1}"
        where = f" at column {column}" if column else " at the end" if found else ""
        raise ConfigError([f"{place}: expected TOML, got {shown(message)}{where}"]) from None
