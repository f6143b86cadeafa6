"""The command line of Cyrus's saslauthd 2.1.28 (saslauthd/saslauthd-main.c), and what it asks for."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from getopt import GetoptError, gnu_getopt
from pathlib import Path

SHORT = "a:cdfhO:lm:n:rs:t:vVT"
INSTEAD = {
    "kerberos5": "-a pam, with pam_krb5.so in the PAM service",
    "kerberos4": "-a pam, with pam_krb5.so in the PAM service",
    "rimap": "a backend for the users of that IMAP server: passwd-file, ldap, mysql, postgresql or sqlite",
    "httpform": "a backend for the users behind that form: passwd-file, ldap, mysql, postgresql or sqlite",
    "dce": "-a ldap or -a pam",
    "sia": "-a shadow or -a pam",
}

_DIRECTORY = Path("/run/saslauthd")  # compiled into Debian's as /var/run/saslauthd


class Mechanism(Enum):
    """What ``-a`` may name, which is a type of backend as well."""

    SASLDB = "sasldb"
    GETPWENT = "getpwent"
    PAM = "pam"
    SHADOW = "shadow"
    LDAP = "ldap"


class FlagsError(Exception):
    """A command line that cannot be run."""


class UsageError(FlagsError):
    """One that is none: the usage tells more than the text."""


class Asked(Enum):
    """What is told in place of a start."""

    USAGE = "-h"
    VERSION = "-v"


@dataclass(frozen=True, kw_only=True, slots=True)
class Flags:
    """A command line that asks for a daemon."""

    mechanism: Mechanism
    option: str | None = None  # -O
    directory: Path = _DIRECTORY
    processes: int = 5  # 0: one for each connection
    joins_realm: bool = False
    caches: bool = False
    cache_size: int | None = None  # KiB
    cache_ttl: int | None = None  # seconds
    stays: bool = False  # in the foreground
    is_verbose: bool = False
    needless: tuple[str, ...] = ()  # words without a meaning


def parse(words: Sequence[str]) -> Flags | Asked:
    """Read the words as getopt(3) and the C daemon do.

    ``-f`` is that of its unreleased version, ``-T`` is still in its manual page. Raises FlagsError.
    """
    try:
        found, rest = gnu_getopt(words, SHORT)
    except GetoptError as error:
        complaint = "option requires an argument" if f"{error.opt}:" in SHORT else "invalid option"
        raise UsageError(f"{complaint} -- '{error.opt}'") from None
    for flag, _ in found:
        if flag in ("-h", "-v"):
            return Asked(flag)
    if sum(flag == "-a" for flag, _ in found) != 1:
        raise UsageError("-a: expected one authentication mechanism")
    values = dict(found)
    return Flags(
        mechanism=_mechanism(values["-a"]),
        option=_utf8("-O", values["-O"]) if "-O" in values else None,
        directory=_directory(values.get("-m", str(_DIRECTORY))),
        processes=_number("-n", values.get("-n", "5"), least=0),
        joins_realm="-r" in values,
        caches="-c" in values,
        cache_size=_number("-s", values["-s"], least=1) if "-s" in values else None,
        cache_ttl=_number("-t", values["-t"], least=1) if "-t" in values else None,
        stays=bool(values.keys() & {"-d", "-f"}),
        is_verbose=bool(values.keys() & {"-d", "-V"}),
        needless=(*(["-T"] if "-T" in values else []), *rest),
    )


def _mechanism(name: str) -> Mechanism:
    lowered = name.lower()
    if lowered in INSTEAD:
        raise FlagsError(f"-a {lowered}: expected a mechanism that authd has; use instead: {INSTEAD[lowered]}")
    for mechanism in Mechanism:
        if mechanism.value == lowered:
            return mechanism
    raise FlagsError(f"-a: expected {' or '.join(each.value for each in Mechanism)}, got {name!a}")


def _directory(text: str) -> Path:
    if not text.startswith("/"):
        raise FlagsError(f"-m: expected an absolute path, got {text!a}")
    return Path(_utf8("-m", text))


def _utf8(flag: str, text: str) -> str:
    """What authd.toml is to hold."""
    try:
        text.encode()
    except UnicodeEncodeError:  # surrogateescape's, for other bytes
        raise FlagsError(f"{flag}: expected UTF-8, got {text!a}") from None
    return text


def _number(flag: str, text: str, least: int) -> int:
    """Read a number as atoi(3) does: what begins with none is 0."""
    found = re.match(r"\s*([+-]?[0-9]{1,18})", text)
    number = int(found[1]) if found else 0
    if number < least:
        raise FlagsError(f"{flag}: expected a number of at least {least}, got {text!a}")
    return number
