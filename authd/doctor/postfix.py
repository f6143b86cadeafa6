"""Whether Postfix offers AUTH and asks libsasl2."""

from collections.abc import Iterable, Iterator

from authd.doctor.finding import Check, Finding
from authd.doctor.main_cf import Postfix, Smtpd

_TLS = ("may", "encrypt")  # smtpd_tls_security_level


def check_postfix(postfix: Postfix) -> Iterator[Finding]:
    """Look at every smtpd of master.cf."""
    with_auth = [service for service in postfix.services if service.has_auth]
    if not with_auth:
        yield from _nobody_offers_auth(postfix)
    for service in with_auth:
        yield from _asks_libsasl(postfix, service)
        yield from _takes_passwords(postfix, service)


def asking_services(postfix: Postfix) -> list[Smtpd]:
    """Give those that offer AUTH and ask libsasl2 for it."""
    return [each for each in postfix.services if each.has_auth and each.settings["smtpd_sasl_type"] == "cyrus"]


def _nobody_offers_auth(postfix: Postfix) -> Iterator[Finding]:
    service = _for_users(postfix.services)
    if service is None:
        return
    yield Finding(
        Check.AUTH_ENABLE,
        f"{postfix.where(service, 'smtpd_sasl_auth_enable')}: expected yes, got no, and no service has another value",
        "Postfix offers no AUTH: nobody can log in to send mail",
        postfix.set(service, "smtpd_sasl_auth_enable", "yes"),
    )


def _for_users(services: Iterable[Smtpd]) -> Smtpd | None:
    """Choose the service that mail programs talk to."""
    by_port = {service.name.partition("/")[0].rpartition(":")[2]: service for service in services}
    ports = [*("submission", "587", "submissions", "smtps", "465"), *by_port]
    return next((by_port[port] for port in ports if port in by_port), None)


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


def _takes_passwords(postfix: Postfix, service: Smtpd) -> Iterator[Finding]:
    settings = service.settings
    has_tls = "yes" in (settings["smtpd_tls_wrappermode"], settings["smtpd_use_tls"]) or (
        settings["smtpd_tls_security_level"] in _TLS
    )
    name = "smtpd_sasl_tls_security_options" if has_tls else "smtpd_sasl_security_options"
    if "noplaintext" in settings[name].replace(",", " ").lower().split():
        yield Finding(
            Check.SECURITY_OPTIONS,
            f"{postfix.where(service, name)}: expected no noplaintext, got {settings[name]}",
            "PLAIN and LOGIN, the mechanisms that bring a password for authd to check, are not offered",
            postfix.set(service, name, "noanonymous"),
        )
