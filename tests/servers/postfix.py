"""Debian's Postfix as it is packaged, on the loopback of a box."""

import ssl
from smtplib import SMTP, SMTP_SSL, SMTPAuthenticationError

from tests.servers.box import HOSTNAME, Box
from tests.servers.process import DEADLINE, wait_until

ROOT = "/var/spool/postfix"  # of its chrooted services
SMTPD_CONF = "/etc/postfix/sasl/smtpd.conf"
_LOG = "/var/spool/mail.log"
_CERTIFICATE, _KEY = "/etc/ssl/certs/mail.pem", "/etc/ssl/private/mail.key"
_SETGID = ("/usr/sbin/postdrop", "/usr/sbin/postqueue")
_SETTINGS = {
    "myhostname": "mail.example.org",
    "mydestination": "",
    "inet_interfaces": "loopback-only",
    "inet_protocols": "ipv4",
    "maillog_file": _LOG,
    "alias_maps": "",
    "data_directory": "/var/spool/data",
    "smtpd_sasl_auth_enable": "yes",
    "smtpd_sasl_type": "cyrus",
    "broken_sasl_auth_clients": "yes",
    "smtpd_tls_cert_file": _CERTIFICATE,
    "smtpd_tls_key_file": _KEY,
    "smtpd_tls_security_level": "none",
}


class Postfix:
    """Submission with AUTH on port 25, and with TLS from the first byte on port 465."""

    def __init__(self, box: Box, smtpd_conf: str, *, chroot: bool, **settings: str) -> None:
        """Take libsasl2's configuration of smtpd, whether smtpd runs below `ROOT`, and further lines of main.cf."""
        self.box = box
        box.add_user("postfix", groups=["sasl"])
        box.add_group("postdrop")
        box.make_directory(ROOT)
        box.run(["cp", "/usr/share/postfix/main.cf.debian", "/etc/postfix/main.cf"])
        box.run(["cp", "/usr/share/postfix/master.cf.dist", "/etc/postfix/master.cf"])
        box.run(["cp", "/usr/share/postfix/dynamicmaps.cf", "/etc/postfix"])
        box.run(["postconf", *(f"{name}={value}" for name, value in {**_SETTINGS, **settings}.items())])
        box.run(["postconf", "-M", "smtps/inet=smtps inet n - y - - smtpd -o smtpd_tls_wrappermode=yes"])
        box.run(["postconf", "-F", *(f"{service}/inet/chroot={'ny'[chroot]}" for service in ("smtp", "smtps"))])
        box.run(["chgrp", "postdrop", *_SETGID])  # what the package's postinst does
        box.run(["chmod", "g+s", *_SETGID])
        box.write(SMTPD_CONF, smtpd_conf)
        _make_certificate(box)
        box.show_on_failure("mail.log", lambda: box.read(_LOG))

    def start(self) -> None:
        """Return when both ports take connections."""
        self.box.run(["postfix", "start"])
        wait_until(lambda: self.box.listens(25) and self.box.listens(465), "postfix: a listening port")

    def stop(self) -> None:
        self.box.run(["postfix", "stop"])

    def connect(self) -> SMTP:
        """Give a session on port 25, behind EHLO."""
        with self.box.network():
            session = SMTP("127.0.0.1", 25, HOSTNAME, DEADLINE)
        session.ehlo()
        return session

    def connect_tls(self) -> SMTP:
        """Give a session on port 465 that has verified the certificate, behind EHLO."""
        context = ssl.create_default_context(cadata=self.box.read(_CERTIFICATE))
        with self.box.network():
            session = SMTP_SSL("127.0.0.1", 465, HOSTNAME, timeout=DEADLINE, context=context)
        session.ehlo()
        return session


def authenticate(session: SMTP, mechanism: str, user: str, password: str) -> int:
    """Give the code of the server's answer to AUTH: 235, 535, 454."""
    session.user, session.password = user, password  # where smtplib's own mechanisms look
    method = getattr(session, f"auth_{mechanism.lower().replace('-', '_')}")
    try:
        return session.auth(mechanism, method)[0]
    except SMTPAuthenticationError as refusal:
        return refusal.smtp_code


def _make_certificate(box: Box) -> None:
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", _KEY]
    name = ["-subj", "/CN=mail", "-addext", "subjectAltName=IP:127.0.0.1"]
    box.make_directory("/etc/ssl/private", mode=0o710)
    box.run(["openssl", "req", "-x509", *key, *name, "-out", _CERTIFICATE])
