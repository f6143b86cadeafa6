"""`target = "syslog"`: Debian's rsyslog takes the lines, stops, starts again and is not there at all."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from signal import SIGCONT, SIGSTOP

import pytest

from tests.servers.authd import SOCKET, Authd
from tests.servers.box import Box
from tests.servers.client import NO, OK, ask
from tests.servers.process import wait_until
from tests.servers.rsyslog import Line, Rsyslog

PACKAGES = ("rsyslog",)
USERS = "/etc/authd/users"
CONFIGURATION = f"""
[[listeners]]
path = "{SOCKET}"

[backends.users]
type = "passwd-file"
path = "{USERS}"

[backends.system]
type = "shadow"

[[routes]]
services = ["smtp"]
backends = ["users"]

[[routes]]
backends = ["system"]

[log]
target = "syslog"
max_others_per_second = 50
max_per_source_per_minute = 0
"""
RAW = """
module(load="imuxsock")
template(name="raw" type="string" string="%rawmsg%\\n")
action(type="omfile" file="/run/raw" template="raw")
"""
HOSTILE = "ev]il [service=x\nauthd[1]: event=auth outcome=accepted\x1b[2J\r\udcff "
LOGWATCH = re.compile(
    r"^do_auth         : auth failure: "
    r"\[user=(.*)\] \[service=([^ ]*)\] \[realm=([^ ]*)\] \[mech=([^ ]*)\] \[reason=(.*)\]$"
)


@pytest.fixture
def rsyslog(box: Box) -> Iterator[Rsyslog]:
    rsyslog = Rsyslog(box)
    rsyslog.start()
    yield rsyslog
    rsyslog.stop()


@pytest.fixture
def authd(box: Box) -> Iterator[Authd]:
    authd = Authd(box, CONFIGURATION)
    box.write(USERS, "alice:{PLAIN}right\n", mode=0o640, group="authd")
    yield authd
    authd.stop()


@pytest.fixture(scope="module")
def path(box: Box) -> Path:
    return box.path(SOCKET)


def start(authd: Authd, rsyslog: Rsyslog) -> None:
    authd.start(lambda: "\n".join(line.text for line in rsyslog.lines("authd")))


def decisions(rsyslog: Rsyslog) -> list[Line]:
    return [line for line in rsyslog.lines("authd") if "event=auth " in line.text]


def told(rsyslog: Rsyslog) -> Counter[str]:
    """Count by outcome: the lines, and what they say was left out."""
    counts: Counter[str] = Counter()
    for line in rsyslog.lines("authd"):
        counts.update(re.findall(r"^ ?event=auth outcome=(\w+)", line.text))
        if line.text.lstrip().startswith("event=left_out "):
            counts.update({name: int(count) for name, count in re.findall(r" (\w+)=(\d+)(?= |$)", line.text)})
    del counts["count"]
    return counts


def test_facility_severity_identity_and_process_are_right(box: Box, path: Path, rsyslog: Rsyslog, authd: Authd) -> None:
    start(authd, rsyslog)

    assert ask(path, "alice", "right") == OK
    assert ask(path, "alice", "wrong") == NO
    box.run(["mv", USERS, f"{USERS}.away"])
    ask(path, "alice", "right2")
    wait_until(lambda: len(decisions(rsyslog)) == 3, "three lines")

    priorities = [line.priority for line in decisions(rsyslog)]
    assert priorities == ["auth.info", "auth.info", "auth.warning"]
    (compatible,) = rsyslog.lines("saslauthd")
    assert compatible.priority == "auth.info"
    assert LOGWATCH.fullmatch(compatible.text.strip())
    (helps,) = [line for line in rsyslog.lines("authd") if "the helper serves" in line.text]
    assert len({helps.pid, compatible.pid, *(line.pid for line in decisions(rsyslog))}) == 2, "helper and front"


def test_a_line_is_as_glibc_writes_it(box: Box, rsyslog: Rsyslog, authd: Authd) -> None:
    rsyslog.stop()
    box.write("/etc/rsyslog.conf", RAW)
    rsyslog.start()
    program = "import syslog as s; s.openlog('authd', s.LOG_PID, s.LOG_AUTH); s.syslog(s.LOG_INFO, 'info: of glibc')"
    box.run(["python3", "-c", program])
    authd.start(lambda: box.read("/run/raw"))

    heads = {
        re.sub(r"\d+", "N", head)
        for head, _, text in (line.partition("info: ") for line in box.read("/run/raw").splitlines())
        if text.startswith(("of glibc", "listening"))
    }
    assert len(heads) == 1


def test_what_a_client_sends_begins_no_line_and_no_field(path: Path, rsyslog: Rsyslog, authd: Authd) -> None:
    start(authd, rsyslog)

    assert ask(path, HOSTILE, "guess") == NO
    assert ask(path, HOSTILE * 80, "guess") == NO
    wait_until(lambda: len(decisions(rsyslog)) == 2, "two lines")

    for line in rsyslog.lines("saslauthd"):
        found = LOGWATCH.fullmatch(line.text.strip())
        assert found is not None
        assert found.group(2, 5) == ("smtp", "unknown_user")
    assert told(rsyslog) == {"unknown_user": 2}
    assert all(re.search(r" rip=- .* tag=[0-9a-f]{4}( repeat=yes)?$", line.text) for line in decisions(rsyslog))


def test_lines_of_the_time_in_which_it_starts_again_arrive(path: Path, rsyslog: Rsyslog, authd: Authd) -> None:
    start(authd, rsyslog)
    assert ask(path, "alice", "right") == OK
    wait_until(lambda: len(decisions(rsyslog)) == 1, "a line")

    rsyslog.stop()
    assert ask(path, "alice", "right") == OK
    rsyslog.start()

    wait_until(lambda: len(decisions(rsyslog)) == 2, "the line of the time between")
    assert "standard error" not in authd.process.output


def test_while_it_is_stuck_every_login_is_answered_and_counted(path: Path, rsyslog: Rsyslog, authd: Authd) -> None:
    start(authd, rsyslog)
    rsyslog.process.send(SIGSTOP)
    try:
        for number in range(300):
            assert ask(path, f"guess{number}", "guess") == NO
            assert ask(path, "alice", "right") == OK
    finally:
        rsyslog.process.send(SIGCONT)
    authd.stop()

    wait_until(lambda: told(rsyslog) == {"unknown_user": 300, "accepted": 300}, "every decision told or counted")
    assert len([line for line in decisions(rsyslog) if "outcome=accepted" in line.text]) == 300


def test_without_it_lines_go_to_standard_error_and_it_hears_of_that_when_it_comes(
    path: Path, rsyslog: Rsyslog, authd: Authd
) -> None:
    rsyslog.stop()
    authd.start()
    assert ask(path, "alice", "right") == OK
    authd.process.wait_for_output("outcome=accepted")

    rsyslog.start()
    wait_until(lambda: ask(path, "alice", "right") == OK and bool(decisions(rsyslog)), "a line")

    (note,) = [line for line in rsyslog.lines("authd") if "lines went to standard error" in line.text]
    assert note.priority == "auth.warning"
    _, *astray = [line for line in authd.process.output.splitlines() if line.startswith(f"authd[{note.pid}]: ")]
    assert f"warning: {len(astray)} lines went to standard error" in note.text
