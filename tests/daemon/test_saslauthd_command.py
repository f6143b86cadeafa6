"""`authd saslauthd` as a process: in the background, in the foreground, and where it cannot start."""

import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from authd import __version__
from tests.daemon.running import AUTHD, ENOUGH, NO, TEMPORARY, ask, connect, everything, unprivileged, until

SASLDB = ("-a", "sasldb")  # of this system, which may have none: clients are told of a temporary failure


def command(directory: Path, *flags: str) -> list[str]:
    return unprivileged([*AUTHD, "saslauthd", *flags, "-m", str(directory)])


def run(words: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    """Run to the end of all that holds the standard streams."""
    return subprocess.run(words, capture_output=True, text=True, timeout=ENOUGH)


@contextmanager
def in_background(directory: Path, *flags: str) -> Iterator[int]:
    """The daemon's pid; it is ended with the block, and really has ended."""
    started = run(command(directory, *flags))
    assert started.returncode == 0, started.stderr
    pid = int((directory / "saslauthd.pid").read_text())
    try:
        yield pid
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        until(lambda: has_ended(pid), "the end of the daemon")


def has_ended(pid: int) -> bool:
    """Whether it waits for nothing any more but to be collected, by whoever is process 1 here."""
    try:
        return ") Z " in Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    path = tmp_path / "run"
    path.mkdir(0o700)
    return path


def test_the_socket_answers_when_the_starting_process_has_said_0(directory: Path) -> None:
    with in_background(directory, *SASLDB):
        client = connect(directory / "mux")
        client.sendall(bytes(8))

        assert everything(client) == NO


def test_its_end_takes_pid_file_and_socket_away(directory: Path) -> None:
    with in_background(directory, *SASLDB):
        pass

    assert {path.name for path in directory.iterdir()} & {"saslauthd.pid", "mux"} == set()


def test_it_has_no_terminal_and_no_stream_of_whoever_started_it(directory: Path) -> None:
    with in_background(directory, *SASLDB) as pid:
        streams = {str(Path(f"/proc/{pid}/fd/{number}").readlink()) for number in range(3)}
        session = os.getsid(pid)
        place = Path(f"/proc/{pid}/cwd").readlink()

    assert streams == {os.devnull}
    assert session not in (pid, os.getsid(0))
    assert place == Path("/")


def test_sighup_leaves_it_as_it_was(directory: Path) -> None:
    """Debian's init script sends it for a reload, which the C daemon ignores."""
    with in_background(directory, *SASLDB) as pid:
        before = ask(directory / "mux", "alice", "secret")
        os.kill(pid, signal.SIGHUP)

        for _ in range(3):
            assert ask(directory / "mux", "alice", "secret") == before
        assert (directory / "saslauthd.pid").read_text() == f"{pid}\n"


def test_whoever_starts_it_may_ignore_the_end_of_children(directory: Path) -> None:
    started = run(["env", "--ignore-signal=CHLD", *command(directory, *SASLDB)])
    pid = int((directory / "saslauthd.pid").read_text())
    os.kill(pid, signal.SIGTERM)
    until(lambda: has_ended(pid), "the end of the daemon")

    assert (started.returncode, started.stdout, started.stderr) == (0, "", "")


def test_a_pid_file_that_a_dead_one_left_is_no_hindrance(directory: Path) -> None:
    (directory / "saslauthd.pid").write_text("4194303 and more\n")

    with in_background(directory, *SASLDB) as pid:
        assert (directory / "saslauthd.pid").read_text() == f"{pid}\n"


def test_a_socket_that_somebody_else_listens_at_is_exit_1_with_the_reason(directory: Path) -> None:
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(directory / "mux"))
        other.listen()

        ended = run(command(directory, *SASLDB))

    assert (ended.returncode, ended.stdout) == (1, "")
    assert f"{directory}/mux: expected nobody to listen there, got pid {os.getpid()} " in ended.stderr
    assert not (directory / "saslauthd.pid").exists()


def test_of_many_that_are_started_at_once_one_runs(directory: Path) -> None:
    processes = [subprocess.Popen(command(directory, *SASLDB), stderr=subprocess.PIPE, text=True) for _ in range(5)]
    said = [process.communicate(timeout=ENOUGH)[1] for process in processes]
    pid = int((directory / "saslauthd.pid").read_text())
    client = connect(directory / "mux")
    client.sendall(bytes(8))
    answer = everything(client)
    os.kill(pid, signal.SIGTERM)
    until(lambda: has_ended(pid), "the end of the daemon")

    assert sorted(process.returncode for process in processes) == [0, 2, 2, 2, 2]
    assert sum("another instance of saslauthd is running" in each for each in said) == 4
    assert answer == NO


def test_one_that_comes_too_late_leaves_the_configuration_as_it_was(directory: Path) -> None:
    with in_background(directory, *SASLDB):
        before = (directory / "authd.toml").read_text()
        ended = [run(command(directory, *SASLDB, "-c", *more)).returncode for more in ([], ["-d"])]

        assert (directory / "authd.toml").read_text() == before
    assert ended == [2, 2]


def test_what_needs_root_is_refused_without_it(directory: Path) -> None:
    ended = run(command(directory, "-a", "pam"))

    assert ended.returncode == 1
    assert "-a pam: expected to be started with the rights of root" in ended.stderr


def test_a_directory_that_all_may_enter_is_told(directory: Path) -> None:
    directory.chmod(0o755)

    ended = run(command(directory, "-a", "pam"))

    assert f"{directory}: every user of this system may try passwords here; close it: chgrp sasl" in ended.stderr


@pytest.mark.parametrize("flag", ["-d", "-f"])
def test_in_the_foreground_it_stays_and_logs_to_standard_error(directory: Path, flag: str) -> None:
    process = subprocess.Popen(command(directory, flag, *SASLDB), stderr=subprocess.PIPE, text=True)
    try:
        until((directory / "mux").is_socket, "the socket")
        answer = ask(directory / "mux", "alice", "secret")
    finally:
        process.terminate()
        _, log = process.communicate(timeout=ENOUGH)

    assert process.returncode == 0
    assert answer in (NO, TEMPORARY)
    assert f"listening on {directory}/mux" in log
    assert not (directory / "saslauthd.pid").exists()


def test_the_flags_may_come_from_a_file_as_debian_has_it(directory: Path, tmp_path: Path) -> None:
    defaults = tmp_path / "saslauthd-other"
    defaults.write_text(f'MECHANISMS="sasldb"\nTHREADS=0\nOPTIONS="-c -m {directory}"\n')

    with in_background(directory, "--defaults", str(defaults)):
        written = (directory / "authd.toml").read_text()

    assert written.startswith(f"# from {defaults}\n")


def test_where_no_process_can_be_had_that_is_one_line_and_exit_1() -> None:
    """Only of one who is not root is the limit heeded."""
    if os.geteuid() != 0:
        pytest.fail("run this test as root, who becomes a user without any process")
    script = (
        "import authd.daemon.drop_in, os, resource, sys\n"
        "from argparse import Namespace\n"
        "from authd.cli import saslauthd\n"
        "from authd.config import from_saslauthd, saslauthd_flags\n"
        "resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))\n"
        "os.setresuid(*[1_879_048_192] * 3)\n"
        "sys.exit(saslauthd.run(Namespace(words=sys.argv[1:])))"
    )
    with TemporaryDirectory() as directory:
        os.chown(directory, 1_879_048_192, -1)

        ended = run([AUTHD[0], "-c", script, *SASLDB, "-m", directory])

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == "authd saslauthd: expected to start a process, got: Resource temporarily unavailable\n"


def test_version_names_the_mechanisms_on_standard_error() -> None:
    ended = run([*AUTHD, "saslauthd", "-v"])

    assert (ended.returncode, ended.stdout) == (0, "")
    assert ended.stderr == f"authd {__version__}\nauthentication mechanisms: sasldb getpwent pam shadow ldap\n"
