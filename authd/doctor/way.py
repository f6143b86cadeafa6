"""Whether libsasl2 was given a name by which smtpd finds authd's socket, out of its chroot too."""

from collections.abc import Iterator
from pathlib import Path

from authd.config.default import SYSTEM_SOCKET
from authd.doctor.access import account
from authd.doctor.doors import check_doors
from authd.doctor.finding import Check, Finding
from authd.doctor.listeners import listen_at, listener_at
from authd.doctor.main_cf import Postfix, Smtpd
from authd.doctor.own import Own
from authd.doctor.sight import Sight
from authd.doctor.smtpd_conf import DEFAULT_SOCKET, SaslConf


def check_way(sight: Sight, own: Own, postfix: Postfix, service: Smtpd, conf: SaslConf) -> Iterator[Finding]:
    """Follow the way of a login from a service of Postfix to authd."""
    eyes = sight.inside(postfix.queue_directory) if service.is_chrooted else sight
    path = Path(conf.options.get("saslauthd_path", DEFAULT_SOCKET))
    listener = listener_at(sight, own, eyes.real(path))
    if listener is not None:
        who = account(postfix.owner)
        if who is not None:
            yield from check_doors(sight, eyes, own, postfix, listener, path, who)
        return
    real = eyes.real(path)
    if sight.status(real) is None and str(real) in sight.unseen:  # it may be one of ours under another name
        return
    yield from _elsewhere(sight, eyes, own, postfix, service, conf, path)


def _elsewhere(
    sight: Sight, eyes: Sight, own: Own, postfix: Postfix, service: Smtpd, conf: SaslConf, path: Path
) -> Iterator[Finding]:
    if not own.listeners:
        return
    name = f"{conf.path}: saslauthd_path"
    if listener_at(sight, own, eyes.real(path / "mux")) is not None:
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
        f"{eyes.real(path)}: expected a listener there, since smtpd is chrooted to {eyes.root}, got none",
        "smtpd sees nothing outside, where authd listens: every login is a temporary failure, 454",
        listen_at(sight, own, eyes.real(path)) or postfix.leave_chroot(service),
    )


def _seen_as(sight: Sight, eyes: Sight, own: Own) -> Path | None:
    """Name a listener as smtpd sees it; the common place first, since other services read the same smtpd.conf."""
    ours = [listener.path for listener in own.listeners]
    candidates = [SYSTEM_SOCKET, Path(DEFAULT_SOCKET), *ours]
    if eyes.root != sight.root:
        inside = [path for path in map(sight.real, ours) if path.is_relative_to(eyes.root)]
        candidates += [Path("/") / path.relative_to(eyes.root) for path in inside]
    return next((path for path in candidates if listener_at(sight, own, eyes.real(path)) is not None), None)
