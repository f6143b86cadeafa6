"""HTML whose text cannot be anything but text."""

from html import escape

VOID = frozenset({"link", "meta"})


class Markup(str):
    """A string that is HTML already; any other is text and is escaped."""

    __slots__ = ()


def element(name: str, /, *content: str, **attributes: str | float | None) -> Markup:
    """Give an element with its content; an attribute of None is left out.

    Attributes are written as Python has to: ``class_`` is class, ``aria_label`` is aria-label.
    """
    shown = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{name}{shown}>" if name in VOID else f"<{name}{shown}>{together(*content)}</{name}>")


def together(*content: str) -> Markup:
    """Put pieces behind one another."""
    return Markup("".join(each if isinstance(each, Markup) else escape(each) for each in content))
