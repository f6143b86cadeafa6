"""Who answers at authd's sockets: authd, Cyrus's saslauthd, or nobody."""

import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from authd.config.settings import ListenerSettings
from authd.doctor.finding import Check, Finding, word
from authd.doctor.own import Own
from authd.doctor.sight import Sight
from authd.doctor.units import UNITS, is_booted, is_enabled, unit_files
from authd.protocols.saslauthd import PROBE

CYRUS = "saslauthd"
DEADLINE = 10.0  # seconds for an answer, more than authd's own request_deadline
_DEFAULT_DIRECTORY = "/var/run/saslauthd"
_WORK_DIRECTORY = re.compile(r"-m[\s\0]*([^\s\0\"']+)")
_OPTIONS = re.compile(r"^\s*OPTIONS=.*", re.MULTILINE)
_START = re.compile(r"^\s*START=[\"']?yes", re.MULTILINE)


def check_daemons(sight: Sight, own: Own) -> Iterator[Finding]:
    """Log in as nobody at each listener, and look for saslauthd beside it."""
    running = dict(_running(sight))
    for listener in own.listeners:
        real = sight.real(listener.path)
        cyrus = next((pid for pid, directory in running.items() if sight.real(Path(directory)) == real.parent), None)
        if cyrus is not None:
            yield _saslauthd(sight, f"saslauthd runs, pid {cyrus}, with its socket at {listener.path}", cyrus)
        elif _starts_at_boot(sight, real.parent):
            yield _saslauthd(sight, f"saslauthd will be started at the next boot, with its socket at {listener.path}")
        if cyrus is None:
            yield from _not_answering(sight, own, listener, real)


def _saslauthd(sight: Sight, text: str, pid: int | None = None) -> Finding:
    why = "two daemons take turns at one socket: whoever starts last gets the logins, and the other none"
    if is_booted(sight):
        command = "systemctl disable --now saslauthd"
    elif pid is None:
        command = "update-rc.d saslauthd disable"
    else:
        command = f"kill {pid} && update-rc.d saslauthd disable"
    return Finding(Check.SASLAUTHD, text, why, command)


def _running(sight: Sight) -> Iterator[tuple[int, str]]:
    """Give each saslauthd's process and folder; of one with several, the parent comes first."""
    for pid in sorted(int(name) for name in sight.names(Path("/proc")) if name.isdecimal()):
        if (sight.text(Path(f"/proc/{pid}/comm")) or "").strip() == CYRUS:
            yield pid, _work_directory(sight.text(Path(f"/proc/{pid}/cmdline")) or "")


def _work_directory(text: str) -> str:
    found = _WORK_DIRECTORY.search(text)
    return found[1] if found else _DEFAULT_DIRECTORY


def _starts_at_boot(sight: Sight, directory: Path) -> bool:
    """Whether its unit is enabled, or Debian's init script is and START=yes stands in its defaults."""
    defaults = sight.text(Path("/etc/default/saslauthd")) or ""
    options = "".join(_OPTIONS.findall(defaults))
    if sight.real(Path(_work_directory(options))) != directory:
        return False
    if unit_files(sight, "saslauthd.service"):
        return is_enabled(sight, "saslauthd.service")
    names = [name for level in "2345" for name in sight.names(Path(f"/etc/rc{level}.d"))]
    return any(re.fullmatch(r"S\d\dsaslauthd", name) for name in names) and bool(_START.search(defaults))


def _not_answering(sight: Sight, own: Own, listener: ListenerSettings, real: Path) -> Iterator[Finding]:
    try:
        problem = _heard(str(real))
    except PermissionError as error:
        sight.miss(listener.path, error)
        return
    if problem:
        yield Finding(
            Check.NOT_ANSWERING,
            f"{listener.path}: expected authd's answer to an empty login, got {problem}",
            "every login there is a temporary failure, 454 in Postfix",
            _start(sight, own),
        )


def _start(sight: Sight, own: Own) -> str:
    units = [unit for unit in UNITS if unit_files(sight, unit)]
    if is_booted(sight) and units:
        return f"systemctl restart {' '.join(units)}"
    return "authd serve" + ("" if own.path is None else f" --config {word(own.path)}")


def _heard(path: str) -> str:
    """Log in with nothing; say what is wrong with the answer, nothing where it is ``NO``. Raises PermissionError."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(DEADLINE)
        try:
            connection.connect(path)
            connection.sendall(PROBE)
            answer = _receive(connection)
        except PermissionError:
            raise
        except FileNotFoundError:
            return "no socket"
        except BlockingIOError:
            return "a full backlog"
        except OSError as error:
            return f"none: {error.strerror or error}"
    if answer[2:4] == b"NO":
        return ""
    return "a temporary failure" if answer == b"\0\0" else f"{answer!r}"


def _receive(connection: socket.socket) -> bytes:
    end, answer = time.monotonic() + DEADLINE, b""
    while len(answer) < 4 and answer != b"\0\0":
        connection.settimeout(max(end - time.monotonic(), 0.001))
        piece = connection.recv(1024)
        if not piece:
            break
        answer += piece
    return answer
