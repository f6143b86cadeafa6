"""Lines of Cyrus's saslauthd.conf: values by key, their tokens as templates, and what Cyrus did not say of them."""

import os
import re
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from authd_backends.errors import OptionError, Unavailable
from authd_backends.files import open_trusted

_MAX_SIZE = 1 << 20  # bytes
_LINE = re.compile(r"\s*([A-Za-z0-9_-]*)(:?)\s*(.*)", re.DOTALL)

_ALIASES = {
    "ldap_bind_pw": "ldap_password",
    "ldap_default_domain": "ldap_default_realm",
    "ldap_sasl_authc_id": "ldap_id",
    "ldap_sasl_authz_id": "ldap_authz_id",
    "ldap_sasl_realm": "ldap_realm",
    "ldap_sasl_mech": "ldap_mech",
}
_SHORT = (  # of which Cyrus kept 127 bytes
    "ldap_password",
    "ldap_group_filter",
    "ldap_group_search_base",
    "ldap_id",
    "ldap_authz_id",
    "ldap_realm",
    "ldap_mech",
    "ldap_sasl_secprops",
    "ldap_tls_ciphers",
)
_LONG = (  # of which it kept 1023 or more
    "ldap_servers",
    "ldap_bind_dn",
    "ldap_version",
    "ldap_search_base",
    "ldap_filter",
    "ldap_password_attr",
    "ldap_auth_method",
    "ldap_scope",
    "ldap_group_scope",
    "ldap_timeout",
    "ldap_time_limit",
    "ldap_size_limit",
    "ldap_deref",
    "ldap_referrals",
    "ldap_restart",
    "ldap_default_realm",
    "ldap_group_dn",
    "ldap_group_attr",
    "ldap_group_match_method",
    "ldap_use_sasl",
    "ldap_start_tls",
    "ldap_tls_check_peer",
    "ldap_tls_cacert_file",
    "ldap_tls_cacert_dir",
    "ldap_tls_cert",
    "ldap_tls_key",
    "ldap_debug",
)
_KEPT = dict.fromkeys(_LONG, 4095) | {"ldap_servers": 1023} | dict.fromkeys(_SHORT, 127)  # bytes
TOKENS = {"u": "login", "U": "local", "d": "domain", "s": "service", "r": "realm", "R": "at_realm", "D": "dn"} | {
    str(number): f"label{number}" for number in range(1, 10)
}
_SWITCHES = {"yes": True, "on": True, "true": True, "no": False, "off": False, "false": False}
_CYRUS_TRUE = re.compile(r"1|y|t|on")


class CyrusFile:
    """The last value of each key, and `warnings`, a line ``FILE:LINE: KEY: …`` each. Raises OptionError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.warnings: list[str] = []
        self.values: dict[str, str] = {}
        self._lines: dict[str, int] = {}
        for number, line in enumerate(_read(path).split("\n"), 1):
            self._read_line(number, line)

    def _read_line(self, number: int, line: str) -> None:
        found = _LINE.fullmatch(line)
        assert found is not None
        key, colon, value = found.groups()
        if not line.strip() or line.lstrip().startswith("#"):
            return
        if not colon or not value:
            raise OptionError(f"{self.path}:{number}: expected KEY: VALUE, got something else", "saslauthd_conf")
        key = _ALIASES.get(key.lower(), key.lower())
        if key not in _KEPT:
            nearest = "".join(f" ({each}?)" for each in get_close_matches(key, _KEPT, 1))
            self.warnings.append(f"{self.path}:{number}: {key}: expected a known key{nearest}: ignored, as by Cyrus")
            return
        self.values[key], self._lines[key] = value, number  # the last one counts
        if key != "ldap_password" and not _is_utf8(value):
            raise self.error(key, "expected UTF-8, as LDAP has it, got other bytes")
        if value != value.rstrip():
            self.warn(key, "has blanks at its end, which are part of it")
        if len(value.encode("utf-8", "surrogateescape")) > _KEPT[key]:
            self.warn(key, f"Cyrus cut it after {_KEPT[key]} bytes; it is taken whole here")

    def switch(self, key: str, default: bool) -> bool:
        value = self.values.get(key)
        if value is None:
            return default
        word = value.strip().lower()
        meant = next((yes for name, yes in _SWITCHES.items() if word and name.startswith(word)), None)
        if word in ("0", "1"):
            meant = word == "1"
        if meant is None:
            raise self.error(key, f"expected yes or no, got {value!r}")
        if meant is not bool(_CYRUS_TRUE.match(value)):
            self.warn(key, f"Cyrus took {value!r} for {'no' if meant else 'yes'}; it is what it says here")
        return meant

    def word(self, key: str, words: dict[str, Any], default: str) -> Any:
        value = self.values.get(key, default).lower()
        if value not in words:
            raise self.error(key, f"expected {' or '.join(words)}, got {value!r}")
        return words[value]

    def number(self, key: str, default: int) -> int:
        value = self.values.get(key, str(default)).strip()
        if not re.fullmatch(r"[0-9]{1,9}", value):
            raise self.error(key, f"expected a number, got {value!r}")
        return int(value)

    def file(self, key: str) -> Path | None:
        return Path(self.values[key]) if key in self.values else None

    def template(self, key: str, default: str) -> str:
        """Write Cyrus's tokens in the syntax of `Template`; it drops those that it does not know."""
        return re.sub(r"%(.?)|[{}]", lambda found: self._token(key, found), self.values.get(key, default))

    def _token(self, key: str, found: re.Match[str]) -> str:
        if found[1] is None:
            return found[0] * 2
        if found[1] == "%":
            return "%"
        if found[1] in TOKENS and (found[1] != "D" or key.startswith("ldap_group")):
            return f"{{{TOKENS[found[1]]}}}"
        self.warn(key, f"expected a known token, got {found[0]!r}: left out, as by Cyrus")
        return ""

    def warn(self, key: str, text: str) -> None:
        line = f"{self.path}:{self._lines[key]}: {key}: {text}"
        if line not in self.warnings:
            self.warnings.append(line)

    def error(self, key: str, text: str, otherwise: str = "") -> OptionError:
        number = self._lines.get(key) or self._lines.get(otherwise, 1)
        return OptionError(f"{self.path}:{number}: {key}: {text}", "saslauthd_conf")


def _is_utf8(value: str) -> bool:
    return not any("\udc80" <= each <= "\udcff" for each in value)  # surrogateescape's


def _read(path: Path) -> str:
    """Raises OptionError where it cannot be read, or others may write it."""
    try:
        with os.fdopen(open_trusted(path), "rb") as file:
            content = file.read(_MAX_SIZE + 1)
    except (Unavailable, OSError) as error:
        raise OptionError(str(error), "saslauthd_conf") from error
    if len(content) > _MAX_SIZE or b"\0" in content:
        raise OptionError(f"{path}: expected a text of at most {_MAX_SIZE} bytes, got something else", "saslauthd_conf")
    return content.decode("utf-8", "surrogateescape")
