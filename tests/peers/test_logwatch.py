"""docs/logwatch.md as written: contrib/logwatch in Debian's logwatch, on what a real authd has logged."""

import os
import re
from collections import Counter
from pathlib import Path
from signal import SIGKILL

import pytest

from tests.servers import attempts
from tests.servers.attempts import ATTEMPTS, OUTCOMES
from tests.servers.box import CHECKOUT, Box
from tests.servers.processes import children

PACKAGES = ("logwatch",)

INSTALL, REPORT = re.findall(
    r"^    (.+)$", (Path(__file__).parents[2] / "docs" / "logwatch.md").read_text(), re.MULTILINE
)
LOGWATCH = "/usr/share/logwatch/scripts/logwatch.pl"  # what the package links to as logwatch
REFUSED = OUTCOMES["wrong_password"] + OUTCOMES["unknown_user"] + OUTCOMES["disabled"]


@pytest.fixture(scope="module")
def configured(box: Box) -> Box:
    box.run(["sh", "-c", f"cd {CHECKOUT} && {INSTALL}"])
    box.run(["mount", "-t", "tmpfs", "box", "/var/log"])
    box.make_directory("/run/logwatch")
    box.write("/etc/logwatch/conf/logwatch.conf", "TmpDir = /run/logwatch\n")
    return box


def sections(box: Box, lines: list[str]) -> dict[str, list[str]]:
    """Give what logwatch makes of a log: by section, its lines."""
    box.write("/var/log/auth.log", "".join(f"{attempts.with_syslog_header(line)}\n" for line in lines))
    command = REPORT.replace("logwatch", LOGWATCH, 1).replace("today", "all")  # a test may run at midnight
    report = box.run(["perl", *command.split(), "--service", "secure", "--output", "stdout"]).stdout
    found = re.findall(r"^ -+ (.+) Begin -+ $(.*?)^ -+ \1 End -+ $", report, re.MULTILINE | re.DOTALL)
    return {title: [line.rstrip() for line in text.splitlines() if line.strip()] for title, text in found}


@pytest.mark.parametrize("format_", ["logfmt", "json"])
def test_all_is_counted_and_nothing_unmatched(configured: Box, format_: str) -> None:
    with attempts.serving(configured, format_) as authd:
        attempts.make(authd, *ATTEMPTS)
    shown = sections(configured, attempts.lines(authd))

    assert list(shown) == ["authd", "sasl auth daemon"]
    assert "Unmatched" not in str(shown)
    assert f" SASL Authentications failed {REFUSED} Time(s)" in shown["sasl auth daemon"]
    counts = re.findall(r"^ (\w+): (\d+) Time", "\n".join(shown["authd"]), re.MULTILINE)
    assert {outcome: int(count) for outcome, count in counts} == OUTCOMES
    clients = re.findall(r"^    ([-\d.]+|2001:db8::7): (\d+) Time", "\n".join(shown["authd"]), re.MULTILINE)
    refused = (each.client or "-" for each in ATTEMPTS if each.outcome not in ("accepted", "unavailable"))
    assert {client: int(count) for client, count in clients} == Counter(refused)
    assert " wrong_password: 15 Time(s), 9 of them with a password that was wrong before" in shown["authd"]


def test_users_are_counted_in_the_section_of_saslauthd(configured: Box) -> None:
    with attempts.serving(configured) as authd:
        attempts.make(authd, *ATTEMPTS)
    shown = "\n".join(sections(configured, attempts.lines(authd))["sasl auth daemon"])

    users = re.findall(r"User: (.+) - (\w+) - (\d+) Time", shown)
    assert sum(int(count) for _, _, count in users) == REFUSED
    assert {("bob", "wrong_password", "10"), ("locked", "disabled", "2")} <= set(users)


def test_what_authd_warns_of_is_shown(configured: Box) -> None:
    with attempts.serving(configured) as authd:
        for child in children(authd.process.pid):
            os.kill(child, SIGKILL)
        authd.process.wait_for_output("listening on", 2)
    shown = sections(configured, attempts.lines(authd))

    assert shown["authd"][0] == " Warnings and errors"
    assert re.fullmatch(r"    error: the front .*: 1 Time\(s\)", shown["authd"][1])
