"""The measuring itself: that it works, whatever it measures here."""

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.servers.box import CHECKOUT

PACKAGES = ("sasl2-bin", "mariadb-server", "libpam-mysql", "slapd", "ldap-utils")
WORKS = (
    "sasldb, uncached",
    "cached",
    "cached, accepted ones not logged",
    "pam_permit",
    "mysql, beside pam_mysql",
    "ldap, search and bind",
)
TARGETS = ("other users", "this very user")
WAYS = ("uncached", "cached")


@pytest.mark.timeout(600)
def test_everything_that_was_promised_is_measured(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bench", "--quick", "--to", str(tmp_path / "report.md")]

    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    report = (tmp_path / "report.md").read_text()
    clients = ("1 client", "4 clients", "16 clients", "64 clients")
    for row in (
        *(f"| {work}, {each}{what} |" for work in WORKS for each in clients for what in ("", ": p99")),
        *(f"| cached, scraped each second, {each} |" for each in ("1 client", "16 clients")),
        "| shadow, yescrypt, beside crypt_r |",
        "| mysql, beside pam_mysql, bcrypt, 16 clients |",
        "| ldap, bcrypt, 16 clients |",
        *(f"| good login, pam_unix, 20 guessers at {target}, {way}: p50 " for target in TARGETS for way in WAYS),
        *(f"| {kind}, 2,000 users beside 100, 4 clients |" for kind in ("sasldb", "passwd-file", "sqlite")),
        "| passwd-file, 2,000 users taken up: the longest wait of others |",
        "| cached, 16 clients beside 200 idle connections |",
        "| logins of 5 that are answered within 5 s beside 5 idle connections | 5 logins | 0 logins |",
        *(f"| scrape, 20 backends, {when} |" for when in ("idle", "under full load")),
        "| start to ready |",
        "| resident memory of the front after 500 logins |",
        "| resident memory of the front with 500 users in its cache |",
        "| its throttle after guesses from 1,000 addresses |",
        "## Where authd loses",
    ):
        assert row in report
    charts = sorted((tmp_path / "report").iterdir())
    assert charts
    for chart in charts:
        assert f"(report/{chart.name})" in report
        ElementTree.parse(chart)
