"""Sockets that a service manager listens at for the front: they stay, whatever the file says about them.

Their mode, owner and backlog are the manager's, and so is what happens to whoever connects while no front runs.
"""

import os
import socket
import tomllib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from authd.config.load import EMBEDDED, Loaded
from authd.config.settings import ListenerSettings
from authd.unix import activation
from authd.unix.listening import PlainSocket
from authd.unix.sockets import SocketError


class Given:
    """Sockets by the path that the file may give them too, in whatever spelling."""

    def __init__(self, sockets: Iterable[socket.socket] = ()) -> None:
        """Takes the sockets over. Raises SocketError for one without a path."""
        self._descriptors = {_resolved(_path(each)): (Path(_path(each)), each.detach()) for each in sockets}

    def __len__(self) -> int:
        return len(self._descriptors)

    def has(self, path: Path) -> bool:
        return _resolved(path) in self._descriptors

    def open(self, path: Path) -> PlainSocket | None:
        """Give the socket that was given for this path, to be closed like any other; None where there is none."""
        found = self._descriptors.get(_resolved(path))
        if found is None:
            return None
        listening = socket.socket(fileno=os.dup(found[1]))
        listening.setblocking(False)
        return PlainSocket(listening, path)

    def added_to(self, loaded: Loaded) -> Loaded:
        """Have all of them among the listeners: alone where the file names none, else with a warning."""
        if not self._descriptors:
            return loaded
        settings = loaded.settings
        named = settings.listeners if _names_listeners(loaded) else ()
        known = {_resolved(each.path) for each in named}
        unnamed = [path for resolved, (path, _) in self._descriptors.items() if resolved not in known]
        listeners = (*named, *(ListenerSettings(path=path) for path in unnamed))
        warnings = [
            f"{loaded.source}: listeners: expected one for {path}, where the service manager listens, got none: "
            "speaking saslauthd there"
            for path in unnamed
            if named
        ]
        return replace(loaded, settings=replace(settings, listeners=listeners), warnings=[*loaded.warnings, *warnings])


NONE = Given()


def taken() -> Given:
    """Take what the service manager has passed to this process. Raises SocketError."""
    return Given(activation.given_sockets())


def _names_listeners(loaded: Loaded) -> bool:
    return loaded.source != EMBEDDED and "listeners" in tomllib.loads(loaded.content.decode())


def _path(given: socket.socket) -> str:
    name = given.getsockname()
    if not isinstance(name, str) or not name.startswith("/"):
        raise SocketError(f"descriptor {given.fileno()}: expected a socket with an absolute path, got {name!a}")
    return name


def _resolved(path: Path | str) -> str:
    return os.path.realpath(path)
