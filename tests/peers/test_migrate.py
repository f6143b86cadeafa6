"""docs/from-saslauthd.md and docs/from-pwcheck.md as written, and the answers before and after."""

import re
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from authd.config.saslauthd_defaults import assignments, command_line
from tests.servers import sasl
from tests.servers.authd import CONFIGURATION, SOCKET, Authd
from tests.servers.box import Box
from tests.servers.client import OK, ask
from tests.servers.old_client import ask as ask_pwcheck
from tests.servers.pam import add_service, add_user
from tests.servers.process import wait_until

PACKAGES = ("sasl2-bin", "libpam-modules")
DOCS = Path(__file__).parents[2] / "docs"
POSTFIX = "/var/spool/postfix/var/run/saslauthd"
PWCHECK = "/var/pwcheck/pwcheck"
DEFAULTS = {
    "/etc/default/saslauthd": """
        START=yes
        DESC="SASL Authentication Daemon"
        NAME="saslauthd"
        MECHANISMS="pam"
        MECH_OPTIONS=""
        THREADS=5
        OPTIONS="-c -m /var/run/saslauthd"
        """,
    "/etc/default/saslauthd-postfix": f"""
        START=yes
        NAME="saslauthd-postfix"
        MECHANISMS=sasldb
        DIRECTORY={POSTFIX}
        OPTIONS="-m $DIRECTORY -V"
        """,
}
QUESTIONS = [
    ("alice", "of shadow", "smtp", ""),
    ("alice", "guess", "smtp", ""),
    ("alice", "of shadow", "webmail", "example.org"),
    ("alice", "of sasldb", "smtp", "example.org"),
]
# Where there is no systemd: what its units do, started from here.
SYSTEMCTL = """#!/bin/sh -e
case "$*" in
"disable --now saslauthd")
    for file in /run/saslauthd/saslauthd.pid %s/saslauthd.pid; do kill "$(cat $file)"; done ;;
"enable --now authd")
    setsid authd serve </dev/null >/run/authd.log 2>&1 & ;;
*)
    exit 1 ;;
esac
"""


def blocks(document: str, language: str) -> list[str]:
    """Give a document's blocks of a language, in their order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", (DOCS / document).read_text(), re.MULTILINE | re.DOTALL)


def run(box: Box, script: str) -> None:
    box.run(["sh", "-ec", script])


def answers(box: Box, *directories: str) -> dict[str, list[bytes]]:
    """Ask every question in every directory and give what decides of each answer; authd holds refusals back for 2 s."""
    with ThreadPoolExecutor(5) as clients:
        asked = {
            each: [clients.submit(ask, box.path(f"{each}/mux"), *question) for question in QUESTIONS]
            for each in directories
        }
        return {each: [answer.result()[2:4] for answer in given] for each, given in asked.items()}


def takes_connections(box: Box, path: str) -> bool:
    try:
        box.connect(path).close()
    except OSError:
        return False
    return True


@pytest.fixture(scope="module", autouse=True)
def installation(box: Box) -> None:
    """Debian's saslauthd, twice, with its users; nothing of authd but the command."""
    box.add_group("sasl")
    box.make_directory(SOCKET.parent, mode=0o710, group="sasl")
    box.make_directory(POSTFIX, mode=0o710, group="sasl")
    for path, text in DEFAULTS.items():
        box.write(path, text)
    add_user(box, "alice", "of shadow")
    add_service(box, "smtp", "auth required pam_unix.so nodelay", "account required pam_unix.so")
    add_service(box, "webmail", "auth required pam_deny.so", "account required pam_unix.so")
    sasl.set_password(box, "alice", "example.org", "of sasldb")
    box.write("/usr/local/bin/authd", f'#!/bin/sh\nexec {sys.executable} -m authd "$@"\n', mode=0o755)
    box.write("/usr/local/bin/systemctl", SYSTEMCTL % POSTFIX, mode=0o755)


def start_saslauthd(box: Box, defaults: Sequence[str]) -> None:
    for text in defaults:
        words = command_line(assignments("saslauthd", text))
        box.run(["saslauthd", *words])
        wait_until(partial(takes_connections, box, f"{words[words.index('-m') + 1]}/mux"), "saslauthd")


def test_from_saslauthd_by_the_document(box: Box) -> None:
    start_saslauthd(box, list(DEFAULTS.values()))
    before = answers(box, "/run/saslauthd", POSTFIX)
    users, migrate, exchange, flags, defaults = blocks("from-saslauthd.md", "sh")

    run(box, users)
    run(box, migrate)
    run(box, exchange)
    wait_until(lambda: box.read("/run/authd.log").count("listening on") == 2, "authd's listeners")
    assert answers(box, "/run/saslauthd", POSTFIX) == before
    assert b"OK" in before["/run/saslauthd"]
    assert b"OK" in before[POSTFIX]

    run(box, "authd drain")
    wait_until(lambda: not takes_connections(box, "/run/saslauthd/mux"), "the end of authd")
    for start in (flags, defaults):
        run(box, start)
        assert answers(box, "/run/saslauthd") == {"/run/saslauthd": before["/run/saslauthd"]}
        # its socket goes first; the lock of the file stays until those who are left are answered
        run(
            box,
            "pid=$(cat /run/saslauthd/saslauthd.pid); kill $pid; while kill -0 $pid; do sleep 0.05; done 2>/dev/null",
        )


@pytest.fixture
def pwcheck(box: Box) -> Iterator[Authd]:
    """What `from-pwcheck.md` says, and authd on it."""
    (users,), (configuration,) = blocks("from-pwcheck.md", "sh"), blocks("from-pwcheck.md", "toml")
    assert configuration.startswith(f"# {CONFIGURATION}\n")
    box.add_user("cyrus")
    run(box, users.replace("useradd", "id authd || useradd"))  # the tests above may have made it
    authd = Authd(box, configuration)
    authd.start()
    yield authd
    assert authd.stop() == 0


def test_from_pwcheck_by_the_document(pwcheck: Authd) -> None:
    old, new = str(pwcheck.box.path(PWCHECK)), pwcheck.box.path(SOCKET)

    assert ask_pwcheck(old, "alice", "of shadow") == "OK"
    assert ask_pwcheck(old, "alice", "guess") == "NO"
    assert ask_pwcheck(old, "mallory", "guess") == "NO"
    assert ask(new, "alice", "of shadow") == OK
    assert pwcheck.box.run(["stat", "-c", "%U %a", Path(PWCHECK).parent]).stdout == "cyrus 700\n"


def test_only_whom_the_directory_lets_in_asks_there(pwcheck: Authd) -> None:
    command = [sys.executable, "-m", "tests.servers.old_client", PWCHECK, "alice", "of shadow"]

    assert pwcheck.box.run(command, user="cyrus").stdout == "OK"
    assert pwcheck.box.run(command, user="nobody", expect=1).stderr.endswith("Permission denied\n")
