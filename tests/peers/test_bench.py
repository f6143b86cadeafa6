"""The measuring itself: that it works, whatever it measures here."""

import subprocess
import sys

from tests.servers.box import CHECKOUT

PACKAGES = ("sasl2-bin",)


def test_everything_that_was_promised_is_measured() -> None:
    command = [sys.executable, "-m", "bench", "--quick"]

    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    for row in (
        *(f"| sasldb, uncached, {clients} |" for clients in ("1 client", "4 clients", "16 clients", "64 clients")),
        *(f"| sasldb, uncached, {clients}: p99 |" for clients in ("1 client", "4 clients", "16 clients", "64 clients")),
        "| sasldb, 2,000 users beside 100, 4 clients |",
        "| passwd-file, 2,000 users beside 100, 4 clients |",
        "| start to ready |",
        "| resident memory of the front after 500 logins |",
    ):
        assert row in done.stdout
    assert "reached: " in done.stdout
