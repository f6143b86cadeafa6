"""What does not stop the start and still has to be said."""

from collections.abc import Iterator, Mapping
from typing import Any

from authd.config.location import Finding, Key
from authd_backends.options import is_secret


def readable_secrets(table: Mapping[str, Any]) -> Iterator[Finding]:
    """Find the secrets in a file that everybody may read."""
    for key in _secrets(table["backends"], ("backends",)):
        yield Finding(key, "expected a file that only its owner and group may read, got one that everybody may")


def _secrets(table: Mapping[str, Any], above: Key) -> Iterator[Key]:
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from _secrets(value, (*above, name))
        elif is_secret(name):
            yield (*above, name)
