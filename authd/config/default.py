"""The embedded default, for a start without any file: a passwd-file and a socket in the directories of who starts it.

systemd names the directories of a service; else root has the system's and anybody else the XDG ones. This module
imports little, for the commands that need nothing but the two paths.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from authd.config.errors import ConfigError

if TYPE_CHECKING:
    from authd.config.settings import ListenerSettings

CONFIG_FILE = Path("/etc/authd/authd.toml")  # in whose absence the embedded default counts
SYSTEM_SOCKET = Path("/run/saslauthd/mux")  # where Debian's libsasl2 looks
CONTROL_NAME = "control.sock"
SASL_GROUP = "sasl"  # on Debian: who may ask saslauthd


def is_there(path: Path) -> bool:
    """Whether there is a file, be it a dangling link or one that may not be looked at: those are errors, not absent."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def default_users_file() -> Path:
    """Give the passwd-file of the embedded default. Raises ConfigError for a variable that is no absolute path."""
    return _state_directory() / "users"


def default_socket() -> Path:
    """Give the socket of the embedded default. Raises ConfigError for a variable that is no absolute path."""
    return _runtime_directory() / "mux"


def default_text() -> str:
    """Give the embedded default as TOML. Raises ConfigError for a variable that is no absolute path."""
    from authd_backends.kinds import quoted

    socket, users = default_socket(), default_users_file()
    listener = f"[[listeners]]\npath = {quoted(str(socket))}\n"
    backend = f'\n[backends.users]\ntype = "passwd-file"\npath = {quoted(str(users))}\n'
    if socket != SYSTEM_SOCKET:  # not everybody can make /run/authd
        return f"{listener}{backend}\n[control]\npath = {quoted(str(socket.with_name(CONTROL_NAME)))}\n"
    group = f"group = {quoted(SASL_GROUP)}\n" if _has_sasl_group() else ""
    return f"{listener}{group}{backend}"


def default_listener() -> "ListenerSettings":
    """The listener of a file that names none: where Debian's libsasl2 looks, for those whom Debian lets ask."""
    from authd.config.settings import ListenerSettings

    return ListenerSettings(path=SYSTEM_SOCKET, group=SASL_GROUP if _has_sasl_group() else None)


def _has_sasl_group() -> bool:
    """Whether this process may give a socket to the group."""
    from grp import getgrnam

    try:
        return os.geteuid() == 0 and getgrnam(SASL_GROUP) is not None
    except KeyError:
        return False


def _state_directory() -> Path:
    if named := _systemd_directory("STATE_DIRECTORY"):
        return named
    if os.geteuid() == 0:
        return Path("/var/lib/authd")
    return (_directory("XDG_STATE_HOME") or _home() / ".local/state") / "authd"


def _runtime_directory() -> Path:
    if named := _systemd_directory("RUNTIME_DIRECTORY"):
        return named
    if os.geteuid() == 0:
        return SYSTEM_SOCKET.parent
    named = _directory("XDG_RUNTIME_DIR")
    return named / "authd" if named else _state_directory() / "run"


def _systemd_directory(variable: str) -> Path | None:
    """The first of the directories that systemd.exec(5) puts into `variable`."""
    return _absolute(variable, os.environ.get(variable, "").partition(":")[0])


def _directory(variable: str) -> Path | None:
    return _absolute(variable, os.environ.get(variable, ""))


def _home() -> Path:
    home = _absolute("HOME", os.path.expanduser("~"))  # noqa: PTH111  # Path.home() raises where nobody has a home
    assert home is not None, "expanduser gives no empty path"
    return home


def _absolute(variable: str, value: str) -> Path | None:
    if not value:
        return None
    if not value.startswith("/") or not value.isprintable():
        raise ConfigError([f"environment: {variable}: expected an absolute path, got {value!a}"])
    return Path(value)
