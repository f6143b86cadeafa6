"""The measuring itself: that it works, whatever it measures here."""

import subprocess
import sys

from tests.servers.box import CHECKOUT

PACKAGES = ("sasl2-bin", "mariadb-server", "libpam-mysql", "slapd", "ldap-utils")
WORKS = (
    "sasldb, uncached",
    "cached",
    "cached, scraped each second",
    "pam_permit",
    "mysql, beside pam_mysql",
    "ldap, search and bind",
)
TARGETS = ("other users", "this very user")
WAYS = ("uncached", "cached")


def test_everything_that_was_promised_is_measured() -> None:
    command = [sys.executable, "-m", "bench", "--quick"]

    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    clients = ("1 client", "4 clients", "16 clients", "64 clients")
    for row in (
        *(f"| {work}, {each}{what} |" for work in WORKS for each in clients for what in ("", ": p99")),
        "| shadow, yescrypt, beside crypt_r |",
        "| mysql, beside pam_mysql, bcrypt, 16 clients |",
        "| ldap, bcrypt, 16 clients |",
        *(f"| good login, pam_unix, 20 guessers at {target}, {way}: p50 " for target in TARGETS for way in WAYS),
        "| sasldb, 2,000 users beside 100, 4 clients |",
        "| passwd-file, 2,000 users beside 100, 4 clients |",
        *(f"| scrape, 20 backends, {when} |" for when in ("idle", "under full load")),
        "| start to ready |",
        "| resident memory of the front after 500 logins |",
    ):
        assert row in done.stdout
    assert "reached: " in done.stdout
