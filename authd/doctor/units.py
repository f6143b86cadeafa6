"""What systemd will start, read from its files: it need not be asked, and anybody may read them."""

import re
from collections.abc import Iterator
from pathlib import Path

from authd.doctor.finding import Check, Finding
from authd.doctor.sight import Sight

SERVICE, SOCKET = "authd.service", "authd.socket"
UNITS = (SOCKET, SERVICE)
_DIRECTORIES = (  # systemd.unit(5), in its order
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
)
_ADMINISTRATOR = Path(_DIRECTORIES[0])


def is_booted(sight: Sight) -> bool:
    """Whether systemd runs this system (sd_booted(3))."""
    return sight.is_there(Path("/run/systemd/system"))


def unit_files(sight: Sight, unit: str) -> list[Path]:
    """Name the file of a unit that counts and its drop-ins; none where the unit is masked or not there."""
    files = [Path(directory, unit) for directory in _DIRECTORIES]
    first = next((file for file in files if sight.is_there(file)), None)
    if first is None or _is_nothing(sight, first):
        return []
    drop_ins = [Path(f"{file}.d") for file in files]
    return [first, *(folder / name for folder in drop_ins for name in sight.names(folder) if name.endswith(".conf"))]


def settings_of(sight: Sight, unit: str, name: str) -> Iterator[str]:
    """Give the values that a unit and its drop-ins have for a setting."""
    for file in unit_files(sight, unit):
        yield from re.findall(rf"^{name}=[ \t]*(.*?)[ \t]*$", sight.text(file) or "", re.MULTILINE)


def streams_of(sight: Sight, unit: str) -> list[Path]:
    """Give the Unix sockets that a socket unit listens at."""
    return [Path(value) for value in settings_of(sight, unit, "ListenStream") if value.startswith("/")]


def is_enabled(sight: Sight, unit: str) -> bool:
    """Whether anything of the boot asks for the unit."""
    folders = [name for name in sight.names(_ADMINISTRATOR) if name.endswith((".wants", ".requires"))]
    return any(unit in sight.names(_ADMINISTRATOR / folder) for folder in folders)


def check_units(sight: Sight) -> Iterator[Finding]:
    """Look whether systemd, where it runs, will start authd."""
    if not is_booted(sight):
        return
    masked = [unit for unit in UNITS if _is_masked(sight, unit)]
    for unit in masked:
        yield Finding(
            Check.UNIT,
            f"{unit}: expected a unit, got it masked",
            "systemd starts a masked unit for nobody, at the next boot neither",
            f"systemctl unmask {unit} && systemctl enable --now {unit}",
        )
    units = [unit for unit in UNITS if unit_files(sight, unit)]
    if units and not masked and not any(is_enabled(sight, unit) for unit in units):
        yield Finding(
            Check.UNIT,
            f"{' and '.join(units)}: expected to be enabled, got disabled",
            "authd is not started at the next boot, and nobody can log in then",
            f"systemctl enable --now {' '.join(units)}",
        )


def _is_masked(sight: Sight, unit: str) -> bool:
    return any(_is_nothing(sight, Path(directory, unit)) for directory in _DIRECTORIES[:2])


def _is_nothing(sight: Sight, file: Path) -> bool:
    """A link to /dev/null, or an empty file: systemd.unit(5)."""
    return sight.real(file) == sight.real(Path("/dev/null")) or sight.content(file) == b""
