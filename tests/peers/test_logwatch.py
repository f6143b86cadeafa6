"""docs/logwatch.md as written: contrib/logwatch in Debian's logwatch, on what a real authd has sent to rsyslog."""

import os
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from signal import SIGKILL

import pytest

from tests.servers import attempts
from tests.servers.attempts import ATTEMPTS, FORMATS, HOSTILE, OUTCOMES, Attempt
from tests.servers.auth_log import AuthLog
from tests.servers.authd import CONFIGURATION
from tests.servers.box import CHECKOUT, Box
from tests.servers.processes import children

PACKAGES = ("logwatch", "rsyslog")

DOCUMENT = (Path(__file__).parents[2] / "docs" / "logwatch.md").read_text()
INSTALL, REPORT = re.findall(r"^    (.+)$", DOCUMENT, re.MULTILINE)
(SETTING,) = re.findall(r"^```toml\n.*?^\[log\]\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)
LOGWATCH = "/usr/share/logwatch/scripts/logwatch.pl"  # what the package links to as logwatch
REFUSED = OUTCOMES["wrong_password"] + OUTCOMES["unknown_user"] + OUTCOMES["disabled"]


@pytest.fixture(scope="module")
def auth_log(box: Box) -> Iterator[AuthLog]:
    auth_log = AuthLog(box)
    box.run(["sh", "-c", f"cd {CHECKOUT} && {INSTALL}"])
    box.make_directory("/run/logwatch")
    box.write("/etc/logwatch/conf/logwatch.conf", "TmpDir = /run/logwatch\n")
    yield auth_log
    auth_log.stop()


def sections(box: Box, auth_log: AuthLog, log: str, *made: Attempt) -> dict[str, str]:
    """Give what logwatch says of a run of authd, by section."""
    authd = attempts.configured(box, SETTING + log)
    auth_log.clear()
    authd.process = box.start([sys.executable, "-m", "authd", "serve", "--config", CONFIGURATION])
    auth_log.wait_for("listening on")
    attempts.make(authd, *made)
    if not made:
        for child in children(authd.process.pid):
            os.kill(child, SIGKILL)
        auth_log.wait_for("listening on", 2)
    authd.stop()
    auth_log.wait_for("stopped after")
    command = REPORT.replace("logwatch", LOGWATCH, 1).replace("today", "all")  # a test may run at midnight
    report = box.run(["perl", *command.split(), "--service", "secure", "--output", "stdout"]).stdout
    return dict(re.findall(r"^ -+ (.+) Begin -+ $(.*?)^ -+ \1 End -+ $", report, re.MULTILINE | re.DOTALL))


def counts(section: str) -> dict[str, int]:
    """Give the outcomes in the section of authd."""
    return {outcome: int(count) for outcome, count in re.findall(r"^ (\w+): (\d+) Time", section, re.MULTILINE)}


@pytest.mark.parametrize("form", FORMATS)
def test_all_is_counted_and_nothing_unmatched(box: Box, auth_log: AuthLog, form: str) -> None:
    shown = sections(box, auth_log, form, *ATTEMPTS)

    assert list(shown) == ["authd", "sasl auth daemon"]
    assert "Unmatched" not in str(shown)
    assert counts(shown["authd"]) == OUTCOMES
    assert " wrong_password: 15 Time(s), 9 of them with a password that was wrong before\n" in shown["authd"]
    clients = re.findall(r"^    (-|192\S+|2001\S+): (\d+) Time", shown["authd"], re.MULTILINE)
    refused = (each.client or "-" for each in ATTEMPTS if each.outcome not in ("accepted", "unavailable"))
    assert {client: int(count) for client, count in clients} == Counter(refused)
    assert f" SASL Authentications failed {REFUSED} Time(s)\n" in shown["sasl auth daemon"]
    users = re.findall(r"User: (.+) - (\w+) - (\d+) Time", shown["sasl auth daemon"])
    assert sum(int(count) for _, _, count in users) == REFUSED
    assert {("bob", "wrong_password", "10"), ("locked", "disabled", "2")} <= set(users)


def test_what_a_flood_kept_from_the_log_is_counted(box: Box, auth_log: AuthLog) -> None:
    shown = sections(box, auth_log, "max_per_source_per_minute = 4", *ATTEMPTS)

    assert counts(shown["authd"]) == OUTCOMES
    untold = len(HOSTILE) - 4
    assert f" unknown_user: 16 Time(s), {untold} of them without a line of their own\n" in shown["authd"]


def test_what_authd_warns_of_is_shown(box: Box, auth_log: AuthLog) -> None:
    shown = sections(box, auth_log, "")

    assert re.fullmatch(r"\s+Warnings and errors\n    error: the front .*: 1 Time\(s\)\s+", shown["authd"])
