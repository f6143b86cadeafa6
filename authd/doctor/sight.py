"""The files of an installation, as far as this user may see them."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Self

MAX_SIZE = 1 << 20  # bytes that are read of a file; no configuration is larger
MAX_LINKS = 40  # as the kernel follows
_ABSENT = (FileNotFoundError, NotADirectoryError, ProcessLookupError)  # the last: a process of /proc that ended
_ACL = "system.posix_acl_access"


@dataclass(frozen=True)
class Sight:
    """Looks at files as a process does whose root directory is `root`, and keeps in `unseen` what it may not see.

    What is not there is no secret: only that something could not be told counts as unseen.
    """

    root: Path = Path("/")
    unseen: dict[str, str] = field(default_factory=dict)

    def inside(self, root: Path) -> Self:
        """Give the sight of a process that is chrooted to a directory of this one."""
        return type(self)(self.real(root), self.unseen)

    def real(self, path: Path) -> Path:
        """Follow symbolic links as that process would: an absolute one, or ``..``, leads nowhere above its root."""
        left, at, followed = list(reversed(_parts(str(path)))), self.root, 0
        while left:
            part = left.pop()
            if part == "..":
                at = at if at == self.root else at.parent
                continue
            target = _link(at / part) if followed < MAX_LINKS else None
            if target is None:
                at /= part
                continue
            followed += 1
            at = self.root if target.startswith("/") else at
            left.extend(reversed(_parts(target)))
        return at

    def status(self, path: Path) -> os.stat_result | None:
        """Give the status of what is there, links followed; None where nothing is, or it may not be looked at."""
        try:
            return self.real(path).lstat()
        except _ABSENT:
            return None
        except (OSError, ValueError) as error:
            self.miss(path, error)
            return None

    def is_there(self, path: Path) -> bool:
        return self.status(path) is not None

    def content(self, path: Path) -> bytes | None:
        """Give the first `MAX_SIZE` bytes of a regular file; None where there is none, or it may not be read."""
        try:
            return _content(self.real(path))
        except _ABSENT:
            return None
        except (OSError, ValueError) as error:
            self.miss(path, error)
            return None

    def text(self, path: Path) -> str | None:
        """Give a file's content as `content` does, any bytes kept as surrogates."""
        content = self.content(path)
        return None if content is None else content.decode("utf-8", "surrogateescape")

    def names(self, directory: Path) -> list[str]:
        """Name what a directory holds, in order; nothing where there is none, or it may not be read."""
        try:
            return sorted(os.listdir(self.real(directory)))  # noqa: PTH208  # names, not paths
        except _ABSENT:
            return []
        except (OSError, ValueError) as error:
            self.miss(directory, error)
            return []

    def way_to(self, path: Path) -> Iterator[Path]:
        """Give the directories that a process has to enter on its way to `path`, from its root on."""
        real = self.real(path)
        yield from reversed([above for above in real.parents if above.is_relative_to(self.root)])

    def has_acl(self, real: Path) -> bool:
        """Whether more than the mode decides who may enter or write."""
        try:
            return bool(os.getxattr(real, _ACL))
        except OSError:
            return False

    def miss(self, path: Path, error: Exception) -> None:
        """Remember that something could not be looked at."""
        self.unseen[str(path)] = getattr(error, "strerror", None) or str(error)


def _parts(path: str) -> list[str]:
    return [part for part in PurePosixPath(path).parts if part not in ("/", "//")]


def _content(real: Path) -> bytes:
    """Read a regular file; a named pipe would wait for a writer, and a device may never end."""
    descriptor = os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError("expected a regular file")
        return file.read(MAX_SIZE)


def _link(path: Path) -> str | None:
    try:
        return str(path.readlink())
    except (OSError, ValueError):  # no link, nothing, or a NUL
        return None
