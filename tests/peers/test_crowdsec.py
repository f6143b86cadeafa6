"""docs/crowdsec.md as written: contrib/crowdsec in Debian's crowdsec, on what a real authd and Postfix have logged."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import attempts
from tests.servers.attempts import DISTINCT, FORMATS, GUESSER, GUESSES, PATIENT, SUBMITTER
from tests.servers.box import CHECKOUT, Box
from tests.servers.crowdsec import Crowdsec, found, hub_test
from tests.servers.journal import PACKAGE, write_journal

PACKAGES = ("crowdsec", PACKAGE, "postfix", "libsasl2-modules")

DOCUMENT = (Path(__file__).parents[2] / "docs" / "crowdsec.md").read_text()
INSTALL, LIST, DELETE = re.findall(r"^    (.+)$", DOCUMENT, re.MULTILINE)
((ACQUISITION, ACQUISITION_PATH),) = re.findall(r"^```yaml\n(# (/\S+)\n.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)
OF_THE_HUB = (
    "parsers/s00-raw/crowdsecurity/syslog-logs",
    "parsers/s01-parse/crowdsecurity/postfix-logs",
    "parsers/s02-enrich/crowdsecurity/dateparse-enrich",
    "scenarios/crowdsecurity/postfix-spam",
)


@pytest.fixture(scope="module")
def crowdsec(box: Box) -> Iterator[Crowdsec]:
    crowdsec = Crowdsec(box, OF_THE_HUB)
    box.run(["sh", "-c", f"cd {CHECKOUT} && {INSTALL}"])
    box.run(["mount", "-t", "tmpfs", "box", "/var/log"])
    box.write(ACQUISITION_PATH, ACQUISITION)
    write_journal(box, "authd.service", "authd", ["info: the first line"])
    crowdsec.start()
    yield crowdsec
    crowdsec.stop()


@pytest.mark.parametrize("form", FORMATS)
def test_every_guess_is_found_and_nothing_else(box: Box, crowdsec: Crowdsec, form: str) -> None:
    with attempts.serving(box, form) as authd:
        lines = attempts.made(authd, *attempts.ATTEMPTS)

    assert Counter(found(box, list(map(attempts.with_syslog_header, lines)), "syslog", "authd/authd-bf")) == GUESSES


def test_postfix_s_535_is_found_and_its_454_is_not(box: Box, crowdsec: Crowdsec) -> None:
    addresses = Counter(found(box, attempts.submit(box), "syslog", "crowdsecurity/postfix-spam"))

    assert addresses[SUBMITTER] == 12
    assert "192.0.2.6" not in addresses


def test_a_guesser_is_banned_and_let_in_again_and_a_mail_program_with_an_old_password_never(
    box: Box, crowdsec: Crowdsec
) -> None:
    with attempts.serving(box) as authd:
        write_journal(box, "authd.service", "authd", attempts.made(authd, *PATIENT, *DISTINCT))
    crowdsec.wait_for_bans({GUESSER})
    assert GUESSER in box.run(LIST.split()).stdout

    box.run(DELETE.split())
    crowdsec.wait_for_bans(set())


def test_the_hub_s_own_test_passes(box: Box, crowdsec: Crowdsec) -> None:
    assert "Test 'authd-bf' passed successfully (4 assertions)" in hub_test(box, CHECKOUT / "contrib" / "crowdsec")
