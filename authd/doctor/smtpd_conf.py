"""libsasl2's configuration of an application: which file counts, and what it says (cyrus-sasl 2.1.28, lib/config.c)."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from authd.doctor.finding import word
from authd.doctor.sight import Sight

DEFAULT_SOCKET = "/var/run/saslauthd/mux"  # compiled into Debian's libsasl2
DEFAULT_METHOD = "auxprop"
PASSWORD_MECHANISMS = ("PLAIN", "LOGIN")
_DEBIAN = Path("/etc/debian_version")
_CYRUS = ("/etc/sasl2", "/etc/sasl", "/usr/lib/{triplet}/sasl2", "/usr/lib64/sasl2", "/usr/lib/sasl2")
_ELSEWHERE = ("/usr/lib/sasl", "/usr/local/lib/sasl2", "/usr/local/etc/sasl2", "/etc/postfix/sasl")
_LINE = re.compile(r"\s*(?P<key>[A-Za-z0-9_-]+):\s*(?P<value>\S.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class SaslConf:
    """A file NAME.conf that libsasl2 reads."""

    path: Path
    options: Mapping[str, str]
    wrong_line: int | None = None  # the first that libsasl2 cannot read; it takes nothing of such a file

    @property
    def methods(self) -> list[str]:
        return self.options.get("pwcheck_method", DEFAULT_METHOD).lower().split()

    @property
    def mechanisms(self) -> list[str] | None:
        """The mechanisms in upper case; None: all that are installed."""
        return self.options["mech_list"].upper().split() if "mech_list" in self.options else None

    def set(self, key: str, value: str) -> str:
        """Give the command that makes this line of the file the only one of its key."""
        path, line = word(self.path), word(f"{key}: {value}")
        # libsasl2 takes the first line of a key, and its file need not end with a newline
        return rf"sed -i '/^[[:space:]]*{key}:/Id' {path} && printf '\n%s\n' {line} >> {path}"


def parse(path: Path, text: str) -> SaslConf:
    """Read a file as libsasl2 does: of two lines with one key the first counts."""
    options: dict[str, str] = {}
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = _LINE.fullmatch(line)
        if found is None:
            return SaslConf(path, {}, number)
        options.setdefault(found["key"].lower(), found["value"].strip())
    return SaslConf(path, options)


def places_of_postfix(sight: Sight, config_directory: Path, name: str) -> list[Path]:
    """Name the files that smtpd(8) looks for, in its order.

    Debian's looks beside its main.cf and in /usr/lib/sasl alone: neither cyrus_sasl_config_path nor SASL_CONF_PATH nor
    libsasl2's own directories count for it (seen with Postfix 3.7.11). Others look where libsasl2 does.
    """
    if sight.is_there(_DEBIAN):
        return [config_directory / "sasl" / f"{name}.conf", Path("/usr/lib/sasl", f"{name}.conf")]
    return [directory / f"{name}.conf" for directory in _directories_of_libsasl(sight)]


def known_places(sight: Sight, config_directory: Path, name: str) -> list[Path]:
    """Name all the files that an administrator may have been told to write."""
    directories = [config_directory / "sasl", *_directories_of_libsasl(sight), *map(Path, _ELSEWHERE)]
    return list(dict.fromkeys(directory / f"{name}.conf" for directory in directories))


def plugin_directories(sight: Sight) -> Iterator[Path]:
    """Name the directories that may hold libsasl2's plug-ins."""
    for library in ("/usr/lib", "/usr/lib64", "/usr/local/lib"):
        yield Path(library, "sasl2")
    for triplet in _triplets(sight):
        yield Path("/usr/lib", triplet, "sasl2")


def _directories_of_libsasl(sight: Sight) -> Iterator[Path]:
    for directory in _CYRUS:
        if "{triplet}" not in directory:
            yield Path(directory)
        else:
            yield from (Path(directory.format(triplet=triplet)) for triplet in _triplets(sight))


def _triplets(sight: Sight) -> list[str]:
    return [name for name in sight.names(Path("/usr/lib")) if re.fullmatch(r"\w+-linux-\w+", name)]
