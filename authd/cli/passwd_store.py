"""The passwd-file that a command keeps: which one, and how it is changed."""

import os
import pwd
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from authd.unix.privileges import may_drop
from authd_backends import files, passwd_lines

Change = Callable[[list[bytes]], list[bytes]]

MAX_SIZE = 1 << 30  # bytes: ten million users
_HEADER = b"# user[@realm]:hash, kept by authd user\n"


class UserError(Exception):
    """The command cannot be done; `status` is what it exits with."""

    def __init__(self, text: str, status: int = 1) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True, slots=True)
class Store:
    """The passwd-file to keep, the scheme of its new hashes, and the account that the daemon runs as."""

    path: Path
    scheme: str | None
    account: str

    def lines(self) -> list[bytes]:
        """Read the file. Raises OSError."""
        return passwd_lines.split(files.read_regular(self.path, MAX_SIZE))

    def create(self, change: Change) -> None:
        """Change the file, which need not be there, nor its directory. Raises OSError and what `change` raises."""
        reader, directory = self._reader(), self.path.parent
        if not directory.exists():
            directory.mkdir(parents=True)
            os.chown(directory, -1, reader.pw_gid if reader else -1)
            directory.chmod(0o750)
        self._replace(change, reader)

    def edit(self, change: Change) -> None:
        """Change the file, which has to be there. Raises OSError and what `change` raises."""
        self.path.stat()
        self._replace(change, self._reader())

    def _replace(self, change: Change, reader: pwd.struct_passwd | None) -> None:
        """Under the lock: what another command writes meanwhile would be lost. An empty file would be no file."""
        with files.locked(self.path):
            lines = self.lines() if self.path.exists() else passwd_lines.split(_HEADER)
            mode, group = (0o640, reader.pw_gid) if reader else (0o600, -1)
            files.replace(self.path, passwd_lines.join(change(lines)) or _HEADER, mode=mode, group=group)
        if problem := files.trust_problem(self.path.stat(), reader.pw_uid if reader else os.geteuid()):
            print(f"authd user: {self.path}: the daemon refuses it: {problem}", file=sys.stderr)

    def _reader(self) -> pwd.struct_passwd | None:
        """Give the account that a daemon started as root becomes; None for one that stays what it is."""
        if not may_drop():
            return None
        for name in (self.account, "nobody"):
            try:
                return pwd.getpwnam(name)
            except KeyError:
                continue
        return None


def chosen(file: Path | None, config: Path | None, scheme: str | None) -> Store:
    """Give the store that was named, or the only one of the configuration.

    Raises ConfigError, and UserError where the configuration has none or several.
    """
    if file is not None:
        from authd.config.settings import ServerSettings

        return Store(file, scheme, ServerSettings().user)
    from authd.config.load import load

    settings = load(config).settings
    found = [backend for backend in settings.backends if backend.type == "passwd-file"]
    if len(found) != 1:
        names = ", ".join(backend.name for backend in found) or "none"
        raise UserError(f"expected one backend of type passwd-file, got {names}: say which file with --file", 2)
    return Store(found[0].options.path, scheme or found[0].options.scheme, settings.server.user)
