"""Which mechanisms libsasl2 offers, and whether anything can serve them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from re import fullmatch

from authd.doctor.access import READ, account, barred, may
from authd.doctor.finding import Check, Finding, word
from authd.doctor.main_cf import Postfix, Smtpd
from authd.doctor.sight import Sight
from authd.doctor.smtpd_conf import PASSWORD_MECHANISMS, SaslConf, plugin_directories

SASLDB = "/etc/sasldb2"


@dataclass(frozen=True, slots=True)
class _Plugin:
    mechanism: str  # a pattern of the names in mech_list
    name: str  # for people
    file: str
    package: str  # Debian's
    needs_secrets: bool  # the clear password on the server's side; saslauthd only tells whether one is right


_PLUGINS = (
    _Plugin("PLAIN", "PLAIN", "libplain.so", "libsasl2-modules", False),
    _Plugin("LOGIN", "LOGIN", "liblogin.so", "libsasl2-modules", False),
    _Plugin("ANONYMOUS", "ANONYMOUS", "libanonymous.so", "libsasl2-modules", False),
    _Plugin("CRAM-MD5", "CRAM-MD5", "libcrammd5.so", "libsasl2-modules", True),
    _Plugin("DIGEST-MD5", "DIGEST-MD5", "libdigestmd5.so", "libsasl2-modules", True),
    _Plugin("SCRAM-.*", "SCRAM", "libscram.so", "libsasl2-modules", True),
    _Plugin("NTLM", "NTLM", "libntlm.so", "libsasl2-modules", True),
    _Plugin("OTP", "OTP", "libotp.so", "libsasl2-modules-otp", True),
    _Plugin("SRP", "SRP", "libsrp.so", "libsasl2-modules", True),
    _Plugin("GSSAPI|GSS-SPNEGO", "GSSAPI", "libgssapiv2.so", "libsasl2-modules-gssapi-mit", False),
    _Plugin("GS2-.*", "GS2", "libgs2.so", "libsasl2-modules-gssapi-mit", False),
)


def check_mechanisms(sight: Sight, postfix: Postfix, service: Smtpd, conf: SaslConf) -> Iterator[Finding]:
    """Look whether every mechanism that is offered can be served: by saslauthd, or out of sasldb2."""
    offered = conf.mechanisms
    mend = f"{conf.set('mech_list', 'PLAIN LOGIN')} && {postfix.reload}"
    if offered is not None and not set(offered) & set(PASSWORD_MECHANISMS):
        yield Finding(
            Check.MECHANISMS,
            f"{conf.path}: mech_list: expected PLAIN and LOGIN, with a space between, got {' '.join(offered)}",
            "no other mechanism brings a password, and saslauthd's protocol checks nothing else: authd is never asked",
            mend,
        )
        return
    if offered is None:
        unserved = [each.name for each in _PLUGINS if each.needs_secrets and _is_installed(sight, each.file)]
    else:
        unserved = [each for each in offered if (plugin := _plugin(each)) and plugin.needs_secrets]
    if not unserved:
        return
    problem, better = _sasldb_problem(sight, postfix, service, conf)
    if problem:
        got = f"none, which offers {' '.join(unserved)} too" if offered is None else " ".join(offered)
        yield Finding(
            Check.MECHANISMS,
            f"{conf.path}: mech_list: expected PLAIN LOGIN, got {got}; {problem}",
            "these need the clear password from sasldb2, not a yes from authd: clients prefer them, and are refused",
            better or mend,
        )


def _sasldb_problem(sight: Sight, postfix: Postfix, service: Smtpd, conf: SaslConf) -> tuple[str, str]:
    """Say why libsasl2 finds no secrets in sasldb2, and the command that lets it where the file is meant."""
    plugins = conf.options.get("auxprop_plugin", "sasldb").lower().split()
    if "sasldb" not in plugins:  # sql, ldapdb: they know their users
        return "", ""
    path = Path(conf.options.get("sasldb_path", SASLDB))
    if not _has_secrets(sight, path):
        return f"{path} holds no user", ""
    is_meant = "auxprop_plugin" in conf.options
    eyes = sight.inside(postfix.queue_directory) if service.is_chrooted else sight
    status = eyes.status(path)
    if status is None and str(path) in sight.unseen:
        return "", ""
    if status is None:
        command = postfix.leave_chroot(service) if is_meant and service.is_chrooted else ""
        return f"{service.name} is chrooted and sees no {path}", command
    owner = account(postfix.owner)
    if owner is None or (barred(eyes, path, owner) is None and may(eyes, READ, eyes.real(path), status, owner)):
        return "", ""
    command = f"usermod -aG sasl {word(owner.name)} && chown root:sasl {word(path)} && chmod 0660 {word(path)}"
    return f"{owner.name} may not read {path}", f"{command} && {postfix.reload}" if is_meant else ""


def _has_secrets(sight: Sight, path: Path) -> bool:
    """Whether the database may hold a user: its keys end in the name of a property, in every format."""
    status = sight.status(path)
    if status is None:
        return str(path) in sight.unseen
    content = sight.content(path)
    return content is None or status.st_size > len(content) or b"userPassword" in content


def check_plugins(sight: Sight, postfix: Postfix, conf: SaslConf) -> Iterator[Finding]:
    """Look whether the mechanisms that are meant have their plug-ins."""
    wanted = PASSWORD_MECHANISMS if conf.mechanisms is None else conf.mechanisms
    plugins = {each: _plugin(each) for each in wanted}
    missing = {each: plugin for each, plugin in plugins.items() if plugin and not _is_installed(sight, plugin.file)}
    if missing:
        packages = sorted({plugin.package for plugin in missing.values()})
        yield Finding(
            Check.PLUGINS,
            f"libsasl2: expected a plug-in for {' '.join(missing)}, got none",
            "a mechanism without its plug-in is not offered; without any, smtpd ends at the first connection",
            f"apt-get install --reinstall {' '.join(packages)} && {postfix.reload}",
        )


def _plugin(mechanism: str) -> _Plugin | None:
    return next((plugin for plugin in _PLUGINS if fullmatch(plugin.mechanism, mechanism)), None)


def _is_installed(sight: Sight, file: str) -> bool:
    names = (name for directory in plugin_directories(sight) for name in sight.names(directory))
    return any(name == file or name.startswith(f"{file}.") for name in names)
