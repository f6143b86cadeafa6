"""What `authd serve` promises to whoever connects, starts and stops it."""

import signal
import socket
import sqlite3
import stat
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.daemon.running import (
    AUTHD,
    ENOUGH,
    NO,
    OK,
    TEMPORARY,
    Authd,
    ask,
    connect,
    counted,
    everything,
    replace,
    running,
    unprivileged,
    until,
)

CONFIGURATION = """
[[listeners]]
path = "DIR/mux"

[[listeners]]
path = "DIR/second"
mode = "0600"

[backends.users]
type = "passwd-file"
path = "DIR/users"
"""


def write_users(directory: Path, *names: str) -> None:
    from authd_backends import Secret, hashes

    hash_ = hashes.new_hash(Secret(b"right"))
    (directory / "users").write_text("".join(f"{name}:{hash_}\n" for name in names))


@pytest.fixture
def authd(tmp_path: Path) -> Iterator[Authd]:
    write_users(tmp_path, "alice", "bob@example.org")
    with running(tmp_path, CONFIGURATION, sockets=("mux", "second")) as running_:
        yield running_


def test_right_and_wrong_passwords_of_users_with_and_without_a_realm(authd: Authd, tmp_path: Path) -> None:
    assert ask(authd.socket, "alice", "right") == OK
    assert ask(authd.socket, "alice", "wrong") == NO
    assert ask(tmp_path / "second", "nobody", "right") == NO
    assert ask(authd.socket, "", "right") == NO
    assert ask(authd.socket, "bob@example.org", "right") == OK


def test_the_sockets_have_the_modes_that_were_set(authd: Authd, tmp_path: Path) -> None:
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("mux", "second")]

    assert modes == [0o660, 0o600]


def test_an_outage_of_the_store_is_a_temporary_failure_and_ends_with_it(authd: Authd, tmp_path: Path) -> None:
    users = tmp_path / "users"
    users.rename(tmp_path / "away")
    assert ask(authd.socket, "alice", "right") == TEMPORARY
    (tmp_path / "away").rename(users)
    assert ask(authd.socket, "alice", "right") == OK


def test_the_log_tells_each_decision_and_no_password(authd: Authd) -> None:
    ask(authd.socket, "alice", "right")
    ask(authd.socket, "alice", "a-wrong-word")
    authd.wait_for_line("event=auth outcome=wrong_password user=alice")

    assert "event=auth outcome=accepted user=alice" in authd.log
    assert "saslauthd[" in authd.log
    assert "auth failure: [user=alice] [service=smtp] [realm=] [mech=passwd-file]" in authd.log
    assert "a-wrong-word" not in authd.log
    assert "right" not in authd.log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_with_0_and_leaves_no_socket(authd: Authd, tmp_path: Path, number: signal.Signals) -> None:
    assert authd.stop(number) == 0
    assert not (tmp_path / "mux").exists()
    assert not (tmp_path / "second").exists()
    assert "stopped after" in authd.log


def test_whoever_waits_when_it_is_told_to_stop_is_answered(authd: Authd) -> None:
    authd.process.send_signal(signal.SIGSTOP)
    clients = [connect(authd.socket) for _ in range(50)]
    for client in clients:
        client.sendall(counted(b"alice", b"right", b"smtp", b""))
    authd.process.send_signal(signal.SIGTERM)
    authd.process.send_signal(signal.SIGCONT)

    assert [everything(client) for client in clients] == [OK] * 50
    assert authd.process.wait(60) == 0


def test_a_socket_that_cannot_be_removed_keeps_nobody_waiting(authd: Authd, tmp_path: Path) -> None:
    """Its directory may have become read-only."""
    tmp_path.chmod(0o555)
    authd.process.send_signal(signal.SIGSTOP)
    client = connect(authd.socket)
    client.sendall(counted(b"alice", b"right", b"smtp", b""))
    authd.process.send_signal(signal.SIGTERM)
    authd.process.send_signal(signal.SIGCONT)

    assert everything(client) == OK
    assert authd.process.wait(60) == 0
    assert f"{authd.socket}: expected to remove the socket, got: Permission denied" in authd.log
    tmp_path.chmod(0o755)


def test_silent_clients_do_not_delay_the_end(authd: Authd) -> None:
    silent, half = connect(authd.socket), connect(authd.socket)
    half.sendall(b"\0\5al")
    assert ask(authd.socket, "alice", "right") == OK

    assert authd.stop() == 0
    assert everything(silent) == b""
    assert everything(half) in (b"", TEMPORARY)


def test_the_end_waits_for_no_request_however_long_the_deadlines_are(tmp_path: Path) -> None:
    write_users(tmp_path, "alice")
    hour = '[server]\nrequest_deadline = "1h"\nread_deadline = "1h"\nshutdown_deadline = "1h"\n'
    with running(tmp_path, CONFIGURATION + hour, sockets=("mux", "second")) as authd:
        silent = connect(authd.socket)
        assert ask(authd.socket, "alice", "right") == OK

        assert authd.stop() == 0
        assert everything(silent) == b""


def test_a_second_instance_on_the_same_socket_refuses_to_start(authd: Authd, tmp_path: Path) -> None:
    second = subprocess.run(
        unprivileged([*AUTHD, "serve", "--config", str(tmp_path / "authd.toml")]),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert second.returncode == 2
    assert f"{tmp_path}/mux: " in second.stderr
    assert f"pid {authd.process.pid} " in second.stderr
    assert ask(authd.socket, "alice", "right") == OK


def test_after_kill_9_the_next_start_finds_no_socket_in_its_way(tmp_path: Path) -> None:
    write_users(tmp_path, "alice")
    one = CONFIGURATION.replace('[[listeners]]\npath = "DIR/second"\nmode = "0600"\n', "")
    with running(tmp_path, one) as first:
        first.stop(signal.SIGKILL)
        assert (tmp_path / "mux").exists()
        first.log_file.write_text("")
        with running(tmp_path, one) as second:
            assert ask(second.socket, "alice", "right") == OK


def test_a_manager_is_told_when_it_is_ready_and_when_it_stops(tmp_path: Path) -> None:
    write_users(tmp_path, "alice")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.settimeout(60)
        manager.bind(str(tmp_path / "notify"))
        environment = {"NOTIFY_SOCKET": str(tmp_path / "notify")}
        with running(tmp_path, CONFIGURATION, environment=environment) as authd:
            assert manager.recv(100) == b"READY=1"
            authd.stop()
            assert manager.recv(100) == b"STOPPING=1"


def test_a_changed_password_works_at_once(authd: Authd, tmp_path: Path) -> None:
    from authd_backends import Secret, hashes

    new = hashes.new_hash(Secret(b"brand-new"))
    replace(tmp_path / "users", f"alice:{new}\n")

    assert ask(authd.socket, "alice", "brand-new") == OK
    assert ask(authd.socket, "alice", "right") == NO


def test_nothing_of_its_memory_reaches_a_core_file(authd: Authd) -> None:
    limits = Path(f"/proc/{authd.process.pid}/limits").read_text()

    (core,) = [line for line in limits.splitlines() if line.startswith("Max core file size")]
    assert core.split()[-3:-1] == ["0", "0"]


def test_the_soft_limit_of_descriptors_is_raised_to_the_hard_one(authd: Authd) -> None:
    limits = Path(f"/proc/{authd.process.pid}/limits").read_text()

    (files,) = [line.split() for line in limits.splitlines() if line.startswith("Max open files")]
    assert files[-3] == files[-2]


def test_a_start_that_a_backend_stops_leaves_no_socket_behind(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "users.db").close()
    (tmp_path / "authd.toml").write_text(
        f'[[listeners]]\npath = "{tmp_path}/mux"\n[control]\npath = "{tmp_path}/control"\n'
        f'[backends.users]\ntype = "sqlite"\npath = "{tmp_path}/users.db"\nquery = "SELECT nothing WHERE :login"\n'
    )
    command = unprivileged([*AUTHD, "serve", "--config", str(tmp_path / "authd.toml")])

    done = subprocess.run(command, capture_output=True, text=True, timeout=ENOUGH, check=False)

    assert done.returncode == 2
    assert "backends.users" in done.stderr
    assert sorted(each.name for each in tmp_path.iterdir() if each.is_socket()) == []


def test_where_descriptors_are_few_half_of_them_are_for_clients(tmp_path: Path) -> None:
    (tmp_path / "users").write_text("alice:{PLAIN}right\n")
    (tmp_path / "users").chmod(0o600)
    configuration = '[[listeners]]\npath = "DIR/mux"\n[backends.users]\ntype = "passwd-file"\npath = "DIR/users"\n'
    with running(tmp_path, configuration, command=("prlimit", "--nofile=60:60", *AUTHD)) as authd, ExitStack() as held:
        for _ in range(60):
            held.enter_context(connect(authd.socket))

        assert ask(authd.socket, "alice", "right") == OK
        assert ask(authd.socket, "alice", "wrong") == NO
        assert "got 60: serving 30" in authd.log
        assert _descriptors(authd) > 30


def test_ten_thousand_silent_half_sent_and_never_closing_clients_cost_others_nothing(authd: Authd) -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 10_000
    assert hard >= 2 * wanted, f"expected a descriptor limit of {2 * wanted} (ulimit -Hn), got {hard}"
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    held: list[socket.socket] = []
    try:
        for number in range(wanted):
            client = connect(authd.socket)
            if number % 3 == 1:
                client.sendall(b"\0\5al")
            elif number % 3 == 2:
                client.sendall(b"\0")
                client.sendall(b"\0")  # refused, and never closed
            held.append(client)
            if number % 1000 == 999:
                assert ask(authd.socket, "alice", "right") == OK
                assert ask(authd.socket, "alice", "wrong") == NO
        assert authd.process.poll() is None
    finally:
        for client in held:
            client.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    until(lambda: _descriptors(authd) < 100, "the descriptors to be given back")
    assert ask(authd.socket, "alice", "right") == OK


def _descriptors(authd: Authd) -> int:
    return len(list(Path(f"/proc/{authd.process.pid}/fd").iterdir()))


def test_many_clients_at_once_are_all_answered_rightly(authd: Authd) -> None:
    wrong: list[tuple[bytes, bytes]] = []

    def client(password: str, expected: bytes) -> None:
        for _ in range(10):
            got = ask(authd.socket, "alice", password)
            if got != expected:
                wrong.append((got, expected))

    threads = [
        threading.Thread(target=client, args=("right", OK) if number % 2 else ("wrong", NO)) for number in range(10)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []
