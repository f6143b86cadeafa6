"""authd in saslauthd's place, on a configuration that was made of its flags."""

import os
import shlex
import socket
import stat
from collections.abc import Iterator
from contextlib import suppress
from grp import getgrgid
from hashlib import blake2b
from pathlib import Path

from authd.config.errors import ConfigError
from authd.config.from_saslauthd import Instance, OwnSockets, configuration
from authd.config.load import Loaded, load
from authd.config.pam_services import pam_services
from authd.config.settings import BackendSettings
from authd.daemon import helper
from authd.daemon.account import check_readable, front_account
from authd.daemon.backends import made, of_helper, started
from authd.daemon.openings import make_directory
from authd.protocols.saslauthd import PROBE
from authd.unix import privileges
from authd.unix.privileges import Account, PrivilegeError, may_drop
from authd.unix.sockets import UNCHANGED, peer_credentials
from authd_backends import files

RUNTIME = Path("/run/authd")
STANDARD = (Path("/run/saslauthd"), Path("/var/run/saslauthd"))
DIRECTORY_MODE = 0o755  # saslauthd's own; Debian's init script makes it before, 0710 root:sasl
MAX_NAME = 60  # characters; of a longer directory our files have a digest for a name
ENOUGH = 1.0  # seconds for the answer to a probe


def prepared(instance: Instance) -> Loaded:
    """Make saslauthd's directory if need be, write the configuration, and read it. Raises ConfigError."""
    directory, is_root = instance.flags.directory, may_drop()
    _make(directory)
    if is_root:
        make_directory(RUNTIME, DIRECTORY_MODE, UNCHANGED)
    ours = RUNTIME / _name(directory) if is_root else directory / "authd"
    sockets = OwnSockets(Path(f"{ours}.control"), Path(f"{ours}.helper"))
    text = configuration([instance], pam_services(), None if is_root and directory in STANDARD else sockets)
    file = Path(f"{ours}.toml")
    try:
        files.replace(file, text.encode("utf-8", "surrogateescape"), mode=0o640)
    except OSError as error:
        raise ConfigError([f"{file}: expected to write it, got: {error.strerror}"]) from error
    return load(file)


def is_open_to_all(directory: Path) -> bool:
    """Whether every user of the system may come to the socket, as its mode lets all ask."""
    return bool(directory.stat().st_mode & stat.S_IXOTH)


def rehearse(loaded: Loaded) -> None:
    """Be for a moment who will serve, as far as a file or an option could keep him from it; this process has to end.

    Raises ConfigError, PrivilegeError and BackendError.
    """
    settings = loaded.settings
    of_root = of_helper(settings)
    if may_drop():
        account = front_account(settings.server.user, needs_helper=helper.has_backends(settings))
        for each in of_root:
            started(each, loaded)
        privileges.drop_to(account)
        check_readable(account)
        _check_access(account, settings.backends)
    elif of_root:
        raise PrivilegeError(f"-a {of_root[0].type}: expected to be started with the rights of root")
    for each in settings.backends:
        if each not in of_root:
            made(each)


def answers(path: Path, pid: int) -> bool:
    """Whether the process that listens at the socket is this one, and answers."""
    with suppress(OSError), socket.socket(socket.AF_UNIX) as client:
        client.settimeout(ENOUGH)
        client.connect(str(path))
        if peer_credentials(client).pid == pid:
            client.sendall(PROBE)
            return bool(client.recv(1))
    return False


def _make(directory: Path) -> None:
    """Make it as saslauthd does: without the directories above it."""
    try:
        directory.mkdir(DIRECTORY_MODE, exist_ok=True)
    except OSError as error:
        raise ConfigError([f"{directory}: expected to make this directory, got: {error.strerror}"]) from error


def _name(directory: Path) -> str:
    if directory in STANDARD:
        return "saslauthd"
    name = str(directory).strip("/").replace("/", "-")
    return name if len(name) <= MAX_NAME else blake2b(os.fsencode(directory), digest_size=8).hexdigest()


def _check_access(account: Account, backends: tuple[BackendSettings, ...]) -> None:
    """saslauthd read them as root. Raises PrivilegeError with the command that lets the account read."""
    for path in _read_by_front(backends):
        if path.exists() and not os.access(path, os.R_OK):
            raise PrivilegeError(
                f"{path}: expected a file that {account.name} may read, got no permission; mend it: "
                + _remedy(account, path)
            )


def _read_by_front(backends: tuple[BackendSettings, ...]) -> Iterator[Path]:
    for each in backends:
        if each.type == "sasldb":
            yield each.options.path
        elif each.type == "ldap":
            yield each.options.saslauthd_conf


def _remedy(account: Account, path: Path) -> str:
    status = path.stat()
    if status.st_gid != 0 and status.st_mode & stat.S_IRGRP:
        return f"adduser {account.name} {getgrgid(status.st_gid).gr_name}"
    return f"chgrp {account.name} {shlex.quote(str(path))}; chmod g+r {shlex.quote(str(path))}"
