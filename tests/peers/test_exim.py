"""Exim, which speaks to the socket by itself: a write for each field, and no deadline."""

from collections.abc import Iterator

import pytest

from tests.servers import sasl
from tests.servers.authd import Authd
from tests.servers.box import Box

PACKAGES = ("exim4-daemon-heavy", "sasl2-bin")


@pytest.fixture(scope="module")
def authd(box: Box) -> Iterator[Authd]:
    authd = Authd(box, sasl.AUTHD)
    box.add_user("Debian-exim", groups=["sasl"])
    box.write("/etc/exim4/exim4.conf", "")
    sasl.set_password(box, "alice", "example.org", "secret")
    sasl.set_password(box, "alice", "mail", "of this host")
    authd.start()
    yield authd
    authd.stop()


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        ("{alice}{secret}{smtp}{example.org}", "yes"),
        ("{alice}{guess}{smtp}{example.org}", "no"),
        ("{alice}{of this host}", "yes"),  # service and realm are sent empty
        ("{alice}{of this host}{smtp}", "yes"),
        ("{}{secret}", "no"),
    ],
)
def test_the_condition_saslauthd(authd: Authd, arguments: str, answer: str) -> None:
    assert expand(authd.box, arguments) == answer


def test_an_outage_fails_the_expansion_and_exim_answers_435(authd: Authd) -> None:
    """Exim defers what cannot be expanded: 435 Unable to authenticate at present."""
    assert expand(authd.box, "{alice}{secret}{smtp}{gone.example}").startswith("Failed: ")


def expand(box: Box, arguments: str) -> str:
    done = box.run(["exim4", "-be", f"${{if saslauthd{{{arguments}}}{{yes}}{{no}}}}"], user="Debian-exim")
    return done.stdout.strip()
