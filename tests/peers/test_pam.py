"""The backend `pam` with Debian's own modules, in a box with users, services and a log of its own."""

import re
import sys
from collections.abc import Iterator

import pytest

from authd_backends import conformance
from authd_backends.contract import Outcome
from authd_backends.pam.backend import MAX_RESPONSE
from tests.servers import pam, pam_conformance
from tests.servers.box import Box
from tests.servers.pam import Login, ask
from tests.servers.process import BoxError

PACKAGES = pam.PACKAGES

UNIX = ("auth required pam_unix.so", "account required pam_unix.so")
PERMIT = ("auth required pam_permit.so", "account required pam_permit.so")
DEBIAN = (  # common-auth and common-account as installed
    "auth [success=1 default=ignore] pam_unix.so nullok",
    "auth requisite pam_deny.so",
    "auth required pam_permit.so",
    "account [success=1 new_authtok_reqd=done default=ignore] pam_unix.so",
    "account requisite pam_deny.so",
    "account required pam_permit.so",
)
LONGEST = "l" * MAX_RESPONSE

BROKEN_PASSWORD = """
from authd_backends.contract import Secret
from authd_backends.pam.transaction import Question, ask

class Broken(Secret):
    def reveal(self):
        raise RuntimeError("broken")

ask(Question(b"smtp", b"alice", Broken(b"")))
"""


@pytest.fixture(scope="module")
def users(box: Box) -> Box:
    """Everybody's password is that of `right`."""
    pam.add_user(box, "alice", right("alice").password)
    pam.add_user(box, "bob", right("bob").password, "SHA512")
    pam.add_user(box, "carol", LONGEST)
    pam.add_user(box, "system", right("system").password, uid=950)
    for name in ("locked", "expired", "must-change", "aged", "too-late", "blank", "shadowless"):
        pam.add_user(box, name, right(name).password)
    box.run(["usermod", "--lock", "locked"])
    box.run(["chage", "--expiredate", "2020-01-01", "expired"])
    box.run(["chage", "--lastday", "0", "must-change"])
    box.run(["chage", "--lastday", "2020-01-01", "--maxdays", "10", "aged"])
    box.run(["chage", "--lastday", "2020-01-01", "--maxdays", "10", "--inactive", "5", "too-late"])
    box.run(["passwd", "--delete", "blank"])
    box.run(["sed", "-i", "/^shadowless:/d", "/etc/shadow"])
    return box


@pytest.fixture
def no_fallback(box: Box) -> Iterator[None]:
    """The box without /etc/pam.d/other."""
    text = box.read("/etc/pam.d/other")
    pam.remove_service(box, "other")
    yield
    box.write("/etc/pam.d/other", text)


def right(name: str, client: str = "") -> Login:
    return Login(name, f"the password of {name}", client=client)


def wrong(name: str, client: str = "") -> Login:
    return Login(name, "not the password", client=client)


# ── outcomes ──


@pytest.mark.parametrize(
    ("login", "outcome", "reason"),
    [
        (right("alice"), Outcome.ACCEPTED, ""),
        (right("bob"), Outcome.ACCEPTED, ""),
        (Login("carol", LONGEST), Outcome.ACCEPTED, ""),
        (wrong("alice"), Outcome.WRONG_PASSWORD, "pam_authenticate: PAM_AUTH_ERR"),
        (Login("alice", ""), Outcome.WRONG_PASSWORD, "pam_authenticate: PAM_AUTH_ERR"),
        (Login("carol", LONGEST[1:]), Outcome.WRONG_PASSWORD, "pam_authenticate: PAM_AUTH_ERR"),
        (right("nobody-here"), Outcome.UNKNOWN_USER, "pam_authenticate: PAM_USER_UNKNOWN"),
        (right("\udcff\udc80"), Outcome.UNKNOWN_USER, "pam_authenticate: PAM_USER_UNKNOWN"),
        (right("locked"), Outcome.WRONG_PASSWORD, "pam_authenticate: PAM_AUTH_ERR"),
        (right("expired"), Outcome.EXPIRED, "pam_acct_mgmt: PAM_ACCT_EXPIRED: Your account has expired"),
        (right("must-change"), Outcome.EXPIRED, "pam_acct_mgmt: PAM_NEW_AUTHTOK_REQD: You are required to change"),
        (right("aged"), Outcome.EXPIRED, "pam_acct_mgmt: PAM_NEW_AUTHTOK_REQD: You are required to change"),
        (right("too-late"), Outcome.EXPIRED, "pam_acct_mgmt: PAM_AUTHTOK_EXPIRED: Your account has expired"),
        (wrong("expired"), Outcome.WRONG_PASSWORD, "pam_authenticate: PAM_AUTH_ERR"),
        (right("shadowless"), Outcome.UNAVAILABLE, "pam_authenticate: PAM_AUTHINFO_UNAVAIL"),
    ],
    ids=str,
)
def test_pam_unix_decides_about_system_users(users: Box, login: Login, outcome: Outcome, reason: str) -> None:
    pam.add_service(users, "smtp", *UNIX)

    verdict = ask(users, login).verdict

    assert verdict.outcome is outcome
    assert verdict.reason.startswith(reason)


def test_debians_own_stack_says_less(users: Box) -> None:
    """It ends in pam_deny whatever went wrong before; who knew the password is at least not told that it was wrong."""
    pam.add_service(users, "smtp", *DEBIAN)
    names = ("alice", "expired", "must-change", "nobody-here", "shadowless")

    report = ask(users, *map(right, names))

    assert dict(zip(names, (verdict.outcome for verdict in report.verdicts), strict=True)) == {
        "alice": Outcome.ACCEPTED,
        "expired": Outcome.DISABLED,
        "must-change": Outcome.EXPIRED,
        "nobody-here": Outcome.WRONG_PASSWORD,
        "shadowless": Outcome.WRONG_PASSWORD,  # an outage, which no application behind this stack can see
    }
    assert report.verdicts[1].reason.startswith("pam_acct_mgmt: PAM_AUTH_ERR: Your account has expired")


@pytest.mark.parametrize("password", ["", "anything at all"])
def test_a_user_without_a_password_stays_out_even_where_the_stack_says_nullok(users: Box, password: str) -> None:
    pam.add_service(users, "smtp", "auth required pam_unix.so nullok", UNIX[1])

    assert ask(users, Login("blank", password)).verdict.outcome is Outcome.WRONG_PASSWORD


@pytest.mark.parametrize(
    ("stack", "outcome"),
    [
        (PERMIT, Outcome.ACCEPTED),
        (("auth required pam_deny.so", PERMIT[1]), Outcome.WRONG_PASSWORD),
        ((PERMIT[0], "account required pam_deny.so"), Outcome.DISABLED),
        (("auth required pam_debug.so auth=maxtries", PERMIT[1]), Outcome.WRONG_PASSWORD),
        (("auth required pam_debug.so auth=perm_denied", PERMIT[1]), Outcome.DISABLED),
        (("auth required pam_debug.so auth=acct_expired", PERMIT[1]), Outcome.EXPIRED),
        (("auth required pam_debug.so auth=abort", PERMIT[1]), Outcome.UNAVAILABLE),
        (("auth required pam_debug.so auth=cred_insufficient", PERMIT[1]), Outcome.UNAVAILABLE),
        (("auth required pam_debug.so auth=incomplete", PERMIT[1]), Outcome.UNAVAILABLE),
        ((PERMIT[0], "account required pam_debug.so acct=user_unknown"), Outcome.UNKNOWN_USER),
        ((PERMIT[0], "account required pam_debug.so acct=authinfo_unavail"), Outcome.UNAVAILABLE),
        (("auth required pam_userdb.so db=/etc/not-there", PERMIT[1]), Outcome.UNAVAILABLE),
        (("auth required pam_not_there.so", PERMIT[1]), Outcome.UNAVAILABLE),
        (("auth optional pam_debug.so auth=ignore", PERMIT[1]), Outcome.DISABLED),  # no module decided
    ],
    ids=str,
)
def test_a_stack_ends_in_the_outcome_of_its_code(box: Box, stack: tuple[str, ...], outcome: Outcome) -> None:
    pam.add_service(box, "smtp", *stack)

    assert ask(box, right("virtual")).verdict.outcome is outcome


@pytest.mark.parametrize("case", [case.__name__ for case in conformance.cases()])
def test_it_conforms(users: Box, case: str) -> None:
    pam.add_service(users, pam_conformance.SERVICE, *UNIX)
    users.write("/etc/nsswitch.conf", "passwd: files\nshadow: files\n")  # systemd would always know a "nobody"
    users.run(["sed", "-i", "/^nobody:/d", "/etc/passwd"])

    users.python("tests.servers.pam_conformance", case)


# ── services ──


def test_a_missing_module_is_an_outage_that_the_log_explains(box: Box) -> None:
    pam.add_service(box, "smtp", "auth required pam_not_there.so", PERMIT[1])

    report = ask(box, right("virtual"))

    assert report.verdict.outcome is Outcome.UNAVAILABLE
    assert report.verdict.reason == "pam_authenticate: PAM_MODULE_UNKNOWN"
    assert "unable to dlopen(pam_not_there.so)" in report.log


def test_a_service_without_a_file_is_that_of_other(box: Box) -> None:
    pam.remove_service(box, "imap")
    pam.add_service(box, "other", *PERMIT)

    assert ask(box, Login("virtual", "whatever", "imap")).verdict.outcome is Outcome.ACCEPTED


@pytest.mark.usefixtures("no_fallback")
@pytest.mark.parametrize("options", [{"services": ["imap"]}, {"services": [], "default_service": "imap"}], ids=str)
def test_a_service_without_any_file_is_an_outage(box: Box, options: dict[str, object]) -> None:
    pam.remove_service(box, "imap")

    report = ask(box, Login("virtual", "whatever", "imap"), options=options)

    assert report.outage == "/etc/pam.d: expected a file for imap, or one for other, got neither"
    assert report.verdict.outcome is Outcome.UNAVAILABLE
    assert report.verdict.reason == "pam_start: PAM_ABORT"


def test_clients_name_only_services_that_are_listed(box: Box) -> None:
    """Every login here would be accepted if PAM were asked."""
    for name in ("smtp", "imap", "chat"):
        pam.add_service(box, name, *PERMIT)
    logins = [Login("virtual", "whatever", service) for service in ("smtp", "imap", "chat", "", "../pam.d/smtp")]

    verdicts = ask(box, *logins, options={"services": ["smtp"]}).verdicts

    assert [verdict.outcome for verdict in verdicts] == [Outcome.ACCEPTED] + 4 * [Outcome.UNKNOWN_USER]
    assert {verdict.reason for verdict in verdicts[1:]} == {"service_not_allowed"}


def test_the_default_service_is_asked_for_all_others(box: Box) -> None:
    pam.add_service(box, "smtp", "auth required pam_deny.so", PERMIT[1])
    pam.add_service(box, "chat", *PERMIT)
    logins = [Login("virtual", "whatever", service) for service in ("smtp", "chat", "", "../pam.d/smtp", "sm\0tp")]

    verdicts = ask(box, *logins, options={"services": ["smtp"], "default_service": "chat"}).verdicts

    assert [verdict.outcome for verdict in verdicts] == [Outcome.WRONG_PASSWORD] + 4 * [Outcome.ACCEPTED]


@pytest.mark.usefixtures("no_fallback")
@pytest.mark.parametrize(
    "options",
    [{"services": ["not-there", "chat"]}, {"services": ["not-there"], "default_service": "chat"}],
    ids=["services", "default_service"],
)
def test_a_service_that_lets_root_in_without_a_password_stops_the_start(box: Box, options: dict[str, object]) -> None:
    """PAM runs as root here, and pam_rootok would accept whatever a client sends."""
    pam.add_service(box, "chat", "auth sufficient pam_rootok.so", *UNIX)

    with pytest.raises(BoxError, match="expected services that ask for a password, got 'chat'"):
        ask(box, options=options)


def test_modules_stay_loaded_until_the_backend_is_closed(box: Box) -> None:
    pam.add_service(box, "smtp", *PERMIT)

    report = ask(box, right("virtual"))

    assert "pam_permit" in report.loaded
    assert not report.left


# ── what PAM is not asked ──


@pytest.mark.parametrize(
    ("login", "outcome"),
    [
        (Login("", "whatever"), Outcome.UNKNOWN_USER),
        (Login("alice\0", "whatever"), Outcome.UNKNOWN_USER),
        (Login("x" * 512, "whatever"), Outcome.UNKNOWN_USER),
        (Login("\ud800", "whatever"), Outcome.UNKNOWN_USER),
        (Login("virtual", "what\0ever"), Outcome.WRONG_PASSWORD),
        (Login("virtual", "x" * 512), Outcome.WRONG_PASSWORD),
        (Login("root", "whatever"), Outcome.DISABLED),
        (Login("system", "whatever"), Outcome.DISABLED),
        (Login("x" * 511, "x" * 511), Outcome.ACCEPTED),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_pam_is_not_asked_what_no_module_was_made_for(users: Box, login: Login, outcome: Outcome) -> None:
    """The stack would accept everybody."""
    pam.add_service(users, "smtp", *PERMIT)

    assert ask(users, login).verdict.outcome is outcome


def test_min_uid_zero_lets_everybody_be_asked_for(users: Box) -> None:
    pam.add_service(users, "smtp", *UNIX)

    assert ask(users, right("system"), options={"min_uid": 0}).verdict.outcome is Outcome.ACCEPTED


# ── what modules see, say and do ──


def test_modules_see_the_client_and_the_service(box: Box) -> None:
    pam.add_service(box, "smtp", "auth required pam_exec.so log=/run/seen /usr/bin/env", *PERMIT)

    ask(box, right("vîrtual", client="2001:db8::1"))

    seen = dict(re.findall(r"^(PAM_\w+)=(.*)$", box.read("/run/seen"), re.MULTILINE))
    assert seen == {
        "PAM_SERVICE": "smtp",
        "PAM_USER": "vîrtual",
        "PAM_RHOST": "2001:db8::1",
        "PAM_TTY": "smtp",
        "PAM_TYPE": "auth",
    }


@pytest.mark.parametrize("client", ["", "no address", "192.0.2.7 user=root", "\n"])
def test_a_client_that_is_no_address_is_not_told(box: Box, client: str) -> None:
    pam.add_service(box, "smtp", "auth required pam_exec.so log=/run/nobody /usr/bin/env", *PERMIT)

    ask(box, right("virtual", client=client))

    assert "PAM_RHOST" not in box.read("/run/nobody")


def test_pam_unix_logs_the_clients_address(users: Box) -> None:
    pam.add_service(users, "smtp", *UNIX)

    report = ask(users, wrong("alice", client="192.0.2.7"), wrong("bob", client="fe80::1%eth0 user=root"))

    assert re.search(r"pam_unix\(smtp:auth\): authentication failure; .* rhost=192\.0\.2\.7 +user=alice", report.log)
    assert re.search(r"pam_unix\(smtp:auth\): authentication failure; .* rhost=fe80::1 +user=bob", report.log)


def test_the_name_that_a_module_gives_the_user_is_the_canonical_one(box: Box) -> None:
    """pam_ftp turns "anonymous" into "ftp"."""
    pam.add_service(box, "smtp", "auth required pam_ftp.so", PERMIT[1])

    anonymous, ftp = ask(box, Login("anonymous", "me@example.org"), Login("ftp", "me@example.org")).verdicts

    assert (anonymous.outcome, anonymous.user) == (Outcome.ACCEPTED, "ftp")
    assert (ftp.outcome, ftp.user) == (Outcome.ACCEPTED, "")


def test_a_module_makes_nobody_a_user_below_min_uid(users: Box) -> None:
    pam.add_service(users, "smtp", "auth required pam_ftp.so users=system,anonymous", PERMIT[1])

    verdict = ask(users, Login("anonymous", "me@example.org")).verdict

    assert verdict.outcome is Outcome.DISABLED
    assert verdict.reason == "uid 950: expected at least 1000"


def test_a_delay_is_handed_over_and_not_slept(users: Box) -> None:
    """PAM varies it by half in either direction."""
    pam.add_service(users, "smtp", "auth optional pam_faildelay.so delay=300000000", *UNIX)

    report = ask(users, wrong("alice"), right("alice"), right("expired"), right("shadowless"))

    refused, accepted, expired, unavailable = report.verdicts
    assert 150 <= refused.delay <= 450
    assert report.seconds < refused.delay
    assert accepted.delay == expired.delay == unavailable.delay == 0


def test_pam_faillock_locks_a_user_and_the_reason_says_so(users: Box) -> None:
    pam.add_service(
        users,
        "smtp",
        "auth required pam_faillock.so preauth deny=3 dir=/run/faillock",
        "auth [success=1 default=bad] pam_unix.so nodelay",
        "auth [default=die] pam_faillock.so authfail deny=3 dir=/run/faillock",
        "account required pam_permit.so",
    )

    *_, last, locked = ask(users, *3 * [wrong("bob")], right("bob")).verdicts

    assert last.outcome is locked.outcome is Outcome.WRONG_PASSWORD
    assert "locked" not in last.reason
    assert "The account is locked due to 3 failed logins" in locked.reason


def test_what_modules_say_is_for_the_operator(box: Box) -> None:
    box.write("/etc/said", "Closed on\n  Sundays.\n")
    box.write("/etc/nologin", "Back at noon.\n")
    pam.add_service(box, "smtp", "auth optional pam_echo.so file=/etc/said", "auth required pam_nologin.so", *PERMIT)

    verdict = ask(box, right("virtual")).verdict
    box.run(["rm", "/etc/nologin"])

    assert verdict.outcome is Outcome.UNKNOWN_USER
    assert verdict.reason == "pam_authenticate: PAM_USER_UNKNOWN: Closed on Sundays.; Back at noon."


def test_a_message_that_repeats_the_password_is_dropped(box: Box) -> None:
    """`ask` looks for it in everything that came out."""
    pam.add_service(box, "smtp", "auth required pam_exec.so stdout expose_authtok /bin/cat", *PERMIT)

    verdict = ask(box, right("virtual")).verdict

    assert verdict.outcome is Outcome.ACCEPTED
    assert verdict.reason == ""


def test_what_is_raised_while_a_module_asks_reaches_the_caller(users: Box) -> None:
    pam.add_service(users, "smtp", *UNIX)

    done = users.run([sys.executable, "-c", BROKEN_PASSWORD], expect=1)

    assert done.stderr.endswith("RuntimeError: broken\n")
