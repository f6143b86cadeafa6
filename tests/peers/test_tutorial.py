"""docs/tutorial-postfix.md as written, on Debian's Postfix in its chroot."""

from collections.abc import Iterator

import pytest

from tests.servers.box import Box
from tests.servers.document import Reader, document
from tests.servers.postfix import Postfix

PACKAGES = ("libnet-ssleay-perl", "libsasl2-modules", "postfix", "swaks")
PASSWORD = "correct horse battery staple"
TRY = ["swaks", "--server", "127.0.0.1:587", "--tls", "--auth", "PLAIN", "--quit-after", "AUTH"]


@pytest.fixture(scope="module")
def printed(box: Box) -> Iterator[list[str]]:
    """What the tutorial's commands printed."""
    postfix = Postfix(box, "", chroot=True, smtpd_sasl_auth_enable="no")
    box.run(["gpasswd", "--delete", "postfix", "sasl"])
    box.add_user("authd")
    postfix.start()
    reader = Reader(box, PACKAGES)
    yield reader.follow(document("tutorial-postfix.md"), typed=PASSWORD)
    postfix.stop()
    assert reader.daemon is not None
    assert reader.daemon.stop() == 0


def test_its_commands_end_with_a_login_through_postfix(printed: list[str]) -> None:
    assert '0: OK "Success."' in "".join(printed)
    assert "235 2.7.0 Authentication successful" in printed[-1]


def test_a_wrong_password_and_a_stranger_are_refused(box: Box, printed: list[str]) -> None:
    for user in ("alice@example.org", "mallory@example.org"):
        refused = box.run([*TRY, "--auth-user", user, "--auth-password", "guess"], expect=None)

        assert "535 5.7.8 Error: authentication failed" in refused.stdout


def test_nobody_sends_without_a_login(box: Box, printed: list[str]) -> None:
    refused = box.run(["swaks", "--server", "127.0.0.1:587", "--tls", "--to", "bob@example.net"], expect=None)

    assert "554 5.7.1" in refused.stdout
