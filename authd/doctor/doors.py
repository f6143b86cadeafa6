"""Whether the directories and the socket on the way to authd let smtpd in, and not everybody."""

import stat
from collections.abc import Iterator
from pathlib import Path

from authd.config.default import SASL_GROUP
from authd.config.settings import ListenerSettings
from authd.doctor.access import WRITE, Account, account, barred, group_name, is_open_to_all, may
from authd.doctor.finding import Check, Finding, word
from authd.doctor.listeners import give_group, identity
from authd.doctor.main_cf import Postfix
from authd.doctor.own import Own
from authd.doctor.sight import Sight


def check_listeners(sight: Sight, own: Own, postfix: Postfix | None) -> Iterator[Finding]:
    """Look for listeners that everybody on the machine may ask, or may replace."""
    for listener in own.listeners:
        yield from _writable(sight, listener.path)
        if is_open_to_all(sight, listener.path):
            folder = word(listener.path.parent)
            yield Finding(
                Check.ORACLE,
                f"{listener.path}: expected a folder that only {SASL_GROUP} may enter, got that everybody may connect",
                "any program of any user on this machine may try passwords there, as fast as it likes",
                f"{_let_in(postfix)}chgrp {SASL_GROUP} {folder} && chmod 0710 {folder}",
            )


def _writable(sight: Sight, path: Path) -> Iterator[Finding]:
    """Of a directory as /tmp, with the sticky bit, nobody takes away what is another's."""
    for directory in sight.way_to(path):
        status = sight.status(directory)
        if status is not None and status.st_mode & (stat.S_IWOTH | stat.S_ISVTX) == stat.S_IWOTH:
            yield Finding(
                Check.WRITABLE,
                f"{directory}: expected that others may not write it, got mode {stat.S_IMODE(status.st_mode):04o}",
                f"whoever puts a socket of his own in the way of {path} is told every password",
                f"chmod o-w {word(directory)}",
            )


def check_doors(
    sight: Sight, eyes: Sight, own: Own, postfix: Postfix, listener: ListenerSettings, path: Path, who: Account
) -> Iterator[Finding]:
    """Follow the way as smtpd's user."""
    real = eyes.real(path)
    directory = barred(eyes, path, who)
    if directory is not None:
        yield _closed_directory(postfix, directory, real, who)
        return
    status = sight.status(real) if identity(real) else None
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
        f"{give_group(sight, own, listener)}{_let_in(postfix).removesuffix(' && ')}".removesuffix(" && "),
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


def _let_in(postfix: Postfix | None) -> str:
    """Give the start of a command that lets smtpd in before others are kept out."""
    who = None if postfix is None else account(postfix.owner)
    if postfix is None or who is None or SASL_GROUP in map(group_name, who.gids):
        return ""
    return f"{_join(who, SASL_GROUP)} && {postfix.reload} && "


def _join(who: Account, group: str) -> str:
    return f"usermod -aG {word(group)} {word(who.name)}"
