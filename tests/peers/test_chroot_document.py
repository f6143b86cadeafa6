"""docs/chroot.md as written, for a Postfix that runs already."""

from collections.abc import Iterator

import pytest

from tests.servers.box import Box
from tests.servers.document import Reader, document
from tests.servers.postfix import Postfix, authenticate
from tests.servers.process import wait_until

PACKAGES = ("libsasl2-modules", "postfix")
SMTPD_CONF = "pwcheck_method: saslauthd\nmech_list: PLAIN LOGIN\n"
LOG = "/var/spool/mail.log"
MISSING = "cannot connect to saslauthd server: No such file or directory"
SHUT = "cannot connect to saslauthd server: Permission denied"


@pytest.fixture
def postfix(box: Box) -> Iterator[Postfix]:
    server = Postfix(box, SMTPD_CONF, chroot=True)
    box.run(["gpasswd", "--delete", "postfix", "sasl"])
    box.add_user("authd")
    server.start()
    yield server
    server.stop()


def test_it_lets_postfix_ask_and_what_it_says_of_failures_is_logged(box: Box, postfix: Postfix) -> None:
    assert log_in(postfix) == 454
    wait_until(lambda: MISSING in box.read(LOG), f"{LOG}: {MISSING}")

    Reader(box, PACKAGES).follow(document("chroot.md"), typed="")
    box.run(["authd", "user", "add", "alice"], input="secret\n")
    authd = box.start(["authd", "serve"])
    authd.wait_for_output("listening on", 2)
    assert log_in(postfix) == 235

    box.run(["gpasswd", "--delete", "postfix", "sasl"])
    box.run(["postfix", "reload"])
    wait_until(lambda: log_in(postfix) == 454, "postfix: an answer of processes without the group")
    wait_until(lambda: SHUT in box.read(LOG), f"{LOG}: {SHUT}")
    assert authd.stop() == 0


def log_in(postfix: Postfix) -> int:
    with postfix.connect() as session:
        return authenticate(session, "PLAIN", "alice", "secret")
