"""What the log tells, and what no log, process list, status or core file ever holds."""

import json
import os
import re
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from authd.config.settings import LogFormat
from tests.daemon.running import AUTHD, NO, OK, Authd, connect, counted, everything, running, until

CANARY = b"canary-hunter2-password"
CONFIGURATION = """
[[listeners]]
path = "DIR/mux"

[backends.users]
type = "passwd-file"
path = "DIR/users"

[log]
level = "debug"
format = "FORMAT"
max_others_per_second = 0
max_per_source_per_minute = 0
"""
LOGWATCH = re.compile(  # logwatch 7.7, scripts/services/saslauthd
    r"^do_auth         : auth failure: "
    r"\[user=(.*)\] \[service=([^ ]*)\] \[realm=([^ ]*)\] \[mech=([^ ]*)\] \[reason=(.*)\]$"
)
HEAD = re.compile(r"(authd|saslauthd)\[(\d+)\]: ([^\x00-\x1f\x7f]*)")

hostile = st.one_of(
    st.sampled_from(
        [b"ev]il [service=x", b"a\nauthd[1]: event=auth outcome=accepted", b"\x1b[2J\r", b"\xff\xfe", b'"\\" user=x']
    ),
    st.binary(min_size=1, max_size=60).map(lambda value: value.replace(b"\0", b"\n")),
)


@pytest.fixture(scope="module", params=LogFormat)
def authd(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authd]:
    directory = tmp_path_factory.mktemp("logs")
    (directory / "users").write_text("alice:{PLAIN}" + CANARY.decode() + "\n")
    (directory / "users").chmod(0o600)
    with running(directory, CONFIGURATION.replace("FORMAT", request.param.value)) as authd:
        yield authd


def ask(path: Path, *fields: bytes) -> bytes:
    client = connect(path)
    client.sendall(counted(*fields))
    return everything(client)


def own_fields(line: str) -> dict[str, str]:
    """Read a line of our own, in either format."""
    if line.startswith("{"):
        return dict(json.loads(line))
    parts = re.findall(r'([a-z]+)=("(?:[^"\\]|\\.)*"|[^ "]*)(?: |$)', line)
    assert " ".join(f"{name}={value}" for name, value in parts) == line
    return {name: json.loads(value) if value.startswith('"') else value for name, value in parts}


def bracketed(value: bytes) -> str:
    """A value as it stands in saslauthd's line."""
    return "".join(
        char
        if re.fullmatch(r"[!-Z^-~]", char)
        else "".join(f"\\x{byte:02x}" for byte in char.encode("utf-8", "surrogateescape"))
        for char in value.decode("utf-8", "surrogateescape")
    )


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(hostile, hostile, hostile)
def test_one_decision_is_one_line_that_is_read_back_as_it_was_sent(
    authd: Authd, user: bytes, realm: bytes, service: bytes
) -> None:
    before = authd.log_file.stat().st_size

    assert ask(authd.socket, user, CANARY + b"!", service, realm) == NO

    until(lambda: authd.log_file.read_bytes()[before:].count(b"\n") >= 2, "two lines")
    added = authd.log_file.read_bytes()[before:].decode("ascii")
    compatible, own = added.removesuffix("\n").split("\n")
    for line, identity in (compatible, "saslauthd"), (own, "authd"):
        found = HEAD.fullmatch(line)
        assert found is not None
        assert found.group(1, 2) == (identity, str(authd.process.pid))
    fields = own_fields(own.partition(": ")[2])
    told = [fields[name].encode("utf-8", "surrogateescape") for name in ("user", "realm", "service", "login")]
    assert told == [user, realm, service, user]
    assert fields["outcome"] == "unknown_user"
    known = LOGWATCH.fullmatch(compatible.partition(": ")[2])
    assert known is not None
    sent = (bracketed(user), bracketed(service), bracketed(realm))
    assert known.groups() == (*sent, "passwd-file", "unknown_user")


def test_no_password_is_anywhere(authd: Authd, tmp_path: Path) -> None:
    control = authd.socket.with_name("control")
    assert ask(authd.socket, b"alice", CANARY, b"smtp", b"") == OK
    assert ask(authd.socket, b"alice", CANARY + b"-wrong", b"smtp", b"") == NO
    assert ask(authd.socket, b"alice", CANARY + b"\0", b"smtp", b"") == NO
    assert ask(authd.socket, CANARY + b"\0", CANARY, b"smtp", b"") == NO
    assert ask(authd.socket, b"x", CANARY * 400) == NO, "too long"
    v1 = connect(authd.socket)
    v1.sendall(b"alice\0" + CANARY + b"-wrong\0")
    everything(v1)
    half = connect(authd.socket)
    half.sendall(counted(b"alice", CANARY)[:-3])
    half.close()
    asked = subprocess.run([*AUTHD, "status", "--control", str(control)], capture_output=True, timeout=60, check=False)
    until(lambda: authd.log.count("protocol_error") >= 4, "the lines")

    process = Path(f"/proc/{authd.process.pid}")
    seen = b"".join((process / name).read_bytes() for name in ("cmdline", "environ", "comm", "status"))
    assert asked.returncode == 0, asked.stderr
    for text in (seen, asked.stdout, asked.stderr, authd.log_file.read_bytes()):
        assert CANARY not in text
        assert CANARY[:12] not in text


# ── a core ──

VICTIM = (sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()")
# Nobody may raise the limit again that authd has set, so here it does not set it.
WITHOUT_ITS_LIMIT = """
import resource
set_limit = resource.setrlimit
resource.setrlimit = lambda which, limits: set_limit(which, limits) if which != resource.RLIMIT_CORE else None
from authd.cli.main import run
run()
"""


def killed(pid: int, number: signal.Signals) -> int:
    """Kill a child and give what ended it (waitid(2)'s si_code), which tells of a core wherever that went."""
    os.kill(pid, number)
    ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert ended is not None
    assert ended.si_status == number
    return ended.si_code


@pytest.fixture
def cores_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let children leave cores of any size, in a directory of the test if they go to where a process is."""
    monkeypatch.chdir(tmp_path)
    limits = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (limits[1], limits[1]))
    with subprocess.Popen(VICTIM, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        how = killed(other.pid, signal.SIGSEGV)
    for path in tmp_path.glob("core*"):
        path.unlink()
    try:
        if how != os.CLD_DUMPED:
            pytest.skip("this system lets no process leave a core")
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, limits)


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT])
def test_a_crash_leaves_no_core_even_where_the_limit_allows_one(
    tmp_path: Path, cores_allowed: None, number: signal.Signals
) -> None:
    (tmp_path / "users").write_text("alice:{PLAIN}" + CANARY.decode() + "\n")
    command = (sys.executable, "-c", WITHOUT_ITS_LIMIT)
    with running(tmp_path, CONFIGURATION.replace("FORMAT", "logfmt"), command=command) as authd:
        assert ask(authd.socket, b"alice", CANARY, b"smtp", b"") == OK
        assert resource.prlimit(authd.process.pid, resource.RLIMIT_CORE)[0] != 0

        assert killed(authd.process.pid, number) == os.CLD_KILLED

        authd.process.wait(60)
    assert list(tmp_path.glob("core*")) == []


# ── a flood ──


def test_a_flood_is_bounded_by_user_and_counted_and_the_owner_is_told_of_each_time(tmp_path: Path) -> None:
    (tmp_path / "users").write_text("alice:{PLAIN}right\n")
    bounds = "[log]\nmax_others_per_second = 1000\nmax_per_source_per_minute = 3\n"
    with running(tmp_path, CONFIGURATION.partition("[log]")[0] + bounds) as authd:
        for number in range(100):
            assert ask(authd.socket, b"Alice" if number % 2 else b"alice", b"guess%d" % number, b"smtp", b"") == NO
            assert ask(authd.socket, b"alice", b"right", b"smtp", b"") == OK
        authd.stop()
        log = authd.log

    assert log.count("outcome=accepted") == 100
    told = len(re.findall(r"outcome=(?:wrong_password|unknown_user)", log))
    left_out = sum(map(int, re.findall(r"event=left_out reason=flood count=(\d+)", log)))
    assert told + left_out == 100
    assert told <= 6, "a minute may have passed"
