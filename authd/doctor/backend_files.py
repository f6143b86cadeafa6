"""Whether what the backends read is there, for the user that reads it."""

import grp
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from authd.config.default import SASL_GROUP
from authd.config.load import Loaded
from authd.config.settings import BackendSettings
from authd.doctor.access import READ, Account, account, barred, group_name, may
from authd.doctor.finding import Check, Finding, word
from authd.doctor.own import Own
from authd.doctor.sight import Sight
from authd.doctor.units import SERVICE, is_booted, settings_of
from authd_backends.pam import stacks
from authd_backends.pam.backend import PamOptions

_KEPT_IN_A_FILE = ("passwd-file", "sasldb", "sqlite")  # read by the front itself, without root
_DENIES = frozenset({"pam_deny"})


def check_backends(sight: Sight, own: Own) -> Iterator[Finding]:
    """Look at the files of each backend."""
    if own.loaded is None:
        return
    who = _front(sight, own.loaded) if own.is_of_the_system else None
    for backend in own.loaded.settings.backends:
        if backend.type == "pam":
            yield from _pam_services(sight, backend)
        elif backend.type in _KEPT_IN_A_FILE and who is not None:
            yield from _file(sight, own.loaded, backend, who)


def _pam_services(sight: Sight, backend: BackendSettings) -> Iterator[Finding]:
    options: PamOptions = backend.options
    named = ("smtp",) if options.services == PamOptions().services else options.services  # not all are used by all
    for service in dict.fromkeys((*named, *filter(None, [options.default_service]))):
        modules = stacks.auth_modules(service)
        file = Path("/etc/pam.d", service)
        if modules is None or (modules <= _DENIES and not sight.is_there(file)):
            got = "neither" if modules is None else "one that denies everything"
            lines = "'auth required pam_unix.so' 'account required pam_unix.so'"
            yield Finding(
                Check.PAM_SERVICE,
                f"{file}: expected a file, or one for {stacks.FALLBACK}, got {got}",
                f"the backend {backend.name} has no modules to ask for the service {service}: nobody can log in",
                rf"printf '%s\n' {lines} > {word(file)}",
            )


def _file(sight: Sight, loaded: Loaded, backend: BackendSettings, who: Account) -> Iterator[Finding]:
    path: Path = backend.options.path
    status = sight.status(path)
    closed = barred(sight, path, who)
    if status is None:
        if str(path) not in sight.unseen and backend.type != "sqlite":
            yield _finding(backend, f"{path}: expected a file, got none", _add_first_user(loaded, backend))
        return
    if status.st_mode & stat.S_IWOTH:
        text = f"{path}: expected that others may not write it, got mode {stat.S_IMODE(status.st_mode):04o}"
        yield _finding(backend, text, f"chmod o-w {word(path)}")
    if closed is not None:
        text = f"{closed}: expected that {who.name} may enter it on the way to {path}, got that he may not"
        yield _finding(backend, text, f"chmod o+x {word(closed)}")
    elif not may(sight, READ, sight.real(path), status, who):
        mode = f"{group_name(status.st_gid)} {stat.S_IMODE(status.st_mode):04o}"
        text = f"{path}: expected that {who.name}, as whom authd runs, may read it, got group {mode}"
        yield _finding(backend, text, _let_read(sight, path, status, who, backend))


def _finding(backend: BackendSettings, text: str, command: str) -> Finding:
    why = f"the backend {backend.name} cannot answer: each login that it is asked for is a temporary failure"
    return Finding(Check.BACKEND_FILE, text, why, command)


def _add_first_user(loaded: Loaded, backend: BackendSettings) -> str:
    path = word(backend.options.path)
    if backend.type == "passwd-file":
        config = "" if loaded.path is None else f" --config {word(loaded.path)}"
        return f"authd user add postmaster{config}"
    return (
        f'saslpasswd2 -c -f {path} -u "$(hostname)" postmaster && chown root:{SASL_GROUP} {path} && chmod 0660 {path}'
    )


def _let_read(sight: Sight, path: Path, status: os.stat_result, who: Account, backend: BackendSettings) -> str:
    """Give the file to a group that is his, or him to the file's group."""
    steps = []
    group = status.st_gid
    if group == 0:
        group = _sasl_group() if backend.type == "sasldb" else who.gid
        steps.append(f"chgrp {word(group_name(group))} {word(path)}")
    if not status.st_mode & stat.S_IRGRP:
        steps.append(f"chmod g+r {word(path)}")
    if group not in who.gids:
        steps.append(f"usermod -aG {word(group_name(group))} {word(who.name)}")
        if is_booted(sight):
            steps.append(f"systemctl restart {SERVICE}")
    return " && ".join(steps)


def _front(sight: Sight, loaded: Loaded) -> Account | None:
    """Give the user that checks passwords, with the groups that his unit adds."""
    who = account(loaded.settings.server.user)
    if who is None:
        return None
    names = " ".join(settings_of(sight, SERVICE, "SupplementaryGroups")).split()
    added = {gid for gid in map(_gid, names) if gid is not None}
    return Account(who.name, who.uid, who.gid, who.gids | added)


def _sasl_group() -> int:
    found = _gid(SASL_GROUP)
    return 0 if found is None else found


def _gid(name: str) -> int | None:
    try:
        return grp.getgrnam(name).gr_gid
    except (KeyError, ValueError):
        return None
