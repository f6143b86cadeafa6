"""authd's own configuration: what it says, and who may read and write it."""

import os
import stat
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from authd.config.default import CONFIG_FILE, SASL_GROUP, SYSTEM_SOCKET, default_listener
from authd.config.errors import ConfigError
from authd.config.load import Loaded, load
from authd.config.notices import readable_secrets
from authd.config.settings import ListenerSettings
from authd.doctor.access import account, group_name
from authd.doctor.finding import Check, Finding, word
from authd.doctor.sight import Sight
from authd.doctor.units import SOCKET, is_booted, streams_of


@dataclass(frozen=True, slots=True)
class Own:
    """What authd is told to do. `loaded` is None where that cannot be read, or used: the default is taken for given."""

    loaded: Loaded | None
    listeners: tuple[ListenerSettings, ...]
    problems: tuple[str, ...] = ()

    @property
    def path(self) -> Path | None:
        """The file; None where the embedded default is in force, or nothing could be read."""
        return None if self.loaded is None else self.loaded.path

    @property
    def is_of_the_system(self) -> bool:
        """Whether the processes drop to server.user, and not somebody runs an authd of his own."""
        return os.geteuid() == 0 or self.path == CONFIG_FILE


def read_own(sight: Sight, path: Path | None) -> Own:
    """Read the file, or what authd would take without one."""
    asked = path or CONFIG_FILE
    if _may_not_be_read(asked):
        sight.miss(asked, PermissionError(13, "Permission denied"))
        return Own(None, _listeners(sight, (default_listener(),)))
    try:
        loaded = load(path)
    except ConfigError as error:
        return Own(None, (), tuple(error.problems))
    if loaded.path is None and os.geteuid() != 0 and sight.is_there(SYSTEM_SOCKET):
        return Own(loaded, (default_listener(),))  # root's runs on its own embedded default
    return Own(loaded, _listeners(sight, loaded.settings.listeners))


def _listeners(sight: Sight, named: tuple[ListenerSettings, ...]) -> tuple[ListenerSettings, ...]:
    """Add what systemd listens at for authd: it serves those that its own file does not name, too."""
    given = streams_of(sight, SOCKET) if is_booted(sight) else []
    known = {sight.real(listener.path) for listener in named}
    return (*named, *(ListenerSettings(path=path, group=SASL_GROUP) for path in given if sight.real(path) not in known))


def check_own(sight: Sight, own: Own) -> Iterator[Finding]:
    """Look at the file itself."""
    for problem in own.problems:
        yield Finding(
            Check.CONFIGURATION,
            problem,
            "authd does not start with a configuration that it cannot use, and keeps the old one at a reload",
            _edit(problem),
        )
    if own.loaded is not None and own.is_of_the_system:
        yield from _exposed(sight, own.loaded)


def _edit(problem: str) -> str:
    file, _, rest = problem.partition(":")
    line = rest.partition(":")[0]
    at = f"+{line} " if line.isdecimal() else ""
    return f'"${{EDITOR:-vi}}" {at}{word(file)} && authd check --config {word(file)}'


def _may_not_be_read(path: Path) -> bool:
    try:
        path.open("rb").close()
    except PermissionError:
        return True
    except OSError:
        return False
    return False


def _exposed(sight: Sight, loaded: Loaded) -> Iterator[Finding]:
    status = None if loaded.path is None else sight.status(loaded.path)
    if status is None:
        return
    mode = stat.S_IMODE(status.st_mode)
    secrets = list(readable_secrets(tomllib.loads(loaded.content.decode())))
    who = account(loaded.settings.server.user)
    group = group_name(who.gid) if who else "root"
    if secrets and mode & stat.S_IROTH:
        yield Finding(
            Check.CONFIGURATION_MODE,
            f"{loaded.path}: expected that only root and authd may read its secrets, got mode {mode:04o}",
            "everybody on the machine may read the password of a database or directory",
            f"chown root:{word(group)} {word(loaded.path)} && chmod 0640 {word(loaded.path)}",
        )
    if loaded.written_by_others:
        yield Finding(
            Check.CONFIGURATION_MODE,
            f"{loaded.path}: expected that only root may write it, got: {loaded.written_by_others}",
            "who may write it decides whose password is right; the helper does not read such a file",
            f"chown root {word(loaded.path)} && chmod go-w {word(loaded.path)}",
        )
