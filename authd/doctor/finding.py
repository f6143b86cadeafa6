"""What a doctor says: findings, what could not be seen, and text that is safe to print and to run."""

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Check(StrEnum):
    """What a finding is about, as ``--json`` names it."""

    CONFIGURATION = "configuration"  # authd.toml cannot be used
    CONFIGURATION_MODE = "configuration-mode"  # everybody may read its secrets
    UNIT = "unit"  # systemd will not start authd
    HELPER_UNIT = "helper-unit"  # nor the helper that a backend needs
    SASLAUTHD = "saslauthd"  # Cyrus's daemon runs, or will, at the same socket
    NOT_ANSWERING = "not-answering"
    ORACLE = "oracle"  # everybody on the machine may try passwords
    WRITABLE = "writable"  # everybody may put another socket in the place of authd's
    PAM_SERVICE = "pam-service"
    BACKEND_FILE = "backend-file"  # server.user cannot read it
    POSTFIX = "postfix"  # there is none to look at
    AUTH_ENABLE = "auth-enable"
    SASL_TYPE = "sasl-type"
    SASL_PATH = "sasl-path"
    SECURITY_OPTIONS = "security-options"
    SMTPD_CONF = "smtpd-conf"  # there is none that counts, or it cannot be read
    SMTPD_CONF_DUPLICATE = "smtpd-conf-duplicate"
    PWCHECK_METHOD = "pwcheck-method"
    MECHANISMS = "mechanisms"
    PLUGINS = "plugins"
    SASLAUTHD_PATH = "saslauthd-path"
    CHROOT = "chroot"  # the socket is outside of smtpd's
    GROUP = "group"  # smtpd's user may not connect
    DIRECTORY = "directory"  # smtpd's user cannot get to the socket


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: in a line each what it is, why it matters, and the shell's command that mends it."""

    check: Check
    text: str
    why: str
    command: str


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that was found, and the files that could not be looked at, with the reason."""

    findings: tuple[Finding, ...]
    unseen: tuple[str, ...]

    def lines(self) -> Iterable[str]:
        """Give the report for people; nothing in it can move a terminal's cursor."""
        for finding in self.findings:
            yield f"{finding.check}: {printable(finding.text)}"
            yield f"  why:  {printable(finding.why)}"
            yield f"  mend: {printable(finding.command)}"
        for each in self.unseen:
            yield f"not seen: {printable(each)}"
        if not self.findings:
            yield "nothing is wrong" + (" with what could be seen" if self.unseen else "")


def printable(text: str) -> str:
    """Escape what does not print.

    >>> printable("smtpd\\x1b[2J.conf")
    'smtpd\\\\x1b[2J.conf'
    """
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def word(text: object) -> str:
    """Quote for sh, as one word that prints. Newlines at its end are lost: a shell drops them from what a command says.

    >>> word("/run/a b"), word("a\\nb")
    ("'/run/a b'", '"$(printf \\'a\\\\012b\\')"')
    """
    plain = str(text)
    if plain.isprintable():
        return shlex.quote(plain)
    octal = "".join(_octal(byte) for byte in plain.encode("utf-8", "surrogateescape"))
    return f"\"$(printf '{octal}')\""  # never with a - at its beginning, which were an option


def _octal(byte: int) -> str:
    char = chr(byte)
    return char if (char.isascii() and char.isalnum()) or char in "/._" else f"\\{byte:03o}"
