"""What a client sent, as a value within a filter or a DN: every character that means something there is written in hex.

Our own, since python-ldap's escapes of a NUL in a DN were wrong up to 3.4.4 (CVE-2025-61912).
"""

import re

_IN_FILTER = re.compile(r"[*()\\\x00-\x1f\x7f]")  # RFC 4515, section 3, and what would spoil a server's log
_IN_DN = re.compile(r"[^\w.@ -]|\A | \Z", re.ASCII)  # RFC 4514, section 2.4, and more than it asks for


def in_filter(text: str) -> str:
    """Escape the value of an assertion. Raises UnicodeEncodeError for what is not UTF-8."""
    return _IN_FILTER.sub(_hex, text)


def in_dn(text: str) -> str:
    """Escape the value of an attribute in a DN. Raises UnicodeEncodeError for what is not UTF-8."""
    return _IN_DN.sub(_hex, text)


def _hex(found: re.Match[str]) -> str:
    return "".join(f"\\{byte:02x}" for byte in found[0].encode())
