"""Whether Postfix offers AUTH and asks libsasl2."""

from collections.abc import Iterator, Sequence

from authd.doctor.finding import Check, Finding
from authd.doctor.main_cf import Postfix, Smtpd

_TLS = ("may", "encrypt")  # smtpd_tls_security_level


def check_postfix(postfix: Postfix) -> Iterator[Finding]:
    """Look at every smtpd of master.cf."""
    with_auth = [service for service in postfix.services if service.has_auth]
    for service in with_auth:
        yield from _asks_libsasl(postfix, service)
    if with_auth:
        yield from _nobody_takes_passwords(postfix, with_auth)
    elif postfix.services:
        yield from _nobody_offers_auth(postfix)


def asking_services(postfix: Postfix) -> list[Smtpd]:
    """Give those that offer AUTH and ask libsasl2 for it."""
    return [each for each in postfix.services if each.has_auth and each.settings["smtpd_sasl_type"] == "cyrus"]


def _nobody_offers_auth(postfix: Postfix) -> Iterator[Finding]:
    service = _for_users(postfix.services)
    yield Finding(
        Check.AUTH_ENABLE,
        f"{postfix.where(service, 'smtpd_sasl_auth_enable')}: expected yes, got no, and no service has another value",
        "Postfix offers no AUTH: nobody can log in to send mail",
        postfix.set(service, "smtpd_sasl_auth_enable", "yes"),
    )


def _for_users(services: Sequence[Smtpd]) -> Smtpd:
    """Choose the service that mail programs talk to; there is at least one."""
    by_port = {service.name.partition("/")[0].rpartition(":")[2]: service for service in services}
    ports = [*("submission", "587", "submissions", "smtps", "465"), *by_port]
    return next(by_port[port] for port in ports if port in by_port)


def _asks_libsasl(postfix: Postfix, service: Smtpd) -> Iterator[Finding]:
    kind, name = service.settings["smtpd_sasl_type"], service.settings["smtpd_sasl_path"]
    if kind != "cyrus":
        yield Finding(
            Check.SASL_TYPE,
            f"{postfix.where(service, 'smtpd_sasl_type')}: expected cyrus, got {kind}",
            "Postfix asks another program, and authd is never asked",
            postfix.set(service, "smtpd_sasl_type", "cyrus"),
        )
    elif not name or "/" in name or name.endswith(".conf"):
        yield Finding(
            Check.SASL_PATH,
            f"{postfix.where(service, 'smtpd_sasl_path')}: expected a name as smtpd, got {name}",
            "libsasl2 takes it for the name of the application and looks for NAME.conf, which is nowhere then",
            postfix.set(service, "smtpd_sasl_path", "smtpd"),
        )


def _nobody_takes_passwords(postfix: Postfix, services: Sequence[Smtpd]) -> Iterator[Finding]:
    """One that has no TLS may well refuse them, if another one takes them."""
    if not all(map(_refuses_plaintext, services)):
        return
    service = _for_users(services)
    name = _options_in_force(service)
    yield Finding(
        Check.SECURITY_OPTIONS,
        f"{postfix.where(service, name)}: expected no noplaintext, got {service.settings[name]}",
        "PLAIN and LOGIN, the mechanisms that bring a password for authd to check, are not offered",
        postfix.set(service, name, "noanonymous"),
    )


def _refuses_plaintext(service: Smtpd) -> bool:
    return "noplaintext" in service.settings[_options_in_force(service)].replace(",", " ").lower().split()


def _options_in_force(service: Smtpd) -> str:
    """Name the setting that counts where a client may have TLS, and where none can."""
    settings = service.settings
    has_tls = "yes" in (settings["smtpd_tls_wrappermode"], settings["smtpd_use_tls"])
    if has_tls or settings["smtpd_tls_security_level"] in _TLS:
        return "smtpd_sasl_tls_security_options"
    return "smtpd_sasl_security_options"
