"""docs/fail2ban.md as written: contrib/fail2ban in Debian's fail2ban, on what a real authd and Postfix have logged."""

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.servers import attempts
from tests.servers.attempts import DISTINCT, FORMATS, GUESSER, GUESSES, PATIENT, SUBMITTER
from tests.servers.box import CHECKOUT, Box
from tests.servers.fail2ban import Fail2ban, found
from tests.servers.journal import without_syslog_header, write_journal

PACKAGES = ("fail2ban", "python3-systemd", "systemd-journal-remote", "postfix", "libsasl2-modules")

DOCUMENT = (Path(__file__).parents[2] / "docs" / "fail2ban.md").read_text()
COMMANDS = re.findall(r"^    (.+)$", DOCUMENT, re.MULTILINE)
(JAIL_LOCAL,) = re.findall(r"^```ini\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)


def command(beginning: str) -> list[str]:
    """Give the one command of the document that begins so."""
    (found_,) = [each for each in COMMANDS if each.startswith(beginning)]
    return ["sh", "-c", f"cd {CHECKOUT} && {found_}"]


@pytest.fixture(scope="module")
def configured(box: Box) -> Box:
    box.run(command("cp"))
    box.run(["mount", "-t", "tmpfs", "box", "/var/log"])
    return box


@pytest.fixture(scope="module", params=FORMATS)
def written(request: pytest.FixtureRequest, configured: Box) -> list[str]:
    """What authd writes about every kind of attempt."""
    with attempts.serving(configured, request.param) as authd:
        return attempts.made(authd, *attempts.ATTEMPTS)


@pytest.fixture(scope="module")
def mail_log(configured: Box) -> list[str]:
    """What Postfix writes about submissions of which some are told 535 and some 454."""
    return attempts.submit(configured)


@pytest.mark.parametrize("header", [False, True], ids=["bare", "syslog"])
def test_every_guess_is_found_and_nothing_else(configured: Box, written: list[str], *, header: bool) -> None:
    lines = [attempts.with_syslog_header(line) for line in written] if header else written

    assert Counter(found(configured, lines, "authd")) == GUESSES


def test_postfix_s_535_is_found_and_its_454_is_not(configured: Box, mail_log: list[str]) -> None:
    assert "authentication failed: generic failure" in "".join(mail_log)
    assert found(configured, mail_log, "postfix[mode=auth]") == [SUBMITTER] * 12
    assert found(configured, mail_log, "postfix[mode=aggressive]").count("192.0.2.6") == 0


@contextmanager
def watching(box: Box, jails: str = "") -> Iterator[Fail2ban]:
    fail2ban = Fail2ban(box, jails)
    fail2ban.start()
    try:
        yield fail2ban
    finally:
        fail2ban.stop()


def test_the_jails_on_the_journal_ban_guessers_alone_and_let_them_in_again(
    configured: Box, mail_log: list[str]
) -> None:
    write_journal(configured, "postfix@-.service", "postfix/smtpd", list(map(without_syslog_header, mail_log)))
    with watching(configured) as fail2ban, attempts.serving(configured) as authd:
        write_journal(configured, "authd.service", "authd", attempts.made(authd, *PATIENT, *DISTINCT))
        fail2ban.wait_for(f"authd bans {GUESSER}")
        fail2ban.wait_for(f"postfix-sasl bans {SUBMITTER}")

        assert GUESSER in configured.run(command("fail2ban-client status")).stdout
        configured.run(command("fail2ban-client set"))
        fail2ban.wait_for(f"authd lifts {GUESSER}")
        banned = {deed for deed in fail2ban.deeds if " bans " in deed}

    assert banned == {f"authd bans {GUESSER}", f"postfix-sasl bans {SUBMITTER}"}
    assert "6 matched" in configured.run(command("fail2ban-regex")).stdout  # one of the patient's, five guesses


def test_the_jails_on_files_ban_guessers_alone(configured: Box, mail_log: list[str]) -> None:
    configured.write("/var/log/mail.log", "".join(f"{line}\n" for line in mail_log))
    configured.write("/var/log/authd.log", "")
    with watching(configured, JAIL_LOCAL) as fail2ban, attempts.serving(configured) as authd:
        lines = attempts.made(authd, *PATIENT, *DISTINCT)
        configured.run(["tee", "-a", "/var/log/authd.log"], input="".join(f"{line}\n" for line in lines))
        fail2ban.wait_for(f"authd bans {GUESSER}")
        fail2ban.wait_for(f"postfix-sasl bans {SUBMITTER}")
        configured.run(command("fail2ban-client reload"))
        banned = {deed for deed in fail2ban.deeds if " bans " in deed}

    assert banned == {f"authd bans {GUESSER}", f"postfix-sasl bans {SUBMITTER}"}
