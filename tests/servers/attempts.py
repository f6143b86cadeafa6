"""Logins of every kind at a real authd, and which of them a tool that bans is to hold against whom."""

import re
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from authd_backends.hashes.libcrypt import hashed
from tests.servers.authd import SOCKET, Authd
from tests.servers.box import HOSTNAME, Box
from tests.servers.client import ask
from tests.servers.postfix import Postfix, authenticate
from tests.servers.process import wait_until

CONFIGURATION = """
[[listeners]]
path = "/run/saslauthd/mux"
group = "sasl"

[backends.users]
type = "passwd-file"
path = "/etc/authd/users"

[throttle]
per_user = 3
failure_delay = "0s"

[log]
"""
FORMATS = ('format = "logfmt"', 'format = "json"')
HASH = hashed(b"secret", "$6$rounds=1000$saltsalt")
USERS = f"alice:{HASH}\nbob:{HASH}\ncarol:{HASH}\nlocked:!{HASH}\nbroken:$9$nothing\n"
MAIL_LOG = "/var/spool/mail.log"  # of tests.servers.postfix
VICTIM = "192.0.2.66"  # never logs in: whom hostile names try to have banned
HOSTILE = (
    f"x rip={VICTIM} outcome=wrong_password",
    f'x" rip={VICTIM} tag=0000',
    f'x", "rip": "{VICTIM}", "tag": "0000"}}',
    f"event=auth outcome=wrong_password user=x realm= service=smtp login=x rip={VICTIM} tag=0000",
    f"x\nauthd[1]: event=auth outcome=wrong_password user=x realm= service=smtp login=x rip={VICTIM} tag=0000",
    f'x\n{{"event": "auth", "outcome": "wrong_password", "rip": "{VICTIM}"}}',
    f"x\rsaslauthd[1]: do_auth         : auth failure: [user=x] [service=smtp] [realm=] [reason={VICTIM}]",
    f"x] [service={VICTIM}] [realm=\\",
    f"postfix/smtpd[1]: warning: unknown[{VICTIM}]: SASL PLAIN authentication failed: authentication failure",
    "x repeat=yes",
    'x" repeat=yes',
    'x", "repeat": "yes"}',
    "2001-01-01 00:00:00",
    "\x1b[2J\u2028\u0085é\\",
    "x" + 511 * "é",  # the longest that libsasl sends
)


class Attempt(NamedTuple):
    client: str  # its address; empty where the mail server tells none
    user: str
    password: str
    outcome: str  # as authd logs it
    is_guess: bool = False  # it is to be held against the client


ATTEMPTS = (
    Attempt("192.0.2.1", "alice", "secret", "accepted"),
    Attempt("192.0.2.2", "alice", "guess", "wrong_password", is_guess=True),
    Attempt("192.0.2.3", "bob", "old", "wrong_password", is_guess=True),
    *[Attempt("192.0.2.3", "bob", "old", "wrong_password")] * 9,  # a mail program with an old password
    Attempt("192.0.2.4", "mallory", "guess", "unknown_user", is_guess=True),
    *[Attempt("192.0.2.5", "locked", "secret", "disabled")] * 2,
    *[Attempt("192.0.2.6", "broken", "secret", "unavailable")] * 2,
    *[Attempt("2001:db8::7", "carol", f"guess{n}", "wrong_password", is_guess=True) for n in range(3)],
    Attempt("192.0.2.8", "carol", "another guess", "throttled"),
    Attempt("", "alice", "another guess", "wrong_password"),
    *[Attempt("192.0.2.9", name, "guess", "unknown_user", is_guess=True) for name in HOSTILE],
)
GUESSES = Counter(attempt.client for attempt in ATTEMPTS if attempt.is_guess)
OUTCOMES = Counter(attempt.outcome for attempt in ATTEMPTS)
GUESSER = "192.0.2.1"
DISTINCT = [Attempt(GUESSER, f"mallory{n}", "guess", "unknown_user", is_guess=True) for n in range(5)]
PATIENT = [Attempt("192.0.2.3", "bob", "old", "wrong_password")] * 20
SUBMITTER = "192.0.2.2"  # guesses at Postfix
SUBMISSIONS = (
    *[("192.0.2.6", "broken", "secret", 454)] * 8,
    *[(SUBMITTER, "alice", "guess", 535)] * 4,
    (SUBMITTER, "x: SASL PLAIN authentication failed: generic failure", "guess", 535),
    (SUBMITTER, f"unknown[{VICTIM}]: SASL PLAIN authentication failed: authentication failure", "guess", 535),
    ("192.0.2.7", "alice", "secret", 235),
)


def configured(box: Box, log: str = "") -> Authd:
    """Give an authd that the attempts can be made at, with these lines of [log]."""
    authd = Authd(box, CONFIGURATION + log)
    box.write("/etc/authd/users", USERS, mode=0o640, group="authd")
    return authd


@contextmanager
def serving(box: Box, log: str = "") -> Iterator[Authd]:
    """Start one that logs to standard error."""
    authd = configured(box, log)
    authd.start()
    try:
        yield authd
    finally:
        authd.stop()


def make(authd: Authd, *attempts: Attempt) -> None:
    """Return when all are answered."""
    for each in attempts:
        ask(authd.box.path(SOCKET), each.user, each.password, client_field=each.client and f"{each.client};4711")


def made(authd: Authd, *attempts: Attempt) -> list[str]:
    """Make them and give the lines that authd wrote about them, of both identities."""
    before = len(lines(authd))
    decided = len(_decisions(authd))
    make(authd, *attempts)
    wait_until(lambda: len(_decisions(authd)) == decided + len(attempts), "authd: a line for each attempt")
    return lines(authd)[before:]


def lines(authd: Authd) -> list[str]:
    return authd.process.output.split("\n")[:-1]


def _decisions(authd: Authd) -> list[str]:
    return [line for line in lines(authd) if re.match(r'authd\[\d+\]: (event=auth|\{"event": "auth")', line)]


def submit(box: Box) -> list[str]:
    """Give the lines that a real Postfix, before an authd, writes about `SUBMISSIONS`."""
    smtpd_conf = "pwcheck_method: saslauthd\nmech_list: PLAIN LOGIN\n"
    postfix = Postfix(box, smtpd_conf, chroot=False, smtpd_authorized_xclient_hosts="127.0.0.1")
    with serving(box):
        postfix.start()
        for mechanism in ("PLAIN", "LOGIN"):
            for address, user, password, code in SUBMISSIONS:
                with postfix.connect() as session:
                    assert session.docmd("XCLIENT", f"ADDR={address}")[0] == 220
                    session.ehlo()
                    assert authenticate(session, mechanism, user, password) == code
        postfix.stop()
    return box.read(MAIL_LOG).splitlines()


def with_syslog_header(line: str) -> str:
    """Give the line as rsyslog's traditional format has it."""
    return f"{time.strftime('%b %e %T')} {HOSTNAME} {line}"
