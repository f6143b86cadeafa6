"""Whether smtpd gets to authd's socket: by the name that libsasl2 was given, out of its chroot, with its groups."""

import stat
from collections.abc import Iterator
from pathlib import Path

from authd.config.default import SASL_GROUP, SYSTEM_SOCKET
from authd.config.location import lines_of_keys
from authd.config.settings import ListenerSettings
from authd.doctor.access import WRITE, Account, account, barred, group_name, is_open_to_all, may
from authd.doctor.finding import Check, Finding, word
from authd.doctor.main_cf import Postfix, Smtpd
from authd.doctor.own import Own
from authd.doctor.sight import Sight
from authd.doctor.smtpd_conf import DEFAULT_SOCKET, SaslConf
from authd.doctor.units import unit_files
from authd_backends.kinds import quoted

_SOCKET_UNIT = "authd.socket"
_DROP_IN = f"/etc/systemd/system/{_SOCKET_UNIT}.d"
_RESTART = f"systemctl daemon-reload && systemctl restart {_SOCKET_UNIT} authd.service"


def check_sockets(sight: Sight, own: Own, postfix: Postfix | None) -> Iterator[Finding]:
    """Look for listeners that everybody on the machine may ask."""
    for listener in own.listeners:
        if is_open_to_all(sight, listener.path):
            folder = word(listener.path.parent)
            yield Finding(
                Check.ORACLE,
                f"{listener.path}: expected a folder that only {SASL_GROUP} may enter, got that everybody may connect",
                "any program of any user on this machine may try passwords there, as fast as it likes",
                f"{_let_in(postfix)}chgrp {SASL_GROUP} {folder} && chmod 0710 {folder}",
            )


def check_way(sight: Sight, own: Own, postfix: Postfix, service: Smtpd, conf: SaslConf) -> Iterator[Finding]:
    """Follow the way of a login from a service of Postfix to authd."""
    eyes = sight.inside(postfix.queue_directory) if service.is_chrooted else sight
    path = Path(conf.options.get("saslauthd_path", DEFAULT_SOCKET))
    listener = _listener_at(sight, own, eyes.real(path))
    if listener is not None:
        who = account(postfix.owner)
        if who is not None:
            yield from _closed_ways(sight, eyes, own, postfix, listener, path, who)
        return
    if eyes.unseen.keys() & {str(path), str(eyes.real(path))}:
        return
    yield from _elsewhere(sight, eyes, own, postfix, service, conf, path)


def _let_in(postfix: Postfix | None) -> str:
    """Give the start of a command that lets smtpd in before others are kept out."""
    who = None if postfix is None else account(postfix.owner)
    if postfix is None or who is None or SASL_GROUP in map(group_name, who.gids):
        return ""
    return f"{_join(who, SASL_GROUP)} && {postfix.reload} && "


def _join(who: Account, group: str) -> str:
    return f"usermod -aG {word(group)} {word(who.name)}"


def _listener_at(sight: Sight, own: Own, real: Path) -> ListenerSettings | None:
    """Find the listener whose socket is there, under this name or another."""
    there = _identity(real)
    for listener in own.listeners:
        ours = sight.real(listener.path)
        if ours == real or (there is not None and there == _identity(ours)):
            return listener
    return None


def _identity(real: Path) -> tuple[int, int] | None:
    try:
        status = real.lstat()
    except OSError:
        return None
    return (status.st_dev, status.st_ino) if stat.S_ISSOCK(status.st_mode) else None


# ── the name ──


def _elsewhere(
    sight: Sight, eyes: Sight, own: Own, postfix: Postfix, service: Smtpd, conf: SaslConf, path: Path
) -> Iterator[Finding]:
    if not own.listeners:
        return
    name = f"{conf.path}: saslauthd_path"
    if _listener_at(sight, own, eyes.real(path / "mux")) is not None:
        yield Finding(
            Check.SASLAUTHD_PATH,
            f"{name}: expected the socket {path}/mux, got its folder {path}",
            "libsasl2 takes the path as it stands: every login is a temporary failure, 454",
            f"{conf.set('saslauthd_path', f'{path}/mux')} && {postfix.reload}",
        )
        return
    seen = _seen_as(sight, eyes, own)
    if seen is not None:
        yield Finding(
            Check.SASLAUTHD_PATH,
            f"{name}: expected {seen}, where authd listens, got {path}",
            "nobody answers there: every login is a temporary failure, 454",
            f"{conf.set('saslauthd_path', str(seen))} && {postfix.reload}",
        )
        return
    yield Finding(
        Check.CHROOT,
        f"{service.name} is chrooted to {postfix.queue_directory}: expected a listener at {eyes.real(path)}, got none",
        "smtpd sees nothing outside, where authd listens: every login is a temporary failure, 454",
        _listen_at(sight, own, eyes.real(path)) or postfix.leave_chroot(service),
    )


def _seen_as(sight: Sight, eyes: Sight, own: Own) -> Path | None:
    """Name a listener as smtpd sees it; the common place first, since other services read the same smtpd.conf."""
    ours = [listener.path for listener in own.listeners]
    candidates = [SYSTEM_SOCKET, Path(DEFAULT_SOCKET), *ours]
    if eyes.root != sight.root:
        inside = [path for path in map(sight.real, ours) if path.is_relative_to(eyes.root)]
        candidates += [Path("/") / path.relative_to(eyes.root) for path in inside]
    return next((path for path in candidates if _listener_at(sight, own, eyes.real(path)) is not None), None)


def _listen_at(sight: Sight, own: Own, path: Path) -> str:
    """Give the command by which authd listens there too; empty where no file says where it listens."""
    if unit_files(sight, _SOCKET_UNIT):
        return _drop_in("chroot", f"ListenStream={path}")
    if own.loaded is None or own.path is None:
        return ""
    lines = ["", "[[listeners]]", f"path = {quoted(str(path))}", f"group = {quoted(SASL_GROUP)}"]
    if ("listeners", 1) not in lines_of_keys(own.loaded.content.decode()):  # one that is named replaces the default
        lines += ["", "[[listeners]]", f"path = {quoted(str(SYSTEM_SOCKET))}", f"group = {quoted(SASL_GROUP)}"]
    folder = f"install -d -o root -g {SASL_GROUP} -m 0710 {word(path.parent)}"
    written = rf"printf '%s\n' {' '.join(map(word, lines))} >> {word(own.path)}"
    return f"{folder} && {written} && authd reload --config {word(own.path)}"


def _drop_in(name: str, *lines: str) -> str:
    content = " ".join(map(word, ("[Socket]", *lines)))
    return rf"mkdir -p {_DROP_IN} && printf '%s\n' {content} > {_DROP_IN}/{name}.conf && {_RESTART}"


# ── the doors on the way ──


def _closed_ways(
    sight: Sight, eyes: Sight, own: Own, postfix: Postfix, listener: ListenerSettings, path: Path, who: Account
) -> Iterator[Finding]:
    real = eyes.real(path)
    directory = barred(eyes, path, who)
    if directory is not None:
        yield _closed_directory(postfix, directory, real, who)
        return
    status = sight.status(real) if _identity(real) else None
    if status is None or may(sight, WRITE, real, status, who):
        return
    group = group_name(status.st_gid)
    if status.st_gid and status.st_mode & stat.S_IWGRP:
        yield _not_in_group(postfix, f"{real}", group, who)
        return
    yield Finding(
        Check.GROUP,
        f"{real}: expected that smtpd's user {who.name} may connect, got {group} {stat.S_IMODE(status.st_mode):04o}",
        "every login is a temporary failure, 454: Permission denied",
        f"{_give_group(sight, own, listener)}{_let_in(postfix).removesuffix(' && ')}".removesuffix(" && "),
    )


def _closed_directory(postfix: Postfix, directory: Path, real: Path, who: Account) -> Finding:
    status = directory.lstat()
    if status.st_gid and status.st_mode & stat.S_IXGRP and status.st_gid not in who.gids:
        return _not_in_group(postfix, f"{directory}", group_name(status.st_gid), who)
    name = word(directory)
    mend = f"chmod o+x {name}"
    if directory == real.parent:
        mend = f"{_let_in(postfix)}chgrp {SASL_GROUP} {name} && chmod 0710 {name}"
    return Finding(
        Check.DIRECTORY,
        f"{directory}: expected that {who.name} may enter it on the way to {real}, got that he may not",
        "every login is a temporary failure, 454: Permission denied",
        mend,
    )


def _not_in_group(postfix: Postfix, what: str, group: str, who: Account) -> Finding:
    return Finding(
        Check.GROUP,
        f"{what}: expected {who.name}, as whom smtpd runs, in its group {group}, got that he is not",
        "every login is a temporary failure, 454: Permission denied",
        f"{_join(who, group)} && {postfix.reload}",
    )


def _give_group(sight: Sight, own: Own, listener: ListenerSettings) -> str:
    """Give the start of a command that opens the socket to the group, now and at the next start."""
    if unit_files(sight, _SOCKET_UNIT):
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
