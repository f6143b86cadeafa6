"""The control socket of a running authd, and the commands that use it."""

import json
import socket
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from authd.control.server import MAX_CALLERS
from tests.daemon.running import AUTHD, ENOUGH, NO, OK, TEMPORARY, Authd, ask, connect, everything, running, until

CONFIGURATION = """
[[listeners]]
path = "DIR/mux"

[backends.users]
type = "passwd-file"
path = "DIR/users"

[[routes]]
name = "mail"
services = ["smtp", "imap"]
backends = ["users"]
login = "{user}@{realm}"

[throttle]
per_user = 2
failure_delay = "0s"
"""
SECRETS = ("right", "a-wrong-word", "another-word")


@pytest.fixture
def authd(tmp_path: Path) -> Iterator[Authd]:
    with serving(tmp_path) as authd:
        yield authd


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authd]:
    """One of whom nothing is told that it would remember."""
    with serving(tmp_path_factory.mktemp("shared")) as authd:
        yield authd


@contextmanager
def serving(directory: Path) -> Iterator[Authd]:
    from authd_backends import Secret, hashes

    hash_ = hashes.new_hash(Secret(b"right"))
    (directory / "users").write_text(f"alice:{hash_}\nbob:{hash_}\n")
    with running(directory, CONFIGURATION) as authd:
        yield authd
        assert not any(secret in authd.log for secret in SECRETS)


def run(*words: str | Path, password: str = "") -> "subprocess.CompletedProcess[str]":
    done = subprocess.run(
        [*AUTHD, *words], input=f"{password}\n", capture_output=True, text=True, check=False, timeout=ENOUGH
    )
    assert not any(secret in done.stdout + done.stderr for secret in SECRETS)
    return done


def answered(*words: str | Path, password: str = "") -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(run(*words, "--json", password=password).stdout)
    return answer


@pytest.fixture
def control(authd: Authd, tmp_path: Path) -> tuple[str, Path]:
    return "--control", tmp_path / "control"


def say(path: Path, line: bytes) -> dict[str, Any]:
    client = connect(path)
    client.sendall(line)
    client.shutdown(socket.SHUT_WR)
    answer: dict[str, Any] = json.loads(everything(client))
    return answer


def test_status_tells_what_was_done(authd: Authd, control: tuple[str, Path]) -> None:
    ask(authd.socket, "alice", "right")
    ask(authd.socket, "alice", "right")
    ask(authd.socket, "alice", "a-wrong-word")
    ask(authd.socket, "alice", "right", service="ldap")

    state = answered("status", *control)

    assert state["pid"] == authd.process.pid
    assert state["listeners"] == [str(authd.socket)]
    assert state["requests"] == {"saslauthd": {"accepted": 2, "no_route": 1, "wrong_password": 1}}
    assert state["routes"] == [{"name": "mail", "backends": ["users"]}]
    assert (state["cache"]["entries"], state["cache"]["lookups"]["hit"], state["cache"]["lookups"]["miss"]) == (2, 1, 2)
    assert state["connections"]["accepted"] == 4
    assert state["most_refused"] == {"alice": 1}
    assert state["helper"] is None
    (backend,) = state["backends"]
    assert (backend["name"], backend["type"], backend["placement"]) == ("users", "passwd-file", "thread")
    assert (backend["answers"]["accepted"], backend["answers"]["wrong_password"]) == (1, 1)
    assert (backend["running"], backend["queued"], backend["places"]) == (0, 0, 256)
    assert 0 < backend["last_duration"] < ENOUGH


def test_status_is_for_people_too(authd: Authd, tmp_path: Path) -> None:
    ask(authd.socket, "alice", "right")

    done = run("status", "--config", tmp_path / "authd.toml")

    assert done.returncode == 0
    assert f", pid {authd.process.pid}, up 0:" in done.stdout
    assert "\nrequests, saslauthd: accepted 1\n" in done.stdout
    assert "\nroute mail: users\n" in done.stdout
    assert "; accepted 1\ncache: entries 1, evictions 0; hit 0, negative_hit 0, miss 1, stale_used 0\n" in done.stdout


def test_flush_forgets_one_user_in_any_spelling_or_all(authd: Authd, control: tuple[str, Path]) -> None:
    for user in ("alice", "bob"):
        assert ask(authd.socket, user, "right") == OK

    assert run("flush", "ALICE", *control).stdout == "forgot 1\n"
    assert run("flush", "alice", *control).stdout == "forgot 0\n"
    assert ask(authd.socket, "bob", "right") == OK
    assert answered("status", *control)["cache"]["lookups"]["hit"] == 1
    assert run("flush", *control).stdout == "forgot 1\n"
    assert answered("status", *control)["cache"]["entries"] == 0


def test_the_throttle_is_listed_and_cleared(authd: Authd, control: tuple[str, Path]) -> None:
    for password in ("a-wrong-word", "another-word"):
        assert ask(authd.socket, "Alice", password) == NO
    assert ask(authd.socket, "alice", "a-third-word") == TEMPORARY

    assert run("throttle", "list", *control).stdout == "user\talice\t2\n"
    assert answered("throttle", "list", *control) == {
        "blocked_users": 1,
        "blocked_addresses": 0,
        "users": {"alice": 2},
        "addresses": {},
    }
    throttle = answered("status", *control)["throttle"]
    assert (throttle["blocked_users"], throttle["requests"]) == (1, {"address": 0, "user": 1})

    assert run("throttle", "clear", "ALICE", *control).stdout == "cleared 1\n"
    assert run("throttle", "list", *control).stdout == ""
    assert ask(authd.socket, "alice", "right") == OK
    assert run("throttle", "clear", *control).stdout == "cleared 0\n"


def test_addresses_are_throttled_and_cleared_likewise(authd: Authd, control: tuple[str, Path]) -> None:
    for number in range(30):
        run_explain(authd, f"user{number}", "a-wrong-word", "2001:db8::1")

    assert run("throttle", "list", *control).stdout == "address\t2001:db8::/64\t30\n"
    assert run("throttle", "clear", "2001:db8::7", *control).stdout == "cleared 1\n"
    assert run("throttle", "list", *control).stdout == ""


def run_explain(authd: Authd, user: str, password: str, client: str) -> dict[str, Any]:
    message = {"command": "explain", "user": user, "service": "smtp", "client": client, "password": password}
    return say(authd.socket.parent / "control", json.dumps(message).encode() + b"\n")


def test_explain_shows_the_way_of_a_login(control: tuple[str, Path]) -> None:
    words = ("explain", "--service", "smtp", "--realm", "example.org", "alice", *control)

    done = run(*words)
    answer = answered(*words)

    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "route mail",
        "    services = smtp, imap",
        "    login = {user}@{realm}",
        "    cache = true",
        "    on_wrong_password = stop",
        "    on_unavailable = continue",
        "login alice@example.org",
        "backend 1: users (passwd-file, thread, within 5.0 s)",
        "throttle: 0 different wrong passwords of this user",
    ]
    assert answer["login"] == "alice@example.org"
    assert "decision" not in answer


def test_explain_says_where_no_route_takes_it(control: tuple[str, Path]) -> None:
    done = run("explain", "--service", "ldap", "alice", *control)

    assert (done.returncode, done.stdout) == (1, "no route takes this service, realm and listener\n")


def test_explain_tries_a_password_and_counts_it(authd: Authd, control: tuple[str, Path], tmp_path: Path) -> None:
    words = ("explain", "--service", "smtp", "--password", "--client", "192.0.2.1", "alice", *control)

    done = run(*words, password="right")
    assert done.returncode == 0
    asked, decision = done.stdout.splitlines()[-2:]
    assert asked.startswith("asked users: accepted in ")
    assert decision.startswith("ok: accepted in ")
    assert decision.endswith(", cache miss")
    assert answered(*words, password="right")["decision"]["cache"] == "hit"

    assert run(*words, password="a-wrong-word").returncode == 1
    assert "1 different wrong passwords of this user" in run(*words, password="right").stdout
    (tmp_path / "users").unlink()
    assert run("explain", "--service", "smtp", "--password", "bob", *control, password="right").returncode == 75

    authd.wait_for_line("outcome=unavailable user=bob")
    assert "event=auth outcome=accepted user=alice realm= service=smtp login=alice rip=192.0.2.1 " in authd.log
    assert answered("status", *control)["requests"] == {
        "control": {"accepted": 3, "unavailable": 1, "wrong_password": 1}
    }


def test_explain_passes_the_throttle_and_says_so(authd: Authd, control: tuple[str, Path]) -> None:
    for password in ("a-wrong-word", "another-word"):
        ask(authd.socket, "alice", password)

    done = run("explain", "--service", "smtp", "--password", "alice", *control, password="right")

    assert done.returncode == 0
    assert "2 different wrong passwords of this user; the user is blocked for guessers" in done.stdout


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["explain", ""], "authd: explain: user: expected a name, got nothing"),
        (["explain", "alice", "--client", "here"], "authd: explain: client: expected an IP address"),
        (["explain", "alice", "--listener", "/x"], "authd: explain: listener: expected one of "),
        (["flush", "--config", "/absent"], "/absent: expected a file to read, got: No such file or directory"),
        (["throttle"], "usage: authd throttle"),
    ],
)
def test_wrong_use_is_told(shared: Authd, words: list[str], complaint: str) -> None:
    control = ("--control", shared.socket.with_name("control"))
    done = run(*words, *(() if "--config" in words else control if len(words) > 1 else ()))

    assert done.returncode == 2
    assert done.stderr.startswith(complaint)


@pytest.mark.parametrize(
    "words", [["status"], ["flush"], ["throttle", "list"], ["throttle", "clear"], ["explain", "a"]]
)
def test_an_absent_daemon_is_a_temporary_failure(tmp_path: Path, words: list[str]) -> None:
    done = run(*words, "--control", tmp_path / "control")

    assert done.returncode == 75
    assert done.stderr == f"authd: {tmp_path}/control: expected authd to listen there, got nobody\n"


@pytest.mark.parametrize("line", [b"", b"\n", b"status\n", b'{"command": "status"}', b'{"command":"x"}\n', b"\0" * 999])
def test_garbage_and_half_a_message_are_answered_with_an_error(shared: Authd, line: bytes) -> None:
    answer = say(shared.socket.with_name("control"), line)

    assert answer["failure"] == "malformed"
    assert ask(shared.socket, "alice", "right") == OK


def test_a_message_without_an_end_is_refused_at_64_kib(authd: Authd, tmp_path: Path) -> None:
    client = connect(tmp_path / "control")
    client.sendall(b"x" * (64 * 1024 + 1))

    assert json.loads(everything_before_reset(client))["error"] == "expected at most 65536 bytes, got more"


def everything_before_reset(client: socket.socket) -> bytes:
    """What it was told: behind it may come a reset, since not all that was sent has been read."""
    with client:
        return client.recv(4096)


def test_more_callers_than_places_are_told_so_and_logins_go_on(
    authd: Authd, control: tuple[str, Path], tmp_path: Path
) -> None:
    hanging = [connect(tmp_path / "control") for _ in range(MAX_CALLERS)]

    busy = run("status", *control)
    assert ask(authd.socket, "alice", "right") == OK
    for caller in hanging:
        caller.close()

    assert busy.returncode == 75
    assert busy.stderr == f"authd: expected at most {MAX_CALLERS} callers at once\n"
    until(lambda: run("status", *control).returncode == 0, "a place for a caller")


def test_a_caller_who_hangs_does_not_keep_it_from_stopping(authd: Authd, tmp_path: Path) -> None:
    hanging = connect(tmp_path / "control")
    hanging.sendall(b'{"command": ')
    ask(authd.socket, "alice", "right")

    assert authd.stop() == 0

    assert everything(hanging) == b""
    assert not (tmp_path / "control").exists()
    assert "error" not in authd.log


def test_only_its_owner_may_connect_and_nobody_else_is_heard(authd: Authd, tmp_path: Path) -> None:
    """The second is asked of the kernel, should the socket's mode have been opened."""
    path = tmp_path / "control"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o666)
    tmp_path.chmod(0o755)
    stranger = (
        "import os, socket, sys; os.chdir(sys.argv[1]); os.setgroups([]); os.setgid(65534); os.setuid(65534);"
        "c = socket.socket(socket.AF_UNIX); c.connect('control'); print(c.recv(9999).decode())"
    )

    said = subprocess.run([AUTHD[0], "-c", stranger, tmp_path], capture_output=True, text=True, check=True).stdout

    assert json.loads(said) == {
        "error": "expected root, the user of authd or a member of authd-admin, got uid 65534",
        "failure": "refused",
    }
    authd.wait_for_line("control: refused uid 65534")


def test_a_path_that_was_set_has_to_be_had(tmp_path: Path) -> None:
    (tmp_path / "authd.toml").write_text(
        f'[control]\npath = "{tmp_path}/absent/control"\n[backends.users]\ntype = "passwd-file"\npath = "/x"\n'
        f'[[listeners]]\npath = "{tmp_path}/mux"\n'
    )

    done = run("serve", "--config", tmp_path / "authd.toml")

    assert done.returncode == 2
    assert f"authd: {tmp_path}/absent/control: expected its directory, got none" in done.stderr
    assert not (tmp_path / "mux").exists()
