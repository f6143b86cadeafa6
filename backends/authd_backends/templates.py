"""The one template syntax: ``{user}``, ``{realm}``, ``{service}``, ``{login}``, ``{client}`` within fixed text.

What is put in for a name is data: it is never looked at for further names.
"""

from collections.abc import Callable, Collection, Mapping
from string import Formatter

from authd_backends.errors import OptionError

NAMES = ("user", "realm", "service", "login", "client")


def as_it_is(text: str) -> str:
    return text


class Template:
    """A parsed template. ``{{`` and ``}}`` stand for the braces themselves."""

    def __init__(self, text: str, names: Collection[str] = NAMES) -> None:
        """Raises OptionError for an unknown name, a conversion, a format or an unclosed brace."""
        self.text = text
        self._pieces: list[tuple[str, str | None]] = []
        try:
            for fixed, name, form, conversion in Formatter().parse(text):
                if name is not None and (name not in names or form or conversion):
                    raise OptionError(f"expected {_listed(names)}, got {{{name}}}")
                self._pieces.append((fixed, name))
        except ValueError as error:
            raise OptionError(f"expected a template, got {text!r}: {error}") from error

    @property
    def names(self) -> frozenset[str]:
        """The names that stand in it."""
        return frozenset(name for _, name in self._pieces if name)

    def render(self, values: Mapping[str, str], escape: Callable[[str], str] = as_it_is) -> str:
        """Put the values in, each after `escape`; the fixed text is left as it is."""
        return "".join(fixed + (escape(values[name]) if name else "") for fixed, name in self._pieces)


def _listed(names: Collection[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in names)
