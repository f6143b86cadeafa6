"""What a service manager's sockets are to authd, and what it is told: the unit of systemd/ under a stand-in for it."""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from authd_backends.hashes.libcrypt import hashed
from tests.daemon.running import (
    AUTHD,
    CONTROL,
    NO,
    OK,
    WITHOUT_DELAY,
    ask,
    connect,
    counted,
    everything,
    unprivileged,
    until,
)
from tests.servers.manager import Manager

UNIT = Path(__file__).resolve().parents[2] / "systemd/authd.socket"
BACKEND = '[backends.users]\ntype = "passwd-file"\npath = "DIR/users"\n'
FIRST, SECOND = (f"DIR/{path}" for path in ("run/saslauthd/mux", "var/spool/postfix/var/run/saslauthd/mux"))
ONE, OTHER = (f'[[listeners]]\npath = "{path}"\nmode = "0600"\n' for path in (FIRST, SECOND))
BOTH = ONE + OTHER
EMPTY = counted(b"", b"", b"", b"")
HASH = hashed(b"secret", "$6$rounds=1000$saltsalt")


def write(directory: Path, listeners: str) -> Path:
    file = directory / "authd.toml"
    file.write_text(f"{listeners}{BACKEND}{WITHOUT_DELAY}{CONTROL}".replace("DIR", str(directory)))
    file.chmod(0o600)
    return file


@contextmanager
def managed(directory: Path, listeners: str = BOTH, *, watchdog: float = 0) -> Iterator[Manager]:
    (directory / "users").write_text(f"alice:{HASH}\n")
    command = unprivileged([*AUTHD, "serve", "--config", str(write(directory, listeners))])
    with Manager(directory, UNIT, command, watchdog=watchdog) as manager:
        yield manager


def reload(directory: Path, expect: int = 0) -> str:
    command = [*AUTHD, "reload", "--control", str(directory / "control")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == expect, done.stderr
    return done.stdout + done.stderr


def is_stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def test_restarts_under_load_lose_and_refuse_no_login(tmp_path: Path) -> None:
    answers: list[bytes] = []
    done = threading.Event()

    def load(path: Path) -> None:
        while not done.is_set():
            answers.append(ask(path, "alice", "secret"))

    with managed(tmp_path) as manager:
        manager.start()
        clients = [threading.Thread(target=load, args=[path]) for path in manager.paths * 2]
        for client in clients:
            client.start()
        try:
            for _ in range(4):
                seen = len(answers)
                manager.restart()
                until(lambda: len(answers) >= seen + 20, "clients of the next one")  # noqa: B023
        finally:
            done.set()
            if manager.process.poll() is not None:
                manager.start()
            for client in clients:
                client.join(60)

    assert set(answers) == {OK}
    assert not any(client.is_alive() for client in clients)


def test_a_client_that_comes_while_nobody_runs_is_answered_by_the_next(tmp_path: Path) -> None:
    with managed(tmp_path) as manager:
        client = connect(manager.paths[1])
        client.sendall(counted(b"alice", b"secret", b"smtp", b""))

        manager.start()

        assert everything(client) == OK


def test_mode_and_file_of_a_socket_stay_the_manager_s(tmp_path: Path) -> None:
    with managed(tmp_path) as manager:
        before = [path.stat() for path in manager.paths]
        manager.start()
        served = [path.stat() for path in manager.paths]
        assert manager.stop() == 0

        for found in (served, [path.stat() for path in manager.paths]):
            assert [(each.st_ino, each.st_mode) for each in found] == [(each.st_ino, each.st_mode) for each in before]


def test_sockets_are_matched_by_the_resolved_path(tmp_path: Path) -> None:
    (tmp_path / "other").symlink_to(tmp_path / "run")
    listeners = BOTH.replace("DIR/run", "DIR/other")
    with managed(tmp_path, listeners) as manager:
        manager.start()

        manager.wait_for_line(f"listening on {tmp_path}/other/saslauthd/mux")
        assert "expected one for" not in manager.log
        assert ask(manager.paths[0], "alice", "secret") == OK


def test_a_socket_that_no_listener_names_speaks_saslauthd_with_a_warning(tmp_path: Path) -> None:
    with managed(
        tmp_path, BOTH.partition("[[listeners]]\n")[2].partition("[[")[0].join(["[[listeners]]\n", ""])
    ) as manager:
        manager.start()

        expected = f"listeners: expected one for {manager.paths[1]}, where the service manager listens, got none"
        manager.wait_for_line(expected)
        assert [ask(path, "alice", "secret") for path in manager.paths] == [OK, OK]


def test_without_listeners_in_the_file_the_manager_s_sockets_are_all_there_is(tmp_path: Path) -> None:
    with managed(tmp_path, "") as manager:
        manager.start()

        manager.wait_for_line("listening on", 2)
        assert "expected one for" not in manager.log
        assert [ask(path, "alice", "guess") for path in manager.paths] == [NO, NO]


def test_a_reload_keeps_the_given_sockets_and_opens_what_the_file_adds(tmp_path: Path) -> None:
    with managed(tmp_path) as manager:
        manager.start()
        write(tmp_path, '[[listeners]]\npath = "DIR/mux"\n')

        told = reload(tmp_path)

        assert told.count("expected one for") == 2
        assert [ask(path, "alice", "secret") for path in (*manager.paths, tmp_path / "mux")] == [OK, OK, OK]
        write(tmp_path, BOTH)
        reload(tmp_path)
        assert [ask(path, "alice", "secret") for path in manager.paths] == [OK, OK]
        assert not (tmp_path / "mux").exists()
        manager.restart()
        assert [ask(path, "alice", "secret") for path in manager.paths] == [OK, OK]


def test_a_reload_may_spell_a_given_path_otherwise(tmp_path: Path) -> None:
    (tmp_path / "other").symlink_to(tmp_path / "run")
    with managed(tmp_path) as manager:
        manager.start()
        write(tmp_path, BOTH.replace("DIR/run", "DIR/other"))

        reload(tmp_path)

        assert [ask(path, "alice", "secret") for path in manager.paths] == [OK, OK]


def test_a_listener_that_cannot_be_had_is_refused_with_the_line_for_the_socket_unit(tmp_path: Path) -> None:
    with managed(tmp_path) as manager:
        manager.start()
        write(tmp_path, f'{BOTH}[[listeners]]\npath = "DIR/missing/mux"\n')

        told = reload(tmp_path, expect=2)

        assert f"or have the service manager listen there: ListenStream={tmp_path}/missing/mux" in told
        assert [ask(path, "alice", "secret") for path in manager.paths] == [OK, OK]


def test_the_manager_is_told_of_start_reload_and_end(tmp_path: Path) -> None:
    with managed(tmp_path) as manager:
        manager.start()
        manager.process.send_signal(signal.SIGHUP)
        manager.wait_for("RELOADING=1")
        manager.wait_for("READY=1")
        manager.process.terminate()
        manager.wait_for("STOPPING=1")
        assert manager.process.wait(60) == 0


def test_a_wrong_configuration_ends_with_the_status_that_prevents_a_restart(tmp_path: Path) -> None:
    with managed(tmp_path, "[server]\nunknown = 1\n") as manager:
        manager.launch()

        assert manager.process.wait(60) == 2
        assert "RestartPreventExitStatus=2" in UNIT.with_name("authd.service").read_text()


def test_the_watchdog_is_fed_for_as_long_as_the_loop_runs(tmp_path: Path) -> None:
    with managed(tmp_path, watchdog=2) as manager:
        manager.start()
        manager.wait_for("WATCHDOG=1")

        manager.process.send_signal(signal.SIGSTOP)
        until(lambda: is_stopped(manager.process.pid), "it to stand still")
        manager.forget()
        assert not manager.hears("WATCHDOG=1", 2), "a process that is stopped says nothing"
        manager.process.send_signal(signal.SIGCONT)

        manager.wait_for("WATCHDOG=1")
        assert manager.stop() == 0


def test_the_watchdog_s_own_logins_are_neither_counted_nor_logged(tmp_path: Path) -> None:
    with managed(tmp_path, watchdog=0.4) as manager:
        manager.start()
        for _ in range(5):
            manager.wait_for("WATCHDOG=1")
        assert manager.stop() == 0

        assert "stopped after 0 connections" in manager.log
        assert "protocol_error" not in manager.log


@pytest.mark.parametrize(("uid", "counted_ones"), [(0, 0), (65534, 1)])
def test_nobody_but_root_is_taken_for_the_watchdog(tmp_path: Path, uid: int, counted_ones: int) -> None:
    """Root is who runs `authd doctor`."""
    ask_with_nothing = (
        "import os, socket, sys; os.chdir(sys.argv[1]); os.setgroups([]); os.setresuid(*[int(sys.argv[2])] * 3);"
        f"c = socket.socket(socket.AF_UNIX); c.connect('mux'); c.sendall({EMPTY!r}); print(c.recv(9).hex())"
    )
    with managed(tmp_path, watchdog=60) as manager:
        manager.start()
        manager.wait_for("WATCHDOG=1")
        socket = manager.paths[0]
        socket.chmod(0o666)
        socket.parent.chmod(0o755)

        command = [sys.executable, "-c", ask_with_nothing, str(socket.parent), str(uid)]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout

        assert bytes.fromhex(said) == NO
        assert manager.stop() == 0
        assert f"stopped after {counted_ones} connections" in manager.log
        assert manager.log.count("outcome=protocol_error") == counted_ones


def test_the_watchdog_is_not_fed_when_a_socket_of_our_own_is_gone(tmp_path: Path) -> None:
    with managed(tmp_path, f'{BOTH}[[listeners]]\npath = "DIR/mux"\n', watchdog=1) as manager:
        manager.start()
        manager.wait_for("WATCHDOG=1")

        (tmp_path / "mux").unlink()

        until(lambda: "watchdog: not fed" in manager.log, "the watchdog to notice")
        assert f"{tmp_path}/mux: expected a socket of ours" in manager.log
