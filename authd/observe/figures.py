"""Numbers as people read them."""

from collections.abc import Sequence

NOTHING = "—"
UNITS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


def count(number: float) -> str:
    """A whole number, its thousands apart."""
    return f"{number:,.0f}"


def rate(number: float) -> str:
    """A rate, to three digits at most."""
    if number == 0 or number >= 99.95:
        return count(number)
    if number < 0.005:
        return "<0.01"
    return f"{number:.1f}" if number >= 9.995 else f"{number:.2f}"


def share(part: float, whole: float) -> str:
    """A share in per cent, which is 0 % and 100 % only when it is just that."""
    if not whole:
        return NOTHING
    percent = 100 * part / whole
    if 0 < part < whole:
        percent = min(max(percent, 0.1), 99.9)
    return f"{percent:.1f} %" if 0 < part < whole else f"{percent:.0f} %"


def time(seconds: float | None) -> str:
    """A time that is measured: in milliseconds below a second."""
    if seconds is None:
        return NOTHING
    if seconds >= 1:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    thousandths = seconds * 1000
    return f"{thousandths:.0f} ms" if thousandths >= 10 else f"{thousandths:.2g} ms"


def age(seconds: float) -> str:
    """A time that is lived: its two largest units."""
    parts, left = list[str](), int(seconds)
    for unit, size in UNITS:
        if left >= size or parts or size == 1:
            parts.append(f"{left // size} {unit}")
            left %= size
    return " ".join(parts[:2])


def words(names: Sequence[str]) -> str:
    """Names in a row."""
    return ", ".join(names)
