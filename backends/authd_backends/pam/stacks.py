"""The stack of a PAM service as its files say (pam.d(5)): what cannot work is found before the first login."""

import re
from collections.abc import Iterator
from pathlib import Path, PurePath

FALLBACK = "other"  # the service whose lines count for a service that has none
MAX_DEPTH = 16  # of files that include one another

_DIRECTORIES = ("/etc/pam.d", "/usr/lib/pam.d", "/usr/etc/pam.d", "/usr/share/pam.d")  # and those that vendors chose
_CONTINUED = re.compile(r"\\[ \t]*\n")
_LINE = re.compile(
    r"""^\s*(?:@include\s+(?P<file>\S+)
    |-?auth\s+(?P<control>\[(?:[^]\\]|\\.)*\]|\S+)\s+(?P<module>\S+))""",
    re.IGNORECASE | re.MULTILINE | re.VERBOSE,
)


def auth_modules(service: str) -> frozenset[str] | None:
    """Name the modules (``pam_unix``) that may decide about a password; None where the service has no file at all."""
    own, other = _text(service), _text(FALLBACK)
    if own is None and other is None:
        return None
    return frozenset(_modules(own or "")) or frozenset(_modules(other or ""))


def _modules(text: str, depth: int = 0) -> Iterator[str]:
    for line in _LINE.finditer(_CONTINUED.sub(" ", text)):
        included = line["file"] or (line["module"] if line["control"].lower() in ("include", "substack") else None)
        if included is None:
            yield PurePath(line["module"]).stem
        elif depth < MAX_DEPTH:
            yield from _modules(_text(included) or "", depth + 1)


def _text(name: str) -> str | None:
    """Read the file that libpam would take; like libpam, pass over one that cannot be read."""
    for directory in _DIRECTORIES:
        try:
            return Path(directory, name).read_text(errors="replace")
        except OSError:
            continue
    return None
