"""What libsasl2 makes of Postfix's logins: the smtpd.conf that counts, its lines, and its rivals."""

from collections.abc import Iterator

from authd.doctor.finding import Check, Finding, word
from authd.doctor.main_cf import Postfix, Smtpd
from authd.doctor.mechanisms import check_mechanisms, check_plugins
from authd.doctor.sight import Sight
from authd.doctor.smtpd_conf import SaslConf, known_places, parse, places_of_postfix


def conf_that_counts(sight: Sight, postfix: Postfix, service: Smtpd) -> SaslConf | None:
    """Read the first of the places; libsasl2 passes over what it cannot open, and smtpd opens it as root."""
    for path in places_of_postfix(sight, postfix.config_directory, service.settings["smtpd_sasl_path"]):
        text = sight.text(path)
        if text is not None or str(path) in sight.unseen:
            return None if text is None else parse(path, text)
    return None


def check_cyrus(sight: Sight, postfix: Postfix, service: Smtpd) -> Iterator[Finding]:
    """Look at what libsasl2 reads for a service that asks it."""
    name = service.settings["smtpd_sasl_path"]
    if "/" in name or not name:
        return
    conf = conf_that_counts(sight, postfix, service)
    if conf is None:
        yield from _no_conf(sight, postfix, name)
        return
    yield from _duplicates(sight, postfix, conf)
    if conf.wrong_line is not None:
        yield Finding(
            Check.SMTPD_CONF,
            f"{conf.path}:{conf.wrong_line}: expected a line as mech_list: PLAIN LOGIN, or a comment, got neither",
            "libsasl2 takes nothing of such a file, and smtpd ends: Postfix accepts no connection at all",
            f"sed -i '{conf.wrong_line}s/^/#/' {word(conf.path)} && {postfix.reload}",
        )
        return
    if "saslauthd" not in conf.methods:
        yield Finding(
            Check.PWCHECK_METHOD,
            f"{conf.path}: pwcheck_method: expected saslauthd, got {' '.join(conf.methods)}",
            "libsasl2 checks passwords without authd; where the file names no method it looks into sasldb2",
            f"{conf.set('pwcheck_method', 'saslauthd')} && {postfix.reload}",
        )
        return
    yield from check_mechanisms(sight, postfix, service, conf)
    yield from check_plugins(sight, postfix, conf)


def _no_conf(sight: Sight, postfix: Postfix, name: str) -> Iterator[Finding]:
    first, *others = places_of_postfix(sight, postfix.config_directory, name)
    if any(str(path) in sight.unseen for path in (first, *others)):
        return
    elsewhere = [path for path in known_places(sight, postfix.config_directory, name) if sight.is_there(path)]
    if elsewhere:
        text, command = f"got it at {elsewhere[0]}", f"install -D -m 0644 {word(elsewhere[0])} {word(first)}"
    else:
        text = "got none"
        lines = r"'pwcheck_method: saslauthd\nmech_list: PLAIN LOGIN\n'"
        command = f"printf {lines} | install -D -m 0644 /dev/stdin {word(first)}"
    yield Finding(
        Check.SMTPD_CONF,
        f"{first}: expected the configuration of smtpd's logins, {text}",
        "without it libsasl2 offers every mechanism and checks passwords in sasldb2, never with authd",
        f"{command} && {postfix.reload}",
    )


def _duplicates(sight: Sight, postfix: Postfix, conf: SaslConf) -> Iterator[Finding]:
    for path in known_places(sight, postfix.config_directory, conf.path.stem):
        if sight.real(path) == sight.real(conf.path):
            continue
        text = sight.text(path)
        if text is not None and parse(path, text).options != conf.options:
            yield Finding(
                Check.SMTPD_CONF_DUPLICATE,
                f"{path}: expected nothing, or the same as in {conf.path}, got a file that says something else",
                f"smtpd reads {conf.path} and never this one: what is changed here changes nothing",
                f"mv {word(path)} {word(f'{path}.unused')}",
            )
