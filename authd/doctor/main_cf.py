"""Postfix's configuration: main.cf as postconf(1) tells it, or as written where there is none, and master.cf."""

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from authd.doctor.finding import word
from authd.doctor.sight import Sight

CONFIG_DIRECTORY = Path("/etc/postfix")
DEFAULTS = {  # postconf(5), of what is asked for here
    "compatibility_level": "0",
    "mail_owner": "postfix",
    "queue_directory": "/var/spool/postfix",
    "smtpd_sasl_auth_enable": "no",
    "smtpd_sasl_path": "smtpd",
    "smtpd_sasl_security_options": "noanonymous",
    "smtpd_sasl_tls_security_options": "$smtpd_sasl_security_options",
    "smtpd_sasl_type": "cyrus",
    "smtpd_tls_security_level": "",
    "smtpd_tls_wrappermode": "no",
    "smtpd_use_tls": "no",
}
_PATH = "/usr/sbin:/usr/local/sbin:/usr/bin:/bin"
_REFERENCE = re.compile(r"\$(?:(\w+)|\{(\w+)\}|\((\w+)\))")
_ARGUMENT = re.compile(r"\{[^{}]*\}|\S+")
_MAX_DEPTH = 20  # of references within references
_MAX_VALUE = 4096  # characters; what refers to itself over and over ends there


@dataclass(frozen=True, slots=True)
class Smtpd:
    """A line of master.cf that runs smtpd(8)."""

    name: str  # "submission/inet", as postconf -F and -P take it
    is_chrooted: bool
    settings: Mapping[str, str]  # those of main.cf below those behind -o
    overridden: frozenset[str]  # the names behind -o

    @property
    def has_auth(self) -> bool:
        return self.settings["smtpd_sasl_auth_enable"].lower() == "yes"


@dataclass(frozen=True)
class Postfix:
    """An instance of Postfix."""

    config_directory: Path
    settings: Mapping[str, str]
    services: tuple[Smtpd, ...] = field(default=())

    @property
    def queue_directory(self) -> Path:
        return Path(self.settings["queue_directory"])

    @property
    def owner(self) -> str:
        """The user that smtpd runs as."""
        return self.settings["mail_owner"]

    @property
    def reload(self) -> str:
        return f"postfix{self._instance} reload"

    def set(self, service: Smtpd, name: str, value: str) -> str:
        """Give the command that sets what is in force for a service, where it is set now."""
        if name in service.overridden:
            return f"postconf{self._instance} -P {word(f'{service.name}/{name}={value}')} && {self.reload}"
        return f"postconf{self._instance} -e {word(f'{name}={value}')} && {self.reload}"

    def leave_chroot(self, service: Smtpd) -> str:
        return f"postconf{self._instance} -F {word(f'{service.name}/chroot=n')} && {self.reload}"

    def where(self, service: Smtpd, name: str) -> str:
        """Say where the setting of a service stands."""
        if name in service.overridden:
            return f"{self.config_directory}/master.cf: {service.name}: {name}"
        return f"{self.config_directory}/main.cf: {name}"

    @property
    def _instance(self) -> str:
        return "" if self.config_directory == CONFIG_DIRECTORY else f" -c {word(self.config_directory)}"


def read_postfix(sight: Sight, config_directory: Path) -> Postfix | None:
    """Read the instance; None where there is none, or it cannot be read."""
    written = sight.text(config_directory / "main.cf")
    if written is None:
        return None
    asked = _ask_postconf(config_directory) if sight.root == Path("/") else ""
    settings = _expanded(DEFAULTS | dict(_settings(written)) | dict(_settings(asked)))
    services = tuple(_services(sight.text(config_directory / "master.cf") or "", settings))
    return Postfix(config_directory, settings, services)


def _ask_postconf(config_directory: Path) -> str:
    """Give what is in force, the defaults of this very Postfix with it; nothing where it cannot be asked."""
    program = shutil.which("postconf", path=_PATH)
    if program is None:
        return ""
    command = [program, "-c", str(config_directory), *DEFAULTS]
    try:
        asked = subprocess.run(command, capture_output=True, check=True, timeout=10, env={"PATH": _PATH})  # noqa: S603
    except (OSError, ValueError, subprocess.SubprocessError):
        return ""
    return asked.stdout.decode("utf-8", "surrogateescape")


def _logical_lines(text: str) -> Iterator[str]:
    """Join what is continued: a line that begins with white space, past comments and empty lines (postconf(5))."""
    lines: list[str] = []
    for line in text.split("\n"):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if line[0].isspace() and lines:
            lines[-1] += " " + line.strip()
        else:
            lines.append(line.strip())
    yield from lines


def _settings(text: str) -> Iterator[tuple[str, str]]:
    for line in _logical_lines(text):
        name, equals, value = line.partition("=")
        if equals:
            yield name.strip(), value.strip()


def _expanded(settings: Mapping[str, str]) -> dict[str, str]:
    return {name: _expand(value, settings) for name, value in settings.items()}


def _expand(value: str, settings: Mapping[str, str]) -> str:
    for _ in range(_MAX_DEPTH):
        if "$" not in value or len(value) > _MAX_VALUE:
            break
        value = _REFERENCE.sub(lambda found: settings.get(found[found.lastindex or 0], "")[:_MAX_VALUE], value)
    return value[:_MAX_VALUE]


def _services(text: str, settings: Mapping[str, str]) -> Iterator[Smtpd]:
    for line in _logical_lines(text):
        fields = line.split(None, 8)
        if len(fields) >= 8 and fields[7] == "smtpd":
            own = dict(_overriding(fields[8] if len(fields) > 8 else ""))
            merged = {**settings, **{name: _expand(value, {**settings, **own}) for name, value in own.items()}}
            yield Smtpd(f"{fields[0]}/{fields[1]}", _is_chrooted(fields[4], settings), merged, frozenset(own))


def _is_chrooted(column: str, settings: Mapping[str, str]) -> bool:
    """``-`` is yes before compatibility_level 1, which came with Postfix 3.0."""
    return column == "y" or (column == "-" and settings["compatibility_level"].partition(".")[0] in ("", "0"))


def _overriding(arguments: str) -> Iterator[tuple[str, str]]:
    words = iter(_ARGUMENT.findall(arguments))
    for each in words:
        if each.startswith("-o"):
            option = each[2:] or next(words, "")
            name, equals, value = option.strip("{}").partition("=")
            if equals:
                yield name.strip(), value.strip()
