"""Another configuration for a running authd: all of it or none of it, and nobody notices."""

import fcntl
import json
import os
import signal
import sqlite3
import stat
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from authd_backends import Secret, hashes
from tests.daemon import moody
from tests.daemon.running import (
    AUTHD,
    CONTROL,
    ENOUGH,
    NO,
    OK,
    TEMPORARY,
    WITHOUT_DELAY,
    Authd,
    ask,
    connect,
    counted,
    everything,
    running,
    until,
)

LISTENER = '[[listeners]]\npath = "DIR/mux"\nmode = "0600"\n'
ANOTHER_LISTENER = '[[listeners]]\npath = "DIR/another"\nmode = "0640"\n'
USERS = '[backends.users]\ntype = "passwd-file"\npath = "DIR/users"\n'
OTHERS = '[backends.users]\ntype = "passwd-file"\npath = "DIR/others"\n'
RELOADS = 200
WAITING = 100  # lines: more than the pipe takes


@pytest.fixture
def authd(tmp_path: Path) -> Iterator[Authd]:
    hash_ = hashes.new_hash(Secret(b"right"))
    (tmp_path / "users").write_text(f"alice:{hash_}\n")
    (tmp_path / "others").write_text(f"bob:{hash_}\n")
    with running(tmp_path, LISTENER + USERS) as running_:
        yield running_


def configure(authd: Authd, configuration: str) -> None:
    directory = authd.socket.parent
    (directory / "authd.toml").write_text((configuration + WITHOUT_DELAY + CONTROL).replace("DIR", str(directory)))


def reload(authd: Authd, control: str = "control") -> "subprocess.CompletedProcess[str]":
    command = [*AUTHD, "reload", "--control", str(authd.socket.with_name(control))]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=ENOUGH)


def status(authd: Authd, control: str = "control") -> dict[str, Any]:
    command = [*AUTHD, "status", "--json", "--control", str(authd.socket.with_name(control))]
    found: dict[str, Any] = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=ENOUGH).stdout)
    return found


def test_what_the_file_says_now_is_in_force_and_what_is_remembered_still_holds(authd: Authd) -> None:
    assert ask(authd.socket, "alice", "right") == OK
    configure(authd, LISTENER + USERS + '[[routes]]\nservices = ["smtp"]\nbackends = ["users"]\nname = "submission"\n')

    done = reload(authd)

    assert (done.returncode, done.stdout, done.stderr) == (0, "reloaded\n", "")
    assert ask(authd.socket, "alice", "right") == OK
    assert ask(authd.socket, "alice", "right", service="imap") == NO
    found = status(authd)
    assert [route["name"] for route in found["routes"]] == ["submission"]
    assert found["cache"]["lookups"]["hit"] == 1
    assert found["requests"]["saslauthd"] == {"accepted": 2, "no_route": 1}


def test_who_waits_for_an_answer_gets_it_from_those_he_asked(authd: Authd) -> None:
    half = counted(b"alice", b"right")
    with connect(authd.socket) as client:
        client.sendall(half)
        configure(authd, LISTENER + OTHERS)
        assert reload(authd).returncode == 0
        client.sendall(counted(b"smtp", b""))

        assert everything(client) == NO, "its request was whole only afterwards: it is asked of the new ones"
    assert ask(authd.socket, "bob", "right") == OK


@pytest.mark.parametrize("at_signal", [False, True], ids=["authd reload", "SIGHUP"])
def test_a_file_that_cannot_be_used_changes_nothing_and_is_told(authd: Authd, *, at_signal: bool) -> None:
    file = authd.socket.with_name("authd.toml")
    configure(authd, LISTENER.replace("mux", "moved") + USERS + '[cache]\nttl = "soon"\ncolour = "blue"\n')

    if at_signal:
        authd.process.send_signal(signal.SIGHUP)
        authd.wait_for_line("goes on as before")
    else:
        done = reload(authd)
        assert (done.returncode, done.stdout) == (2, "")
        assert f"{file}:8: cache.ttl: expected" in done.stderr
        assert f"{file}:9: cache.colour: " in done.stderr

    authd.wait_for_line("cache.ttl: expected")
    assert ask(authd.socket, "alice", "right") == OK
    assert not authd.socket.with_name("moved").exists()


def test_a_listener_that_cannot_be_had_undoes_all(authd: Authd) -> None:
    configure(authd, ANOTHER_LISTENER + LISTENER.replace("DIR/mux", "DIR/nowhere/mux") + OTHERS)

    done = reload(authd)

    assert done.returncode == 2
    assert "nowhere/mux: expected" in done.stderr
    assert not authd.socket.with_name("another").exists()
    assert ask(authd.socket, "alice", "right") == OK


def test_a_file_that_never_ends_is_not_waited_for(authd: Authd) -> None:
    file = authd.socket.with_name("authd.toml")
    file.unlink()
    os.mkfifo(file)

    done = reload(authd)

    assert (done.returncode, done.stderr) == (2, f"authd: {file}: expected a regular file, got something else\n")
    assert ask(authd.socket, "alice", "right") == OK


def test_a_backend_that_cannot_work_as_configured_undoes_all(authd: Authd) -> None:
    query = "select password from nowhere where name = :login"
    backend = f'[backends.users]\ntype = "sqlite"\npath = "DIR/db"\nquery = "{query}"\n'
    with closing(sqlite3.connect(authd.socket.with_name("db"))) as database:
        database.execute("create table users (name, password)")
    configure(authd, ANOTHER_LISTENER + backend)

    done = reload(authd)

    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert "authd.toml:7: backends.users.query: " in done.stderr
    assert "nowhere" in done.stderr
    assert not authd.socket.with_name("another").exists()
    assert ask(authd.socket, "alice", "right") == OK


@pytest.mark.parametrize("setting", ['[server]\nuser = "another"\n', '[helper]\npath = "/run/another.sock"\n'])
def test_what_the_start_has_settled_is_not_changed_in_passing(authd: Authd, setting: str) -> None:
    configure(authd, LISTENER + OTHERS + setting)

    done = reload(authd)

    assert done.returncode == 2
    assert "until authd is started anew" in done.stderr
    assert ask(authd.socket, "alice", "right") == OK


def test_listeners_come_and_go_and_change(authd: Authd) -> None:
    another = authd.socket.with_name("another")
    configure(authd, LISTENER.replace("0600", "0666") + ANOTHER_LISTENER + USERS)
    assert reload(authd).returncode == 0
    modes = [stat.S_IMODE(each.stat().st_mode) for each in (authd.socket, another)]
    answers = [ask(each, "alice", "right") for each in (authd.socket, another)]
    configure(authd, ANOTHER_LISTENER + USERS)

    assert reload(authd).returncode == 0

    assert (modes, answers) == ([0o666, 0o640], [OK, OK])
    assert not authd.socket.exists()
    assert ask(another, "alice", "right") == OK


def test_the_control_socket_moves_and_metrics_begin_and_end(authd: Authd) -> None:
    metrics = '[metrics]\nlisten = "DIR/metrics"\n'
    directory = authd.socket.parent
    text = (LISTENER + USERS + metrics + WITHOUT_DELAY + CONTROL.replace("control", "moved", 2)).replace(
        "[moved]", "[control]"
    )
    (directory / "authd.toml").write_text(text.replace("DIR", str(directory)))
    assert reload(authd).returncode == 0
    with connect(directory / "metrics") as client:
        client.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        shown = everything(client).decode()
    configure(authd, LISTENER + USERS)

    assert reload(authd, "moved").returncode == 0

    assert "authd_config_last_reload_success 1.0" in shown
    assert not (directory / "metrics").exists()
    assert not (directory / "moved").exists()
    assert status(authd)["listeners"] == [str(authd.socket)]


def test_two_hundred_reloads_under_load_lose_nothing_and_leave_nothing(authd: Authd) -> None:
    """Every other time the backend is another one, with the same users."""
    copy = authd.socket.with_name("others")
    copy.write_bytes(authd.socket.with_name("users").read_bytes())
    assert ask(authd.socket, "alice", "right") == OK
    assert reload(authd).returncode == 0
    before = descriptors(authd)
    done = threading.Event()
    answered = threading.Semaphore(0)

    def keep_asking(number: int) -> None:
        count = 0
        while not done.is_set():
            password, expected = (("right", OK), (f"wrong {number} {count}", NO))[count % 2]
            assert ask(authd.socket, "alice", password) == expected
            answered.release()
            count += 1

    with ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(keep_asking, number) for number in range(4)]
        try:
            for number in range(RELOADS):
                configure(
                    authd, LISTENER + (ANOTHER_LISTENER if number % 3 else "") + (USERS if number % 2 else OTHERS)
                )
                assert json.loads(say(authd, b'{"command": "reload"}\n')) == {"warnings": []}
                assert answered.acquire(timeout=ENOUGH), "no login for each reload"
        finally:
            done.set()
        for each in asking:
            each.result()

    assert status(authd)["requests"]["saslauthd"].get("unavailable", 0) == 0
    until(lambda: descriptors(authd) <= before + 3, "the last sockets and files of former configurations to be closed")
    until(lambda: threads(authd) <= 16, "the last threads of former backends to end")


def test_a_stop_in_the_midst_of_a_reload_leaves_no_socket_behind(authd: Authd) -> None:
    """The third listener has to wait for its lock until the stop has begun."""
    directory = authd.socket.parent
    held = ANOTHER_LISTENER.replace("another", "held")
    configure(authd, LISTENER + ANOTHER_LISTENER + held + USERS)
    with connect(authd.socket) as half, (directory / "held.lock").open("w") as lock:
        half.sendall(counted(b"alice"))
        fcntl.flock(lock, fcntl.LOCK_EX)
        authd.process.send_signal(signal.SIGHUP)
        until((directory / "another").exists, "the second listener")

        authd.process.terminate()
        until(lambda: not authd.socket.exists(), "the stop to begin")
        lock.close()

        assert everything(half) == TEMPORARY
    assert authd.process.wait(ENOUGH) == 0
    assert [each for each in directory.iterdir() if each.is_socket()] == []


def test_a_reload_that_hangs_keeps_nobody_from_logging_in_and_nothing_from_ending(tmp_path: Path) -> None:
    mood = tmp_path / "mood"
    mood.write_text("well")
    stopping = '[server]\nshutdown_deadline = "1s"\n'
    moody_users = '[backends.moody]\ntype = "moody-thread"\nmood = "DIR/mood"\n'
    with running(tmp_path, stopping + LISTENER + moody_users, environment=moody.install(tmp_path / "site")) as authd:
        moody.set_mood(mood, "hang at start")
        configure(authd, stopping + LISTENER + moody_users.replace("moody]", "another]"))
        before = threads(authd)
        authd.process.send_signal(signal.SIGHUP)
        until(lambda: threads(authd) > before, "the reload to begin")

        assert ask(authd.socket, "alice", "right") == OK
        assert authd.stop() == 0


def test_a_drained_daemon_answers_who_waits_and_ends(authd: Authd) -> None:
    with connect(authd.socket) as client:
        client.sendall(counted(b"alice", b"right", b"smtp", b""))
        done = subprocess.run(
            [*AUTHD, "drain", "--control", str(authd.socket.with_name("control"))],
            capture_output=True,
            text=True,
            check=False,
        )

        assert done.returncode == 0
        assert "ending after" in done.stdout
        assert everything(client) == OK
    assert authd.process.wait(ENOUGH) == 0
    assert not authd.socket.exists()


@pytest.mark.parametrize("target", ["stderr", "journal"])
def test_no_line_that_waits_for_a_slow_reader_is_lost_to_a_reload(tmp_path: Path, target: str) -> None:
    (tmp_path / "users").write_text("alice:{PLAIN}right\n")
    (tmp_path / "users").chmod(0o600)
    os.mkfifo(tmp_path / "slow")
    reader = os.open(tmp_path / "slow", os.O_RDONLY | os.O_NONBLOCK)
    fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, 4096)
    slowly_read = ("sh", "-c", 'exec "$@" 2>"$0"', str(tmp_path / "slow"), *AUTHD)
    with (
        os.fdopen(reader, "rb") as lines,
        running(tmp_path, LISTENER + USERS, command=slowly_read, is_silent=True) as authd,
    ):
        for _ in range(WAITING):
            assert ask(authd.socket, "alice", "right") == OK
        configure(authd, LISTENER + USERS + f'[log]\ntarget = "{target}"\n')
        assert reload(authd).returncode == 0

        received: list[bytes] = []

        def are_all_read() -> bool:
            received.append(lines.read() or b"")
            return b"".join(received).count(b"outcome=accepted") == WAITING

        until(are_all_read, "all that was said")


def say(authd: Authd, line: bytes) -> bytes:
    client = connect(authd.socket.with_name("control"))
    client.sendall(line)
    return everything(client)


def descriptors(authd: Authd) -> int:
    return len(list(Path(f"/proc/{authd.process.pid}/fd").iterdir()))


def threads(authd: Authd) -> int:
    return len(list(Path(f"/proc/{authd.process.pid}/task").iterdir()))
