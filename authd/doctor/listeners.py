"""authd's own listeners: which one a socket belongs to, and the commands that change them."""

import stat
from pathlib import Path

from authd.config.default import SASL_GROUP, SYSTEM_SOCKET
from authd.config.location import lines_of_keys
from authd.config.settings import ListenerSettings
from authd.doctor.finding import word
from authd.doctor.own import Own
from authd.doctor.sight import Sight
from authd.doctor.units import SERVICE, SOCKET, is_booted, unit_files
from authd_backends.kinds import quoted

_DROP_IN = f"/etc/systemd/system/{SOCKET}.d"
_RESTART = f"systemctl daemon-reload && systemctl restart {SOCKET} {SERVICE}"


def listener_at(sight: Sight, own: Own, real: Path) -> ListenerSettings | None:
    """Find the listener whose socket is there, under this name or another."""
    there = identity(real)
    for listener in own.listeners:
        ours = sight.real(listener.path)
        if ours == real or (there is not None and there == identity(ours)):
            return listener
    return None


def identity(real: Path) -> tuple[int, int] | None:
    """Tell a socket from any other; None where there is none, or it may not be looked at."""
    try:
        status = real.lstat()
    except OSError:
        return None
    return (status.st_dev, status.st_ino) if stat.S_ISSOCK(status.st_mode) else None


def listen_at(sight: Sight, own: Own, path: Path) -> str:
    """Give the command by which authd listens there too; empty where no file says where it listens."""
    folder = f"install -d -o root -g {SASL_GROUP} -m 0710 {word(path.parent)}"
    if is_booted(sight) and unit_files(sight, SOCKET):
        return f"{folder} && {_drop_in('chroot', f'ListenStream={path}')}"
    if own.loaded is None or own.path is None:
        return ""
    lines = ["", "[[listeners]]", f"path = {quoted(str(path))}", f"group = {quoted(SASL_GROUP)}"]
    if ("listeners", 1) not in lines_of_keys(own.loaded.content.decode()):  # one that is named replaces the default
        lines += ["", "[[listeners]]", f"path = {quoted(str(SYSTEM_SOCKET))}", f"group = {quoted(SASL_GROUP)}"]
    written = rf"printf '%s\n' {' '.join(map(word, lines))} >> {word(own.path)}"
    return f"{folder} && {written} && authd reload --config {word(own.path)}"


def _drop_in(name: str, *lines: str) -> str:
    content = " ".join(map(word, ("[Socket]", *lines)))
    return rf"mkdir -p {_DROP_IN} && printf '%s\n' {content} > {_DROP_IN}/{name}.conf && {_RESTART}"


def give_group(sight: Sight, own: Own, listener: ListenerSettings) -> str:
    """Give the start of a command that opens the socket to the group, now and at the next start."""
    if is_booted(sight) and unit_files(sight, SOCKET):
        return f"{_drop_in('group', f'SocketGroup={SASL_GROUP}', 'SocketMode=0660')} && "
    path = word(listener.path)
    return f"chgrp {SASL_GROUP} {path} && chmod 0660 {path} && {_keep_group(own, listener)}"


def _keep_group(own: Own, listener: ListenerSettings) -> str:
    if own.loaded is None or own.path is None:
        return ""
    text = own.loaded.content.decode()
    lines, number = lines_of_keys(text), own.listeners.index(listener) + 1
    at = lines.get(("listeners", number))
    if at is None or not text.split("\n")[at - 1].lstrip().startswith("[["):  # an inline table: no line of its own
        return ""
    stale = [lines[key] for name in ("group", "mode") if (key := ("listeners", number, name)) in lines]
    deleted = "".join(f"{line}d;" for line in stale)
    addition = word(f"{deleted}{at}a group = {quoted(SASL_GROUP)}")
    return f"sed -i {addition} {word(own.path)} && "
